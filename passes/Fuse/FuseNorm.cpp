//===- FuseNorm.cpp - norms into linear maps ------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Moves a norm into the linear maps that are its only users. Each of them then
// normalises its input by itself.
//
//===----------------------------------------------------------------------===//

#include "passes/Fuse/Passes.h"

#include "dialects/FPMoE/FPMoE.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace fpmoe {

#define GEN_PASS_DEF_FUSENORM
#include "passes/Fuse/Passes.h.inc"

namespace {
/// Whether `use` is the input of a linear map that can take a norm.
bool canTakeNorm(OpOperand &use) {
  auto linear = dyn_cast<LinearOp>(use.getOwner());
  return linear && use.get() == linear.getInput() && !linear.getNorm() &&
         use.get() != linear.getResidual();
}

struct FuseNormPass : impl::FuseNormBase<FuseNormPass> {
  void runOnOperation() override {
    SmallVector<RmsNormOp> norms;
    getOperation().walk([&](RmsNormOp norm) {
      // The norms that linear maps compute are of whole rows.
      auto type = cast<RankedTensorType>(norm.getWeight().getType());
      if (type.getDimSize(0) == norm.getType().getDimSize(1) &&
          !norm->use_empty() && llvm::all_of(norm->getUses(), canTakeNorm))
        norms.push_back(norm);
    });
    for (RmsNormOp norm : norms) {
      for (Operation *user : llvm::make_early_inc_range(norm->getUsers())) {
        auto linear = cast<LinearOp>(user);
        OpBuilder builder(linear);
        Value fused = LinearOp::create(
            builder, linear.getLoc(), linear.getType(), norm.getInput(),
            linear.getWeight(), norm.getWeight(), norm.getEpsAttr(),
            linear.getBias(), linear.getResidual(),
            linear.getMultiplierAttr(), linear.getLowRank(),
            linear.getRanksAttr());
        linear.replaceAllUsesWith(fused);
        linear.erase();
      }
      norm.erase();
    }
  }
};
} // namespace

} // namespace fpmoe
