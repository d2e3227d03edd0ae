//===- WeightStore.h - weights for the reference ----------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Hands out rows of weights. What fits in a budget is evaluated once and kept,
// so that small models run fast; the rest is evaluated a few rows at a time
// whenever it is used, so that large ones run at all.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_REFERENCE_WEIGHTSTORE_H
#define FPMOE_LIB_REFERENCE_WEIGHTSTORE_H

#include "dialects/FPMoE/FPMoE.h"
#include "lib/Weights/Evaluate.h"

#include <map>
#include <vector>

namespace fpmoe {

/// One instance of a weight: the result of `fpmoe.get`.
struct WeightRef {
  WeightOp weight;
  mlir::RankedTensorType type;
  /// Number of the layer, 0 where the weight has no layers.
  int64_t layer = 0;

  llvm::ArrayRef<int64_t> shape() const { return type.getShape(); }
  int64_t columns() const { return shape().back(); }
};

class Products;

class WeightStore {
public:
  /// Keeps up to `budget` bytes of weights.
  WeightStore(const Sources &sources, uint64_t budget)
      : evaluator(sources), budget(budget) {}

  /// Calls `use(row, elements)` for blocks of whole rows that together are the
  /// rows [first, first + count), in order. A row is what the last dimension
  /// spans, whatever stands before it.
  llvm::Error forEachBlock(
      const WeightRef &ref, int64_t first, int64_t count,
      llvm::function_ref<void(int64_t row, llvm::ArrayRef<float>)> use);

  /// All elements of a small weight, such as a norm or a bias.
  llvm::Expected<std::vector<float>> getAll(const WeightRef &ref);

  /// What multiplies in the place of multiply(); null: nothing does.
  Products *products = nullptr;

private:
  using Key = std::pair<mlir::Operation *, int64_t>;

  RecipeEvaluator evaluator;
  uint64_t budget;
  std::map<Key, std::vector<float>> kept;
};

} // namespace fpmoe

#endif // FPMOE_LIB_REFERENCE_WEIGHTSTORE_H
