//===- Recipes.cpp - weights made of weights ------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Joins the recipes of weights into new ones and removes those that are not
// used any more.
//
//===----------------------------------------------------------------------===//

#include "passes/Assemble/Recipes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;

namespace fpmoe {

WeightOp getWeight(const SymbolTable &symbols, Value value) {
  auto get = value ? value.getDefiningOp<GetOp>() : GetOp();
  return get ? symbols.lookup<WeightOp>(get.getWeight()) : WeightOp();
}

bool haveSameLayers(const SymbolTable &symbols, ValueRange values) {
  WeightOp first = getWeight(symbols, values.front());
  if (!first)
    return false;
  Value layer = values.front().getDefiningOp<GetOp>().getLayer();
  return llvm::all_of(values, [&](Value value) {
    WeightOp weight = getWeight(symbols, value);
    return weight && weight.getLayersAttr() == first.getLayersAttr() &&
           value.getDefiningOp<GetOp>().getLayer() == layer;
  });
}

/// Copies the recipe of `weight` to where `builder` stands.
static Value copyRecipe(OpBuilder &builder, WeightOp weight,
                        ValueRange arguments) {
  IRMapping mapping;
  Block &block = weight.getRecipe().front();
  mapping.map(block.getArguments(), arguments);
  for (Operation &op : block.without_terminator())
    builder.clone(op, mapping);
  return mapping.lookup(weight.getResultValue());
}

Value joinWeights(OpBuilder &builder, SymbolTable &symbols, StringRef name,
                  ValueRange values, JoinFn join) {
  assert(haveSameLayers(symbols, values) && "weights have no joint one");
  WeightOp first = getWeight(symbols, values.front());
  OpBuilder recipe(first);
  // The type is known only when the recipe is there.
  auto joint = WeightOp::create(
      recipe, first.getLoc(), recipe.getStringAttr(name), first.getTypeAttr(),
      first.getLayersAttr(), IntegerAttr(), IntegerAttr());
  Block *block = recipe.createBlock(&joint.getRecipe());
  if (joint.getLayers())
    block->addArgument(recipe.getIndexType(), first.getLoc());
  SmallVector<Value> parts;
  for (Value value : values)
    parts.push_back(
        copyRecipe(recipe, getWeight(symbols, value), block->getArguments()));
  Value result = join(recipe, parts);
  YieldOp::create(recipe, first.getLoc(), result);
  joint.setType(cast<RankedTensorType>(result.getType()));
  symbols.insert(joint);
  auto get = values.front().getDefiningOp<GetOp>();
  return GetOp::create(builder, get.getLoc(), joint.getType(),
                       joint.getSymName(), get.getLayer());
}

bool eraseUnusedWeights(ModuleOp module) {
  bool changed = false;
  module.walk([&](GetOp get) {
    if (!get.use_empty())
      return;
    get.erase();
    changed = true;
  });
  llvm::DenseSet<StringAttr> used;
  if (auto uses = SymbolTable::getSymbolUses(&module.getRegion()))
    for (SymbolTable::SymbolUse use : *uses)
      used.insert(use.getSymbolRef().getRootReference());
  for (WeightOp weight : llvm::make_early_inc_range(module.getOps<WeightOp>()))
    if (!used.contains(weight.getSymNameAttr())) {
      weight.erase();
      changed = true;
    }
  return changed;
}

} // namespace fpmoe
