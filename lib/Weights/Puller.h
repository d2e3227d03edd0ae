//===- Puller.h - one evaluation of a recipe --------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pulls a window through a recipe: each op turns it into windows of its
// operands. What the ops do is in a file for each kind: sources in
// Evaluate.cpp, ops that only move elements in Arrange.cpp, arithmetic in
// Compute.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_WEIGHTS_PULLER_H
#define FPMOE_LIB_WEIGHTS_PULLER_H

#include "dialects/FPMoE/FPMoE.h"
#include "lib/Weights/Cache.h"
#include "lib/Weights/Sources.h"

#include "llvm/Support/Error.h"

#include <optional>

namespace fpmoe {

/// Evaluates the recipe of a weight for one layer, and of a model that is
/// split, for one rank.
class Puller {
public:
  Puller(const Sources &sources, RecipeCache &cache, int64_t layer,
         int64_t rank)
      : sources(sources), cache(cache), layer(layer), rank(rank) {}

  /// Elements from `first` on of a value, as numbers or as the bits of bf16.
  llvm::Error pull(mlir::Value value, int64_t first,
                   llvm::MutableArrayRef<float> out);
  llvm::Error pull(mlir::Value value, int64_t first,
                   llvm::MutableArrayRef<uint16_t> out);

  const Sources &sources;
  RecipeCache &cache;
  const int64_t layer, rank;
};

/// Evaluates an op that only moves elements; nothing if it is none. T is float,
/// or uint16_t for the bits of bf16.
template <typename T>
std::optional<llvm::Error> arrange(Puller &puller, mlir::Operation *op,
                                   int64_t first, llvm::MutableArrayRef<T> out);

/// Evaluates an op that computes numbers from those of its operands; nothing if
/// it is none.
std::optional<llvm::Error> compute(Puller &puller, mlir::Operation *op,
                                   int64_t first,
                                   llvm::MutableArrayRef<float> out);

/// Elements that are computed at once where others are needed for them.
inline constexpr size_t windowElements = 16384;

/// Rounds numbers that were made in f32 to the elements of `type`.
void roundTo(mlir::Type type, llvm::MutableArrayRef<float> out);

inline llvm::ArrayRef<int64_t> shapeOf(mlir::Value value) {
  return llvm::cast<mlir::RankedTensorType>(value.getType()).getShape();
}

inline int64_t elementsOf(mlir::Value value) {
  return llvm::cast<mlir::RankedTensorType>(value.getType()).getNumElements();
}

/// Elements of one index of the first `drop` dimensions.
inline int64_t elementsBelow(llvm::ArrayRef<int64_t> shape, size_t drop) {
  int64_t elements = 1;
  for (int64_t extent : shape.drop_front(drop))
    elements *= extent;
  return elements;
}

/// Cuts the window at multiples of `extent`: fetch(i, at, part) gets the part
/// inside the i-th stretch of that length, which starts at element `at` of it.
template <typename T, typename Fetch>
llvm::Error cut(int64_t first, llvm::MutableArrayRef<T> out, int64_t extent,
                Fetch fetch) {
  while (!out.empty()) {
    int64_t i = first / extent, at = first % extent;
    size_t count = std::min<int64_t>(out.size(), extent - at);
    if (llvm::Error e = fetch(i, at, out.take_front(count)))
      return e;
    first += count;
    out = out.drop_front(count);
  }
  return llvm::Error::success();
}

} // namespace fpmoe

#endif // FPMOE_LIB_WEIGHTS_PULLER_H
