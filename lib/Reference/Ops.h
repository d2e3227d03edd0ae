//===- Ops.h - the meaning of every op of the graph -------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One plain function for each op that computes. Activations are f32 between
// ops; sums inside an op are made in f64, so that their order does not matter.
// A fused op is the composition of the plain ones, to the last bit.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_REFERENCE_OPS_H
#define FPMOE_LIB_REFERENCE_OPS_H

#include "lib/Reference/WeightStore.h"

#include <cstdint>
#include <vector>

namespace fpmoe {

/// A matrix, row-major: activations, a row for each token.
template <typename T> struct Matrix {
  int64_t rows = 0;
  int64_t columns = 0;
  std::vector<T> data;

  Matrix() = default;
  Matrix(int64_t rows, int64_t columns)
      : rows(rows), columns(columns), data(rows * columns) {}

  llvm::MutableArrayRef<T> operator[](int64_t row) {
    return llvm::MutableArrayRef<T>(data).slice(row * columns, columns);
  }
  llvm::ArrayRef<T> operator[](int64_t row) const {
    return llvm::ArrayRef<T>(data).slice(row * columns, columns);
  }
};
using Rows = Matrix<float>;
using Ids = std::vector<int32_t>;

/// Keys and values of one layer, a row for each position.
struct LayerCache {
  Rows keys;
  Rows values;
};

/// Experts that the tokens take, best first, and their weights; -1: none.
struct Routes {
  Rows weights;
  Matrix<int32_t> experts;
};

/// The weights of a feed-forward network, or of one for each expert. The plain
/// ops have gate and up apart; the fused ones interleave them in `gate`.
struct FeedForward {
  WeightRef gate;
  std::optional<WeightRef> up;
  WeightRef down;
};

/// Errors of all functions: reading a weight fails; and what else they say.

/// Fails for an id that is not a row of the table.
llvm::Expected<Rows> embedding(WeightStore &store, const Ids &ids,
                               const WeightRef &table);
llvm::Expected<Rows> rmsNorm(WeightStore &store, const Rows &x,
                             const WeightRef &weight, double eps);
/// x W^T for rows [first, first + count) of the weight.
llvm::Expected<Rows> multiply(WeightStore &store, const Rows &x,
                              const WeightRef &weight, int64_t first,
                              int64_t count);
/// Adds the bias to every row of x.
llvm::Error addBias(WeightStore &store, Rows &x, const WeightRef &bias);
/// Fails for a position that is not a row of the table.
llvm::Expected<Rows> rope(WeightStore &store, const Rows &x,
                          const Ids &positions, const WeightRef &table);
Rows add(const Rows &x, const Rows &y);

struct AttentionShape {
  int64_t heads;
  int64_t kvHeads;
  double scale;
  /// Positions that a query sees, its own included.
  std::optional<int64_t> window;
};
/// Fails if the cache was filled with rows of another width.
llvm::Expected<Rows> attention(LayerCache &cache, const Rows &query,
                               const Rows &key, const Rows &value,
                               const Ids &positions,
                               const AttentionShape &shape);

/// Fails for a rule other than token choice and fixed.
llvm::Expected<Routes> route(WeightStore &store, const Rows &x,
                             const WeightRef *router, mlir::Attribute routing);
/// Fails for an expert that the weights do not hold.
llvm::Expected<Rows> experts(WeightStore &store, const Rows &x,
                             const Routes &routes, const FeedForward &weights);
/// `scale` may be null.
llvm::Expected<Rows> mlp(WeightStore &store, const Rows &x,
                         const FeedForward &weights, const WeightRef *scale);

} // namespace fpmoe

#endif // FPMOE_LIB_REFERENCE_OPS_H
