//===- FuseScale.cpp - multipliers into the ops before --------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Fuse/Passes.h"

#include "dialects/FPMoE/FPMoE.h"

using namespace mlir;

namespace fpmoe {

#define GEN_PASS_DEF_FUSESCALE
#include "passes/Fuse/Passes.h.inc"

namespace {
/// Gives the multiplier to `op`, which alone makes what is scaled. A residual is
/// added after scaling, so that an op that has one already cannot take it.
template <typename OpT> bool take(ScaleOp scale, OpT op) {
  if (!op || !op->hasOneUse() || op.getMultiplier())
    return false;
  if constexpr (std::is_same_v<OpT, LinearOp>)
    if (op.getResidual())
      return false;
  op.setMultiplierAttr(scale.getMultiplierAttr());
  scale.replaceAllUsesWith(op.getResult());
  scale.erase();
  return true;
}

struct FuseScalePass : impl::FuseScaleBase<FuseScalePass> {
  void runOnOperation() override {
    getOperation().walk([](ScaleOp scale) {
      take(scale, scale.getInput().getDefiningOp<EmbeddingOp>()) ||
          take(scale, scale.getInput().getDefiningOp<LinearOp>());
    });
  }
};
} // namespace

} // namespace fpmoe
