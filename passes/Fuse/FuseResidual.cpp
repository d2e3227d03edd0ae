//===- FuseResidual.cpp - additions into linear maps ----------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Lets a linear map start from the other operand of the addition that is its
// only user. The sum then needs no pass over the activations of its own.
//
//===----------------------------------------------------------------------===//

#include "passes/Fuse/Passes.h"

#include "dialects/FPMoE/FPMoE.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace fpmoe {

#define GEN_PASS_DEF_FUSERESIDUAL
#include "passes/Fuse/Passes.h.inc"

namespace {
/// The linear map that can take the other operand of its only user.
LinearOp findProducer(Value summand) {
  auto linear = summand.getDefiningOp<LinearOp>();
  return linear && summand.hasOneUse() && !linear.getResidual() ? linear
                                                                : LinearOp();
}

struct FuseResidualPass : impl::FuseResidualBase<FuseResidualPass> {
  void runOnOperation() override {
    getOperation().walk([](AddOp add) {
      Value residual = add.getLhs();
      LinearOp linear = findProducer(add.getRhs());
      if (!linear) {
        residual = add.getRhs();
        linear = findProducer(add.getLhs());
      }
      if (!linear)
        return;
      OpBuilder builder(add);
      Value fused = LinearOp::create(builder, add.getLoc(), add.getType(),
                                     linear.getInput(), linear.getWeight(),
                                     linear.getNorm(), linear.getEpsAttr(),
                                     linear.getBias(), residual,
                                     linear.getMultiplierAttr(),
                                     linear.getLowRank(),
                                     linear.getRanksAttr());
      add.replaceAllUsesWith(fused);
      add.erase();
      linear.erase();
    });
  }
};
} // namespace

} // namespace fpmoe
