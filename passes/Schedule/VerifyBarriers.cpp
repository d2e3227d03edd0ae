//===- VerifyBarriers.cpp - Legality of the schedule phase ----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Between any two phases without a barrier there must be no conflict; layers
// start and end behind a barrier, or all begin with one, since they follow each
// other. What a phase reads of a worker's own memory, that worker wrote.
//===----------------------------------------------------------------------===//

#include "passes/Schedule/Passes.h"

namespace fpmoe {
#define GEN_PASS_DEF_VERIFYBARRIERS
#include "passes/Schedule/Passes.h.inc"
} // namespace fpmoe

using namespace mlir;

namespace {

struct VerifyBarriersPass
    : fpmoe::impl::VerifyBarriersBase<VerifyBarriersPass> {
  void runOnOperation() override {
    WalkResult walk = getOperation().walk([](Block *block) {
      if (!isa<mega::PhaseOp>(block->getParentOp()) && failed(check(*block)))
        return WalkResult::interrupt();
      return WalkResult::advance();
    });
    if (walk.wasInterrupted() || failed(checkPrivate(getOperation())))
      signalPassFailure();
  }

  /// A tile belongs to one worker. So what a tile writes to private memory, the
  /// same phase alone may read, and what it reads from others, no tile writes.
  static LogicalResult checkPrivate(mega::ProgramOp program) {
    // The first phase with tiles that writes a buffer.
    llvm::SmallDenseMap<Value, mega::PhaseOp> writers;
    program.walk([&](mega::PhaseOp phase) {
      if (phase.getTiles())
        for (const mega::TileAccess &access : phase.getAccesses())
          if (access.write && mega::isPrivate(access.buffer))
            writers.try_emplace(access.buffer, phase);
    });
    WalkResult walk = program.walk([&](mega::PhaseOp phase) {
      llvm::SmallDenseSet<Value> written;
      for (const mega::TileAccess &access : phase.getAccesses())
        if (access.write)
          written.insert(access.buffer);
      for (const mega::TileAccess &access : phase.getAccesses()) {
        mega::PhaseOp writer = writers.lookup(access.buffer);
        if (!writer || written.contains(access.buffer))
          continue;
        InFlightDiagnostic diag =
            phase.emitOpError()
            << "'" << phase.getName()
            << "' reads private memory that a tile of another phase writes";
        diag.attachNote(writer.getLoc()) << "only the worker of that tile of '"
                                         << writer.getName() << "' has it";
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    return failure(walk.wasInterrupted());
  }

  /// Whether every layer has a barrier before its first phase.
  static bool beginWithBarriers(mega::LayersOp layers) {
    return llvm::all_of(layers.getKinds(), [](Region &kind) {
      for (Operation &op : kind.front()) {
        if (isa<mega::BarrierOp>(op))
          return true;
        if (auto phase = dyn_cast<mega::PhaseOp>(op);
            phase && !phase.getAhead())
          return false;
      }
      return false;
    });
  }

  /// Adds the phases behind the last barrier.
  static void addOpen(Block &block, SmallVectorImpl<mega::PhaseOp> &open) {
    for (Operation &op : llvm::reverse(block)) {
      if (isa<mega::BarrierOp>(op))
        return;
      if (auto phase = dyn_cast<mega::PhaseOp>(op); phase && !phase.getAhead())
        open.push_back(phase);
    }
  }

  static LogicalResult check(Block &block) {
    SmallVector<mega::PhaseOp> open;
    for (Operation &op : block) {
      if (isa<mega::BarrierOp>(op))
        open.clear();
      if (auto layers = dyn_cast<mega::LayersOp>(op)) {
        if (!open.empty() && !beginWithBarriers(layers))
          return op.emitOpError("needs a barrier before it");
        open.clear();
        for (Region &kind : layers.getKinds())
          addOpen(kind.front(), open);
      }
      auto phase = dyn_cast<mega::PhaseOp>(op);
      if (!phase || phase.getAhead())
        continue;
      for (mega::PhaseOp earlier : open)
        if (!mega::mayOverlap(earlier, phase)) {
          InFlightDiagnostic diag = phase.emitOpError()
                                    << "'" << phase.getName()
                                    << "' needs a barrier before it";
          diag.attachNote(earlier.getLoc())
              << "it touches what '" << earlier.getName() << "' does";
          return diag;
        }
      open.push_back(phase);
    }
    if (auto layers = dyn_cast<mega::LayersOp>(block.getParentOp());
        layers && !open.empty() && !beginWithBarriers(layers))
      return open.back().emitOpError("ends a layer without a barrier");
    return success();
  }
};

} // namespace
