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

struct ElideBarriersPass
    : fpmoe::impl::ElideBarriersBase<ElideBarriersPass> {
  void runOnOperation() override {
    getOperation().walk([](Block *block) {
      if (!isa<mega::PhaseOp>(block->getParentOp()))
        elide(*block);
    });
  }

  static void elide(Block &block) {
    // Phases since the last barrier that stays.
    SmallVector<mega::PhaseOp> open;
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (auto phase = dyn_cast<mega::PhaseOp>(op))
        open.push_back(phase);
      auto barrier = dyn_cast<mega::BarrierOp>(op);
      if (!barrier)
        continue;
      // Before layers, and at the end of one, the phases that follow are not
      // in this block: the barrier stays.
      auto next = dyn_cast_or_null<mega::PhaseOp>(op.getNextNode());
      if (next && llvm::all_of(open, [&](mega::PhaseOp phase) {
            return mega::mayOverlap(phase, next);
          }))
        barrier.erase();
      else
        open.clear();
    }
  }
};

} // namespace
