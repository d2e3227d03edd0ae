//===- ElideBarriers.cpp - Keeps barriers few -----------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Walks the phases in order and removes each barrier that separates only
// phases which may overlap.
//===----------------------------------------------------------------------===//

#include "passes/Schedule/Passes.h"

namespace fpmoe {
#define GEN_PASS_DEF_ELIDEBARRIERS
#include "passes/Schedule/Passes.h.inc"
} // namespace fpmoe

using namespace mlir;

namespace {

struct ElideBarriersPass : fpmoe::impl::ElideBarriersBase<ElideBarriersPass> {
  void runOnOperation() override {
    getOperation().walk([](Block *block) {
      if (!isa<mega::PhaseOp>(block->getParentOp()))
        elide(*block);
    });
  }

  /// The phases up to the next barrier; none where the next one does not stand
  /// in the same block.
  static SmallVector<mega::PhaseOp> phasesBehind(mega::BarrierOp barrier) {
    SmallVector<mega::PhaseOp> phases;
    for (Operation *op = barrier->getNextNode(); op; op = op->getNextNode()) {
      if (isa<mega::BarrierOp>(op))
        return phases;
      if (isa<mega::LayersOp>(op))
        return {};
      if (auto phase = dyn_cast<mega::PhaseOp>(op))
        phases.push_back(phase);
    }
    // The end of a layer, behind which there must be a barrier, or of the step.
    return isa<mega::LayersOp>(barrier->getParentOp())
               ? SmallVector<mega::PhaseOp>()
               : phases;
  }

  static void elide(Block &block) {
    // Phases since the last barrier that stays; whether those before, if any,
    // are of another block.
    SmallVector<mega::PhaseOp> open;
    bool isBegin = isa<mega::LayersOp>(block.getParentOp());
    for (Operation &op : llvm::make_early_inc_range(block)) {
      isBegin |= isa<mega::LayersOp>(op);
      if (auto phase = dyn_cast<mega::PhaseOp>(op);
          phase && !phase.getAhead()) {
        open.push_back(phase);
        isBegin = false;
      }
      auto barrier = dyn_cast<mega::BarrierOp>(op);
      if (!barrier)
        continue;
      // Before layers, and at the end of one, the phases that follow are not
      // in this block, and behind them, and at the beginning of one, those
      // before: the barrier stays.
      SmallVector<mega::PhaseOp> next = phasesBehind(barrier);
      if (!isBegin && !next.empty() &&
          llvm::all_of(open, [&](mega::PhaseOp phase) {
            return llvm::all_of(next, [&](mega::PhaseOp later) {
              return mega::mayOverlap(phase, later);
            });
          }))
        barrier.erase();
      else
        open.clear();
    }
  }
};

} // namespace
