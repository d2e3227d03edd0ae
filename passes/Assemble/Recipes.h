//===- Recipes.h - weights made of weights ----------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What passes on the graph share when they change weights: a pass never touches
// data, it writes a new recipe and gets the new weight where the old ones were.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_PASSES_ASSEMBLE_RECIPES_H
#define FPMOE_PASSES_ASSEMBLE_RECIPES_H

#include "dialects/FPMoE/FPMoE.h"

namespace fpmoe {

/// The weight that `value` gets, or null if it is not got from a weight.
WeightOp getWeight(const mlir::SymbolTable &symbols, mlir::Value value);

/// Whether all `values` are got from weights that have the same layers, and for
/// the same layer: only such weights have a joint one.
bool haveSameLayers(const mlir::SymbolTable &symbols, mlir::ValueRange values);

/// Computes the value of a recipe from the values of others.
using JoinFn = llvm::function_ref<mlir::Value(mlir::OpBuilder &builder,
                                              mlir::ValueRange recipes)>;

/// Makes a weight that `join` computes of the recipes of the weights that
/// `values` get, and gets it with `builder`. The weight is called `name`, or
/// `name_0`, ... if there is one of that name; it stands where the first of the
/// old weights stands. `values` must obey `haveSameLayers`.
mlir::Value joinWeights(mlir::OpBuilder &builder, mlir::SymbolTable &symbols,
                        llvm::StringRef name, mlir::ValueRange values,
                        JoinFn join);

/// Erases what gets a weight for nobody, and the weights that nobody gets.
/// Returns whether there was one.
bool eraseUnusedWeights(mlir::ModuleOp module);

} // namespace fpmoe

#endif // FPMOE_PASSES_ASSEMBLE_RECIPES_H
