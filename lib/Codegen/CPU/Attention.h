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
#include "lib/Codegen/Formats/Tiles.h"

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

/// Rows that meet a span together. Row r, of f32, lies at query + r * rowBytes;
/// its position is `position` + r * positionStep, its scores are row first + r.
struct SpanRows {
  mlir::Value query;
  int64_t rowBytes, count;
  mlir::Value position;
  int64_t positionStep;
  mlir::Value first;
};

class SpanAttention {
public:
  /// For mega.attention and mega.attend_span.
  template <typename OpTy>
  SpanAttention(PhaseContext &phase, OpTy op, mlir::Value kvHead)
      : b(phase.b), cache(phase, op.getCache(), op.getHeadDim()),
        kvHead(kvHead), scores(phase.base(op.getScores())),
        scoreRows(dim(op.getScores(), 0)),
        scoreBytes(dim(op.getScores(), 1) * 4),
        scale(op.getScale().convertToDouble()), window(op.getWindow()),
        tileRows(getTileRows(op)) {}

  /// Rows that a tile of scores has, of which some may be no row; 0: scores are
  /// no tiles.
  int64_t getTileRows() const { return cache.tiles ? tileRows : 0; }

  /// Takes the largest score of row r (i64) and the sum of powers (16 equal
  /// lanes).
  using Totals = llvm::function_ref<void(mlir::Value r, mlir::Value largest,
                                         mlir::Value sum)>;
  /// Takes 16 columns of the sum of values of row r, from vector `vector` on.
  using Values = llvm::function_ref<void(mlir::Value r, mlir::Value vector,
                                         mlir::Value lanes)>;
  /// Rows whose sums fit into registers (getRowsAtOnce). Totals of all rows
  /// come before their values.
  void emit(const SpanRows &rows, const SpanPositions &span, Totals totals,
            Values values);
  /// The same of any number of rows that have one position, and are all that
  /// reads the span: keys and values come from memory. They are asked for a
  /// page ahead, and evenly, while the rows that there are scores for meet one
  /// page after the other.
  void emitFromMemory(const SpanRows &rows, const SpanPositions &span,
                      Totals totals, Values values);
  /// The same of `count` (i64) rows, up to getTileRows().
  void emitTiles(const SpanRows &rows, mlir::Value count,
                 const SpanPositions &span, bool fromMemory, Totals totals,
                 Values values);

private:
  /// A function has one shape of tiles: that of many tokens, or of the heads of
  /// one.
  static int64_t getTileRows(mega::AttentionOp) { return kTileRows; }
  static int64_t getTileRows(mega::AttendSpanOp op) {
    int64_t group = op.getHeads() / op.getKvHeads();
    return llvm::divideCeil(group, llvm::divideCeil(group, kTileRows));
  }
  /// Rows that there are scores for.
  void emitTogether(const SpanRows &rows, const SpanPositions &span,
                    Totals totals, Values values);
  /// Rows from `row` on, at most so many at a time.
  void
  forRuns(const SpanRows &rows, int64_t most,
          llvm::function_ref<void(mlir::Value row, const SpanRows &)> body);
  /// Cache lines to ask for.
  struct Ahead {
    mlir::Value place;
    int64_t lines;
  };
  void emitAhead(mlir::Value place, int64_t lines);
  /// `ahead`, if there is one, is of the keys of the first of 16 positions of a
  /// page: as many lines for each 16 positions, as far apart as their keys.
  void emitScores(const SpanRows &rows, const SpanPositions &span,
                  const Ahead *ahead);
  void storeScores(mlir::Value lanes, mlir::Value own, mlir::Value position,
                   mlir::Value place, bool isMasked);
  void emitSoftmax(mlir::Value row, const SpanPositions &span, Totals totals);
  void emitValues(const SpanRows &rows, const SpanPositions &span,
                  Values values);
  /// All vectors of columns of a value, `count` at once.
  void
  forVectors(const SpanRows &rows,
             llvm::function_ref<void(mlir::Value vector, int64_t count)> body);
  /// Sums of these columns with what the positions of a page, or some of them,
  /// add to them: of row r and vector v at [r * count + v].
  llvm::SmallVector<mlir::Value>
  emitValuesOfPage(const SpanRows &rows, const SpanPositions &page,
                   mlir::Value vector, int64_t count, mlir::ValueRange before);
  /// Rounded rows are copied, the others are those given.
  SpanRows roundRows(const SpanRows &rows, mlir::Value count);
  /// Powers of scores take their place: of half the bytes where rows are
  /// rounded.
  mlir::Value scoreAt(const SpanPositions &span, mlir::Value row,
                      mlir::Value position);
  mlir::Value powerAt(const SpanPositions &span, mlir::Value row,
                      mlir::Value position);
  /// Scores of [begin, end) become powers; their sum is returned.
  mlir::Value emitPowers(mlir::Value row, const SpanPositions &span,
                         mlir::Value largest);
  void emitScoreTiles(const SpanRows &rows, const SpanPositions &pages,
                      bool fromMemory);
  void emitTileSoftmax(const SpanRows &rows, mlir::Value row,
                       const SpanPositions &pages, Totals totals);
  void emitValueTiles(const SpanRows &rows, mlir::Value count,
                      const SpanPositions &pages, bool fromMemory,
                      Values values);
  /// Words of the rows that a tile multiplies.
  int64_t getTileDepth() const {
    return cache.keyColumns % (2 * kTileRows) ? kTileRows / 2 : kTileRows;
  }

  KernelBuilder &b;
  CacheLayout cache;
  mlir::Value kvHead, scores;
  int64_t scoreRows, scoreBytes;
  double scale;
  std::optional<uint64_t> window;
  int64_t tileRows;
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
