//===- Attention.h - Attention of a row over spans of the cache -*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_CUDA_ATTENTION_H
#define FPMOE_LIB_CODEGEN_CUDA_ATTENTION_H

#include "lib/Codegen/CPU/Attention.h"
#include "lib/Codegen/CUDA/Block.h"

namespace fpmoe::cuda {

/// A row of the query, and what it meets.
struct SpanRow {
  mlir::Value query;    ///< `[D]` f32
  mlir::Value position; ///< of the row (i64)
  mlir::Value pages;    ///< of its sequence
};

/// A warp meets a span with one row: a lane has the scores of some positions,
/// then some columns of the sum of values.
class SpanAttention {
public:
  /// For mega.attention and mega.attend_span.
  template <typename OpTy>
  SpanAttention(BlockContext &block, OpTy op, mlir::Value kvHead)
      : block(block), b(block.b), cache(block, op.getCache(), op.getHeadDim()),
        kvHead(kvHead), span(op.getSpan()),
        scale(op.getScale().convertToDouble()), window(op.getWindow()) {}

  /// The largest score, the sum of powers, and sums of values: of column
  /// `columnOf(c)` at [c].
  struct Sums {
    mlir::Value largest, powers;
    llvm::SmallVector<mlir::Value> values;
  };
  /// Of the span that begins at position `start`, a multiple of its length. The
  /// row sees some of it.
  Sums emit(const SpanRow &row, mlir::Value start);

  /// Columns of a lane; the last ones may lie behind the values.
  int64_t getLaneColumns() const {
    return llvm::divideCeil(cache.valueVectors() * kLanes, kWarpLanes);
  }
  mlir::Value columnOf(int64_t c) { return b.add(block.lane, c * kWarpLanes); }

private:
  llvm::SmallVector<mlir::Value> widen(mlir::Value bits);
  llvm::SmallVector<mlir::Value>
  emitScores(const SpanRow &row, mlir::ArrayRef<mlir::Value> positions);

  BlockContext &block;
  KernelBuilder &b;
  CacheLayout cache;
  mlir::Value kvHead;
  int64_t span;
  double scale;
  std::optional<uint64_t> window;
};

} // namespace fpmoe::cuda

#endif
