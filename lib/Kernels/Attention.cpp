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

#include "lib/Kernels/Attention.h"
#include "lib/Kernels/Dot.h"

using namespace mlir;
using namespace fpmoe;

namespace {

class AttentionTile {
public:
  AttentionTile(PhaseContext &phase, mega::AttentionOp op, Tile tile)
      : phase(phase), op(op), b(phase.b), one(phase.info.maxTokens == 1),
        group(op.getHeads() / op.getKvHeads()),
        cache(phase, op.getCache(), op.getHeadDim()),
        scores(phase.base(op.getScores())),
        scoreBytes(dim(op.getScores(), 1) * 4), padded(dim(op.getQuery(), 2)),
        block(tile[1]) {
    head = one ? b.mul(tile[0], group) : tile[0];
    kvHead = one ? tile[0] : b.div(tile[0], group);
    first = b.mul(block, phase.info.rows);
    firstPosition = b.add(phase.position(), first);
  }

  void emit() {
    Value rows = one ? b.i64(group)
                     : b.min(b.sub(phase.count, first), b.i64(phase.info.rows));
    // Positions [from, end) can be seen by some row; from is a multiple of 16.
    end = one ? b.add(firstPosition, 1) : b.add(firstPosition, rows);
    from = b.i64(0);
    if (op.getWindow())
      from =
          b.mul(b.div(b.max(b.add(firstPosition, 1 - int64_t(*op.getWindow())),
                            b.i64(0)),
                      kLanes),
                kLanes);
    if (one)
      return emitRowCount(rows, group);
    phase.withRows(rows, phase.info.rows,
                   [&](int64_t r) { emitRowCount(rows, r); });
  }

private:
  void emitRowCount(Value rows, int64_t numRows) {
    // A group of heads can be larger than what fits into registers.
    constexpr int64_t kMaxRows = 12;
    for (int64_t r = 0; r < numRows; r += kMaxRows)
      emitScores(r, std::min(kMaxRows, numRows - r));
    b.loop(b.i64(0), rows, 1, [&](Value row) { emitSoftmax(row); });
    for (int64_t r = 0; r < numRows; r += kMaxRows)
      emitSum(r, std::min(kMaxRows, numRows - r), rows);
  }

  /// Position of a row's token.
  Value positionOf(int64_t row) {
    return one ? firstPosition : b.add(firstPosition, row);
  }

  void emitScores(int64_t firstRow, int64_t numRows) {
    int64_t rowBytes = (one ? 1 : int64_t(op.getHeads())) * padded * 4;
    Value query =
        b.at(phase.base(op.getQuery()),
             b.add(b.mul(b.add(b.mul(first, op.getHeads()), head), padded * 4),
                   firstRow * rowBytes));
    VectorType i64Lanes = b.lanes(b.getI64Type());
    auto numbers = llvm::to_vector(llvm::seq<int64_t>(0, kLanes));
    Value iota = arith::ConstantOp::create(
        b, DenseElementsAttr::get(i64Lanes, ArrayRef<int64_t>(numbers)));
    b.loop(from, end, kLanes, [&](Value position) {
      DotSums sums =
          emitDot(b, /*bf16=*/false, numRows, {query, rowBytes, 4},
                  {cache.key(kvHead, position)}, b.i64(op.getHeadDim()));
      Value positions = b.add(b.splat(position), iota);
      for (int64_t r = 0; r < numRows; ++r) {
        Value own = positionOf(firstRow + r);
        Value seen = arith::CmpIOp::create(b, arith::CmpIPredicate::sle,
                                           positions, b.splat(own));
        if (op.getWindow()) {
          Value oldest = b.add(own, -int64_t(*op.getWindow()));
          Value recent = arith::CmpIOp::create(b, arith::CmpIPredicate::sgt,
                                               positions, b.splat(oldest));
          seen = arith::AndIOp::create(b, seen, recent);
        }
        Value scaled =
            b.fmul(sums[r], b.f32Splat(op.getScale().convertToDouble()));
        b.store(b.select(seen, scaled, b.f32Splat(kHidden)),
                b.at(scores,
                     b.add(b.mul(position, 4), (firstRow + r) * scoreBytes)));
      }
    });
  }

  /// Scores become e^(score - largest); their sum goes behind the row.
  void emitSoftmax(Value row) {
    Value line = b.at(scores, b.mul(row, scoreBytes));
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

  void emitSum(int64_t firstRow, int64_t numRows, Value rows) {
    int64_t panels = cache.valueBytes() / (kLanes * 4);
    Value weights = b.at(b.at(scores, firstRow * scoreBytes), b.mul(from, 4));
    DotRows operand =
        phase.rowsOfBlock(op.getOperand(), block, dim(op.getOperand(), 1));
    Value values = cache.value(kvHead, from);
    auto product = [&](int64_t panel, int64_t n) {
      SmallVector<Value> bases;
      for (int64_t p = 0; p < n; ++p)
        bases.push_back(b.at(values, (panel + p) * kLanes * 4));
      DotSums sums =
          emitDot(b, /*bf16=*/false, numRows, {weights, scoreBytes, 4}, bases,
                  b.sub(end, from), cache.valueBytes());
      for (int64_t i = 0; i < numRows; ++i) {
        int64_t row = firstRow + i;
        b.ifThen(b.less(b.i64(row), rows), [&] {
          Value total = b.splat(
              b.load(b.getF32Type(), b.at(scores, (row + 1) * scoreBytes - 4)));
          for (int64_t p = 0; p < n; ++p)
            storeHead(b.fdiv(sums[i * n + p], total), operand, row, panel + p);
        });
      }
    };
    for (int64_t panel = 0; panel < panels; panel += 2)
      product(panel, std::min<int64_t>(2, panels - panel));
  }

  /// Columns [16 panel, ...) of a head, as K of the next product.
  void storeHead(Value lanes, const DotRows &operand, int64_t row,
                 int64_t panel) {
    int64_t valueDim = op.getValueDim(), stepWidth = phase.info.bf16 ? 2 : 1;
    int64_t valid = std::min(kLanes, valueDim - panel * kLanes);
    Value own = one ? b.add(head, row) : head;
    Value step = b.div(b.add(b.mul(own, valueDim), panel * kLanes), stepWidth);
    Value to = b.at(operand.base, b.mul(step, operand.stepBytes));
    if (!one)
      to = b.at(to, row * operand.rowBytes);
    storePacked(b, phase.info.bf16, lanes, to, b.i64(0), operand.stepBytes,
                valid);
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
  Value block, head, kvHead, first, firstPosition, from, end;
};

} // namespace

void fpmoe::emitAttention(PhaseContext &phase, mega::AttentionOp op,
                          Tile tile) {
  AttentionTile(phase, op, tile).emit();
}
