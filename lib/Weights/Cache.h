//===- Cache.h - what evaluations of recipes share --------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Two things are worth keeping between windows of a recipe: which elements a
// TIES merge keeps, a property of whole tensors that takes passes over them,
// and the thin matrices of adapters, of which every row of a product needs all.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_WEIGHTS_CACHE_H
#define FPMOE_LIB_WEIGHTS_CACHE_H

#include "dialects/FPMoE/FPMoE.h"
#include "lib/Weights/Select.h"

#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <vector>

namespace fpmoe {

/// Thread-safe. Selections take a few bytes for each tensor that is trimmed;
/// matrices are dropped, least recently used first, above a bound.
class RecipeCache {
public:
  using Matrix = std::shared_ptr<const std::vector<float>>;

  /// Bytes of all matrices together, and of one that is worth keeping.
  static constexpr size_t maxBytes = size_t(64) << 20;
  static constexpr size_t maxMatrixBytes = maxBytes / 4;

  /// The selection for an operand of a merge, made by the first who asks; the
  /// others wait for it.
  llvm::Expected<Selection>
  select(mlir::Operation *op, int64_t operand, int64_t layer,
         llvm::function_ref<llvm::Expected<Selection>()> make);

  /// Matrix `index` of a value, of `elements` elements.
  llvm::Expected<Matrix>
  matrix(mlir::Value value, int64_t index, int64_t layer, int64_t elements,
         llvm::function_ref<llvm::Error(llvm::MutableArrayRef<float>)> make);

private:
  using Key = std::tuple<const void *, int64_t, int64_t>;

  struct SelectionEntry {
    std::mutex mutex;
    bool isMade = false;
    Selection selection;
  };
  struct MatrixEntry {
    Matrix matrix;
    uint64_t lastUse;
  };

  /// Guards the maps.
  std::mutex mutex;
  std::map<Key, std::shared_ptr<SelectionEntry>> selections;
  std::map<Key, MatrixEntry> matrices;
  size_t bytes = 0;
  uint64_t uses = 0;
};

} // namespace fpmoe

#endif // FPMOE_LIB_WEIGHTS_CACHE_H
