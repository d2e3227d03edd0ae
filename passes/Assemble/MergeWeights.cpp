//===- MergeWeights.cpp - one of the weights that are made alike ----------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compares recipes op by op and lets all users get the first weight of each
// kind.
//
//===----------------------------------------------------------------------===//

#include "passes/Assemble/Passes.h"
#include "passes/Assemble/Recipes.h"

#include "llvm/ADT/DenseMap.h"

using namespace mlir;

namespace fpmoe {

#define GEN_PASS_DEF_MERGEWEIGHTS
#include "passes/Assemble/Passes.h.inc"

namespace {
bool areAlike(WeightOp a, WeightOp b) {
  return a.getTypeAttr() == b.getTypeAttr() &&
         a.getLayersAttr() == b.getLayersAttr() &&
         OperationEquivalence::isRegionEquivalentTo(
             &a.getRecipe(), &b.getRecipe(),
             OperationEquivalence::IgnoreLocations);
}

struct MergeWeightsPass : impl::MergeWeightsBase<MergeWeightsPass> {
  void runOnOperation() override {
    SmallVector<WeightOp> kept;
    llvm::DenseMap<StringAttr, FlatSymbolRefAttr> replaced;
    for (auto weight : getOperation().getOps<WeightOp>()) {
      auto alike = llvm::find_if(
          kept, [&](WeightOp other) { return areAlike(other, weight); });
      if (alike == kept.end())
        kept.push_back(weight);
      else
        replaced[weight.getSymNameAttr()] = FlatSymbolRefAttr::get(*alike);
    }
    if (replaced.empty())
      return;
    getOperation().walk([&](GetOp get) {
      auto found = replaced.find(get.getWeightAttr().getAttr());
      if (found != replaced.end())
        get.setWeightAttr(found->second);
    });
    eraseUnusedWeights(getOperation());
  }
};
} // namespace

} // namespace fpmoe
