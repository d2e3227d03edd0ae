//===- Attention.cpp - Attention of a head over the cache -----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Scores, softmax and the sum of values, each over all positions that a block
// of rows can see. Rows are tokens of one head, or, for one token, the heads
// that share keys and values.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Attention.h"

using namespace mlir;
using namespace fpmoe;

namespace {

class AttentionTile {
public:
  AttentionTile(PhaseContext &phase, mega::AttentionOp op, Tile tile)
      : phase(phase), op(op), b(phase.b), one(phase.maxTokens == 1),
        group(op.getHeads() / op.getKvHeads()),
        cache(phase, op.getCache(), op.getHeadDim()),
        scores(phase.base(op.getScores())),
        scoreBytes(dim(op.getScores(), 1) * 4), padded(dim(op.getQuery(), 2)),
        head(one ? b.mul(tile[0], group) : tile[0]),
        kvHead(one ? tile[0] : b.div(tile[0], group)),
        first(b.mul(tile[1], phase.blockRows)),
        firstPosition(b.add(phase.number(op.getPosition()), first)),
        operand(phase.block(op.getOperand(), tile[1])) {}

  void emit() {
    Value tokens = b.min(b.sub(phase.count, first), b.i64(phase.blockRows));
    Value rows = one ? b.i64(group) : tokens;
    // Positions [from, end) can be seen by some row; from is a multiple of 16.
    end = b.add(firstPosition, tokens);
    from = b.i64(0);
    if (op.getWindow())
      from =
          b.mul(b.div(b.max(b.add(firstPosition, 1 - int64_t(*op.getWindow())),
                            b.i64(0)),
                      kLanes),
                kLanes);
    // As many rows at a time as there is scratch for, then what is left.
    int64_t most = dim(op.getScores(), 0);
    Value whole = b.mul(b.div(rows, most), most);
    b.loop(b.i64(0), whole, most, [&](Value row) { emitRows(row, most); });
    if (!one)
      b.loop(whole, rows, 1, [&](Value row) { emitRows(row, 1); });
    else if (group % most)
      emitRows(whole, group % most);
    clear(tokens);
  }

private:
  /// Scores, softmax and the sum of values of some rows.
  void emitRows(Value row, int64_t numRows) {
    emitScores(row, numRows);
    for (int64_t r = 0; r < numRows; ++r)
      emitSoftmax(b.at(scores, r * scoreBytes));
    emitSum(row, numRows);
  }

  void emitScores(Value row, int64_t numRows) {
    int64_t heads = op.getHeads();
    int64_t rowBytes = (one ? 1 : heads) * padded * 4;
    Value query =
        b.at(phase.base(op.getQuery()),
             b.add(b.mul(b.add(b.mul(first, heads), head), padded * 4),
                   b.mul(row, rowBytes)));
    auto emitPositions = [&](Value position, int64_t vectors) {
      ProductTile tile;
      tile.rows = numRows;
      tile.operand = {query, rowBytes, 4};
      for (int64_t v = 0; v < vectors; ++v)
        tile.weights.push_back(cache.key(kvHead, b.add(position, v * kLanes)));
      tile.stepBytes = CacheLayout::kKeyStepBytes;
      tile.steps = b.i64(op.getHeadDim());
      Accumulators sums = emitF32Product(b, tile);
      for (int64_t r = 0; r < numRows; ++r)
        for (int64_t v = 0; v < vectors; ++v)
          storeScores(sums[r * vectors + v], r, positionOf(b.add(row, r)),
                      b.add(position, v * kLanes));
    };
    int64_t vectors = getVectorsAtOnce(b.target, numRows);
    int64_t step = vectors * kLanes;
    Value whole = b.add(from, b.mul(b.div(b.sub(end, from), step), step));
    b.loop(from, whole, step,
           [&](Value position) { emitPositions(position, vectors); });
    b.loop(whole, end, kLanes,
           [&](Value position) { emitPositions(position, 1); });
  }

  /// Scores of 16 positions; those that the row cannot see are hidden.
  void storeScores(Value lanes, int64_t r, Value own, Value position) {
    Value positions = b.add(b.splat(position), b.iota());
    Value seen = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, positions,
                                       b.splat(own));
    if (op.getWindow()) {
      Value oldest = b.add(own, -int64_t(*op.getWindow()));
      Value recent = arith::CmpIOp::create(b, arith::CmpIPredicate::sgt,
                                           positions, b.splat(oldest));
      seen = arith::AndIOp::create(b, seen, recent);
    }
    Value scaled = b.fmul(lanes, b.f32Splat(op.getScale().convertToDouble()));
    b.store(b.select(seen, scaled, b.f32Splat(kHidden)),
            b.at(scores, b.add(b.mul(position, 4), r * scoreBytes)));
  }

  /// Position of a row's token.
  Value positionOf(Value row) {
    return one ? firstPosition : b.add(firstPosition, row);
  }

  /// Scores become e^(score - largest); their sum goes behind the row.
  void emitSoftmax(Value line) {
    auto place = [&](Value position) { return b.at(line, b.mul(position, 4)); };
    Value largest = b.loop(from, end, kLanes, {b.f32Splat(kHidden)},
                           [&](Value i, ValueRange m) -> SmallVector<Value> {
                             return {b.fmax(m[0], b.loadLanes(place(i)))};
                           })[0];
    largest = b.splat(b.maxLanes(largest));
    Value sum = b.loop(from, end, kLanes, {b.f32Splat(0.0f)},
                       [&](Value i, ValueRange s) -> SmallVector<Value> {
                         Value e =
                             b.exp(b.fsub(b.loadLanes(place(i)), largest));
                         b.store(e, place(i));
                         return {b.fadd(s[0], e)};
                       })[0];
    b.store(b.sumLanes(sum), b.at(line, scoreBytes - 4));
  }

  void emitSum(Value row, int64_t numRows) {
    int64_t vectors = cache.valueBytes() / (kLanes * 4);
    Value weights = b.at(scores, b.mul(from, 4));
    Value values = cache.value(kvHead, from);
    int64_t atOnce = std::min(getVectorsAtOnce(b.target, numRows), vectors);
    auto emitVectors = [&](Value vector, int64_t count) {
      ProductTile tile;
      tile.rows = numRows;
      tile.operand = {weights, scoreBytes, 4};
      Value at = b.at(values, b.mul(vector, kLanes * 4));
      for (int64_t v = 0; v < count; ++v)
        tile.weights.push_back(b.at(at, v * kLanes * 4));
      tile.stepBytes = cache.valueBytes();
      // Behind the last position may stand what nobody wrote.
      tile.steps = b.sub(end, from);
      Accumulators sums = emitF32Product(b, tile);
      for (int64_t r = 0; r < numRows; ++r) {
        Value total = b.splat(
            b.load(b.getF32Type(), b.at(scores, (r + 1) * scoreBytes - 4)));
        for (int64_t v = 0; v < count; ++v)
          storeHead(b.fdiv(sums[r * count + v], total), b.add(row, r),
                    b.add(vector, v));
      }
    };
    int64_t whole = vectors / atOnce * atOnce;
    b.loop(0, whole, atOnce, [&](Value v) { emitVectors(v, atOnce); });
    b.loop(whole, vectors, 1, [&](Value v) { emitVectors(v, 1); });
  }

  /// 16 columns of a head, as K of the next product.
  void storeHead(Value lanes, Value row, Value vector) {
    int64_t valueDim = op.getValueDim();
    int64_t lastValid = valueDim - (valueDim - 1) / kLanes * kLanes;
    Value own = one ? b.add(head, row) : head;
    Value column = b.add(b.mul(own, valueDim), b.mul(vector, kLanes));
    Value to = one ? b.i64(0) : row;
    if (lastValid == kLanes)
      return operand.store(lanes, to, column);
    b.ifThen(
        b.equal(vector, b.i64((valueDim - 1) / kLanes)),
        [&] { operand.store(lanes, to, column, lastValid); },
        [&] { operand.store(lanes, to, column); });
  }

  /// What of the operand has no value: this head's columns of rows without a
  /// token, and the columns behind the last head.
  void clear(Value tokens) {
    int64_t valueDim = op.getValueDim();
    int64_t columns = int64_t(op.getHeads()) * valueDim;
    int64_t vectors = llvm::divideCeil(valueDim, kLanes);
    Value zero = b.f32Splat(0.0f);
    if (!one)
      b.loop(tokens, b.i64(phase.blockRows), 1, [&](Value row) {
        b.loop(0, vectors, 1,
               [&](Value vector) { storeHead(zero, row, vector); });
      });
    if (columns == mega::padColumns(columns))
      return;
    Value lastHead = b.i64(op.getHeads() - (one ? group : 1));
    b.ifThen(b.equal(head, lastHead), [&] {
      operand.clear(b.i64(0), b.i64(phase.blockRows), columns,
                    mega::padColumns(columns));
    });
  }

  /// Score of a position that a row cannot see; its weight is 0 (exp()).
  static constexpr float kHidden = -1e30f;

  PhaseContext &phase;
  mega::AttentionOp op;
  KernelBuilder &b;
  bool one;
  int64_t group;
  CacheLayout cache;
  Value scores;
  int64_t scoreBytes, padded;
  Value head, kvHead, first, firstPosition;
  OperandBlock operand;
  Value from, end;
};

} // namespace

void fpmoe::emitAttention(PhaseContext &phase, mega::AttentionOp op,
                          Tile tile) {
  AttentionTile(phase, op, tile).emit();
}
