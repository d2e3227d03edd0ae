//===- Attention.h - Attention over spans of the cache ----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// What the ops of attention share: how rows of queries meet a span of positions
// and how spans are put together, as `mega.attention` says.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_CPU_ATTENTION_H
#define FPMOE_LIB_CODEGEN_CPU_ATTENTION_H

#include "lib/Codegen/CPU/Cache.h"

namespace fpmoe {

/// The largest score of a span that a row sees nothing of. Scores are above it,
/// those of hidden positions far below.
constexpr float kNoScore = -5e29f, kHiddenScore = -1e30f;

/// The first position that is looked at for rows from `position` on, a multiple
/// of 16: all before it are out of the window.
mlir::Value emitFirstSeen(KernelBuilder &b, mlir::Value position,
                          std::optional<uint64_t> window);

/// Positions of a span that some row sees: [begin, end), `begin` is a multiple
/// of 16. `start` is where the span begins; `pages` are those of the sequence.
struct SpanPositions {
  mlir::Value start, begin, end, pages;
};

/// Rows that meet a span together. Row r lies at query + r * rowBytes; its
/// position is `position` + r * positionStep.
struct SpanRows {
  mlir::Value query;
  int64_t rowBytes, count;
  mlir::Value position;
  int64_t positionStep;
  bool prefetches; ///< keys and values are asked for before they are read
};

class SpanAttention {
public:
  /// For mega.attention and mega.attend_span.
  template <typename OpTy>
  SpanAttention(PhaseContext &phase, OpTy op, mlir::Value kvHead)
      : b(phase.b), cache(phase, op.getCache(), op.getHeadDim()),
        kvHead(kvHead), scores(phase.base(op.getScores())),
        scoreBytes(dim(op.getScores(), 1) * 4),
        scale(op.getScale().convertToDouble()), window(op.getWindow()) {}

  /// Takes the largest score of row r and the sum of powers (16 equal lanes).
  using Totals =
      llvm::function_ref<void(int64_t r, mlir::Value largest, mlir::Value sum)>;
  /// Takes 16 columns of the sum of values of row r, from vector `vector` on.
  using Values = llvm::function_ref<void(int64_t r, mlir::Value vector,
                                         mlir::Value lanes)>;
  /// Totals of all rows come before their values.
  void emit(const SpanRows &rows, const SpanPositions &span, Totals totals,
            Values values);

private:
  void emitPrefetch(const SpanPositions &span, mlir::Value position);
  void emitScores(const SpanRows &rows, const SpanPositions &span);
  void storeScores(mlir::Value lanes, int64_t r, mlir::Value own,
                   mlir::Value position, mlir::Value place, bool isMasked);
  void emitSoftmax(int64_t r, const SpanPositions &span, Totals totals);
  void emitValues(const SpanRows &rows, const SpanPositions &span,
                  Values values);
  mlir::Value scoreAt(const SpanPositions &span, mlir::Value position);

  KernelBuilder &b;
  CacheLayout cache;
  mlir::Value kvHead, scores;
  int64_t scoreBytes;
  double scale;
  std::optional<uint64_t> window;
};

/// What sums before a span and sums of the span are multiplied by, where their
/// largest scores are these: f32, or 16 equal lanes.
struct SpanFactors {
  mlir::Value largest, before, here;
};
SpanFactors emitSpanFactors(KernelBuilder &b, mlir::Value before,
                            mlir::Value here);
mlir::Value emitMerged(KernelBuilder &b, const SpanFactors &factors,
                       mlir::Value before, mlir::Value here);

/// Stores a head of a row of the operand: `lanesOf(column)` gives 16 columns.
void emitStoreHead(KernelBuilder &b, const OperandBlock &operand,
                   mlir::Value row, mlir::Value head, int64_t valueDim,
                   llvm::function_ref<mlir::Value(mlir::Value column)> lanesOf);

/// Zeros behind the last of `heads` heads of rows [firstRow, lastRow), where
/// columns are rounded up: done by the tile of that head.
void emitClearTail(KernelBuilder &b, const OperandBlock &operand,
                   mlir::Value head, int64_t heads, int64_t valueDim,
                   mlir::Value firstRow, mlir::Value lastRow);

/// Spans that the token of the op's step sees.
template <typename OpTy>
mlir::Value emitSpanCount(PhaseContext &phase, OpTy op) {
  KernelBuilder &b = phase.b;
  mlir::Value position = phase.element(op.getPositions(), b.i64(0));
  mlir::Value from = emitFirstSeen(b, position, op.getWindow());
  return b.add(b.sub(b.div(position, op.getSpan()), b.div(from, op.getSpan())),
               1);
}

} // namespace fpmoe

#endif
