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

/// A block meets a span with one row: first the scores, a position for each
/// thread, then their softmax, then the sum of values, a column for each
/// thread.
class SpanAttention {
public:
  /// For mega.attention and mega.attend_span.
  template <typename OpTy>
  SpanAttention(BlockContext &block, OpTy op, mlir::Value kvHead)
      : block(block), b(block.b), cache(block, op.getCache(), op.getHeadDim()),
        kvHead(kvHead), scores(block.base(op.getScores())), span(op.getSpan()),
        scale(op.getScale().convertToDouble()), window(op.getWindow()) {}

  /// Takes, in every thread, the largest score and the sum of powers.
  using Totals = llvm::function_ref<void(mlir::Value largest, mlir::Value sum)>;
  /// Takes, in one thread, a column of the sum of values.
  using Values =
      llvm::function_ref<void(mlir::Value column, mlir::Value value)>;
  /// The span that begins at position `start`, a multiple of its length. All
  /// threads have met when totals are called, and behind the values.
  void emit(const SpanRow &row, mlir::Value start, Totals totals,
            Values values);

private:
  mlir::Value load(mlir::Value from);
  llvm::SmallVector<mlir::Value>
  sumOver(mlir::Value count, int64_t sums, int64_t lot,
          llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value)> load,
          llvm::function_ref<void(llvm::ArrayRef<mlir::Value>,
                                  llvm::MutableArrayRef<mlir::Value>)>
              add);
  mlir::Value score(const SpanRow &row, mlir::Value position);

  BlockContext &block;
  KernelBuilder &b;
  CacheLayout cache;
  mlir::Value kvHead, scores;
  int64_t span;
  double scale;
  std::optional<uint64_t> window;
};

} // namespace fpmoe::cuda

#endif
