//===- PrefetchWeights.cpp - Weights before the barriers ahead of them ----===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A phase that reads weights is copied, `ahead`, in front of an earlier
// barrier. What is asked for has to be in the cache still when it is read, so
// little may be read in between. Of a CPU, memory has always work but while
// workers wait for a sum over ranks.
//===----------------------------------------------------------------------===//

#include "passes/Schedule/Passes.h"

namespace fpmoe {
#define GEN_PASS_DEF_PREFETCHWEIGHTS
#include "passes/Schedule/Passes.h.inc"
} // namespace fpmoe

using namespace mlir;

/// Barriers that weights have time to come: what a card reads meanwhile is more
/// than what is asked for.
static constexpr int64_t kBarriers = 2;
/// Weights of a phase that the second-level caches of large cards hold beside
/// what is asked for.
static constexpr int64_t kLittleBytes = 8 << 20;

namespace {

struct PrefetchWeightsPass
    : fpmoe::impl::PrefetchWeightsBase<PrefetchWeightsPass> {
  void runOnOperation() override {
    mega::ProgramOp program = getOperation();
    isCpu = mega::getTarget(program).getThreads() == 1;
    if (program.getMaxTokens() != 1 || (isCpu && !hasExchange(program)))
      return;
    if (mega::LayersOp layers = program.getLayersOp()) {
      beginWithBarriers(layers);
      for (Region &kind : layers.getKinds())
        prefetch(kind.front());
    }
    prefetch(program.getBody().front());
  }

private:
  /// The barrier that stands in front of a layer's first phase stands in the
  /// layer then.
  static void beginWithBarriers(mega::LayersOp layers) {
    auto before = dyn_cast_or_null<mega::BarrierOp>(layers->getPrevNode());
    auto endsWithBarrier = [](Region &kind) {
      return !kind.front().empty() && isa<mega::BarrierOp>(kind.front().back());
    };
    if (!before || !llvm::all_of(layers.getKinds(), endsWithBarrier))
      return;
    before->moveAfter(layers);
    for (Region &kind : layers.getKinds())
      kind.front().back().moveBefore(&kind.front(), kind.front().begin());
  }

  static bool hasExchange(Operation *op) {
    return op->walk([](mega::ExchangeOp) { return WalkResult::interrupt(); })
        .wasInterrupted();
  }

  /// Whether one of the phases since the barrier before this one is a sum over
  /// ranks; at the beginning of a layer, and behind the layers, since the last
  /// barrier of a layer.
  static bool waitsForExchange(Operation *barrier) {
    Operation *op = barrier->getPrevNode();
    for (; op && !isa<mega::BarrierOp, mega::LayersOp>(op);
         op = op->getPrevNode())
      if (isa<mega::PhaseOp>(op) && hasExchange(op))
        return true;
    auto layers =
        dyn_cast_or_null<mega::LayersOp>(op ? op : barrier->getParentOp());
    return layers && llvm::any_of(layers.getKinds(), [](Region &kind) {
             for (Operation &last : llvm::reverse(kind.front())) {
               if (isa<mega::BarrierOp>(last))
                 return false;
               if (isa<mega::PhaseOp>(last) && hasExchange(&last))
                 return true;
             }
             return false;
           });
  }

  /// Whether what is asked for before a phase may be gone behind it.
  bool readsMuch(mega::PhaseOp phase) {
    if (phase.getAhead() || !phase.readsWeights())
      return false;
    if (isCpu)
      return true;
    int64_t bytes = 0;
    auto tile = cast<mega::TileOpInterface>(phase.getBody().front().front());
    for (Value weight : tile.getProduct().weights) {
      mega::PackedLayout layout(cast<RankedTensorType>(weight.getType()));
      bytes += layout.matrices * layout.matrixBytes();
    }
    return bytes > kLittleBytes;
  }

  void prefetch(Block &block) {
    for (Operation &op : llvm::make_early_inc_range(block))
      if (auto phase = dyn_cast<mega::PhaseOp>(op);
          phase && phase.readsWeights() && !phase.getAhead())
        prefetch(phase);
  }

  void prefetch(mega::PhaseOp phase) {
    SmallVector<Operation *> barriers; // the last one first
    for (Operation *op = phase->getPrevNode(); op; op = op->getPrevNode()) {
      auto between = dyn_cast<mega::PhaseOp>(op);
      if (isa<mega::LayersOp>(op) || (between && readsMuch(between)))
        break;
      if (isa<mega::BarrierOp>(op) && (!isCpu || waitsForExchange(op)))
        barriers.push_back(op);
    }
    if (barriers.empty())
      return;
    barriers.truncate(std::min<size_t>(barriers.size(), kBarriers));
    for (Operation *barrier : llvm::reverse(barriers))
      if (knowsExperts(barrier, phase))
        return copyAhead(phase, barrier, /*isKnown=*/true);
    copyAhead(phase, barriers.back(), /*isKnown=*/false);
  }

  /// Whether it is known at the barrier which experts the phase takes, if any.
  static bool knowsExperts(Operation *barrier, mega::PhaseOp phase) {
    Operation &tile = phase.getBody().front().front();
    Value experts;
    if (auto up = dyn_cast<mega::ExpertUpOp>(tile))
      experts = up.getExperts();
    else if (auto down = dyn_cast<mega::ExpertDownOp>(tile))
      experts = down.getExperts();
    for (Operation *op = barrier; op != phase; op = op->getNextNode())
      if (auto between = dyn_cast<mega::PhaseOp>(op))
        for (const mega::TileAccess &access : between.getAccesses())
          if (access.write && access.buffer == experts)
            return false;
    return true;
  }

  static void copyAhead(mega::PhaseOp phase, Operation *barrier, bool isKnown) {
    OpBuilder b(barrier);
    auto copy = cast<mega::PhaseOp>(b.clone(*phase));
    copy.setName((phase.getName() + "_ahead").str());
    copy.setAhead(true);
    Operation &tile = copy.getBody().front().front();
    if (!isKnown) {
      // What all tokens take is certain.
      if (auto up = dyn_cast<mega::ExpertUpOp>(tile))
        up.getGateUpMutable().clear();
      else
        cast<mega::ExpertDownOp>(tile).getDownMutable().clear();
      if (cast<mega::TileOpInterface>(tile).getProduct().weights.empty())
        return copy.erase();
    }
    b.setInsertionPoint(copy);
    for (OpOperand &operand : tile.getOpOperands())
      if (auto weight = operand.get().getDefiningOp<mega::WeightOp>())
        operand.set(b.clone(*weight)->getResult(0));
  }

  bool isCpu = false;
};

} // namespace
