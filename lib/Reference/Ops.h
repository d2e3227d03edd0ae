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

/// What widens the input of a product, and the language of each row.
struct LowRank {
  WeightRef weight;
  llvm::ArrayRef<int64_t> ranks;
  const Ids &languages;
};

/// The weights of a feed-forward network, or of one for each expert. The plain
/// ops have gate and up apart; the fused ones have both in `gate`, up behind
/// gate.
struct FeedForward {
  WeightRef gate;
  std::optional<WeightRef> up;
  WeightRef down;
  /// For the inputs of gate and up, and of down.
  std::optional<LowRank> upLowRank = std::nullopt;
  std::optional<LowRank> downLowRank = std::nullopt;
};

/// Takes the place of the reference's products of rows by matrices.
class Products {
public:
  virtual ~Products() = default;
  /// As multiply() below.
  virtual llvm::Expected<Rows> multiply(const Rows &x, const WeightRef &weight,
                                        int64_t first, int64_t count) = 0;
  /// A product by a whole weight, whose result nobody takes.
  virtual llvm::Error see(const Rows &x, const WeightRef &weight) = 0;
};

/// Errors of all functions: reading a weight fails; and what else they say.

/// Fails for an id that is not a row of the table.
llvm::Expected<Rows> embedding(WeightStore &store, const Ids &ids,
                               const WeightRef &table);
/// Of every row, or of every group of columns as wide as the weight.
llvm::Expected<Rows> rmsNorm(WeightStore &store, const Rows &x,
                             const WeightRef &weight, double eps);
/// x W^T for rows [first, first + count) of the weight.
llvm::Expected<Rows> multiply(WeightStore &store, const Rows &x,
                              const WeightRef &weight, int64_t first,
                              int64_t count);
/// Puts A x behind x, without what other languages than the row's have.
llvm::Expected<Rows> widen(WeightStore &store, const Rows &x,
                           const LowRank &lowRank);
/// Adds the bias to every row of x.
llvm::Error addBias(WeightStore &store, Rows &x, const WeightRef &bias);
/// Turns the last columns of every head. Fails for a position that is not a row
/// of the table.
llvm::Expected<Rows> rope(WeightStore &store, const Rows &x,
                          const Ids &positions, const WeightRef &table,
                          int64_t headDim);
Rows add(const Rows &x, const Rows &y);
Rows scale(Rows x, double multiplier);
Rows clamp(Rows x, double limit);
/// Every head of x followed by the row of `tail`.
Rows extendHeads(const Rows &x, const Rows &tail, int64_t heads);

struct AttentionShape {
  int64_t heads;
  int64_t kvHeads;
  double scale;
  /// Positions that a query sees, its own included.
  std::optional<int64_t> window;
  /// The cache holds bf16; else f32.
  bool cachesBf16 = false;
};
/// Fails if the cache was filled with rows of another width.
llvm::Expected<Rows> attention(LayerCache &cache, const Rows &query,
                               const Rows &key, const Rows &value,
                               const Ids &positions,
                               const AttentionShape &shape);

/// What a run knows of the segments that its tokens are in (`two_level`).
enum class SegmentMode {
  open,   ///< they may go on: the token level alone
  closed, ///< the run starts with a segment: complete ones are routed causally
  whole   ///< the run is the whole text: segments are routed as published
};

/// Fails for a segment-level rule alone, and for one by language.
llvm::Expected<Routes> route(WeightStore &store, const Rows &x,
                             const WeightRef *router, mlir::Attribute routing,
                             SegmentMode mode);
/// Adds the experts of complete segments to lists that have those of the token
/// level.
llvm::Error routeSegments(WeightStore &store, const Rows &x,
                          const WeightRef &router, TwoLevelAttr levels,
                          SegmentMode mode, Routes &routes);
/// Fails for an expert that the weights do not hold.
llvm::Expected<Rows> experts(WeightStore &store, const Rows &x,
                             const Routes &routes, const FeedForward &weights);
/// `scale` may be null.
llvm::Expected<Rows> mlp(WeightStore &store, const Rows &x,
                         const FeedForward &weights, const WeightRef *scale);

} // namespace fpmoe

#endif // FPMOE_LIB_REFERENCE_OPS_H
