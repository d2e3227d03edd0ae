//===- VerifyRecipes.cpp - where weights come from ------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Closes the assemble phase: every weight can be made from a checkpoint, random
// numbers or a formula.
//
//===----------------------------------------------------------------------===//

#include "passes/Assemble/Passes.h"

#include "dialects/FPMoE/FPMoE.h"

using namespace mlir;

namespace fpmoe {

#define GEN_PASS_DEF_VERIFYRECIPES
#include "passes/Assemble/Passes.h.inc"

namespace {
struct VerifyRecipesPass : impl::VerifyRecipesBase<VerifyRecipesPass> {
  void runOnOperation() override {
    for (auto weight : getOperation().getOps<WeightOp>())
      for (Operation &op : weight.getRecipe().getOps())
        if (op.getDialect() != weight->getDialect()) {
          op.emitOpError("stands in the recipe of '")
              << weight.getSymName()
              << "', which comes from load, random, rope_table and fill alone";
          return signalPassFailure();
        }
  }
};
} // namespace

} // namespace fpmoe
