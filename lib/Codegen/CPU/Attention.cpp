//===- Attention.cpp - Attention of a head over the cache -----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A tile goes over the spans that its tokens see, and keeps the sums of those
// before in scratch.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Attention.h"

using namespace mlir;
using namespace fpmoe;

namespace {

class AttentionTile {
public:
  AttentionTile(PhaseContext &phase, mega::AttentionOp op, Tile tile)
      : phase(phase), op(op), b(phase.b), head(tile[0]),
        first(b.mul(tile[1], phase.blockRows)),
        firstPosition(b.add(phase.number(op.getPosition()), first)),
        attention(phase, op, b.div(tile[0], op.getHeads() / op.getKvHeads())),
        columns(mega::padColumns(op.getValueDim())),
        sums(phase.base(op.getSums())),
        operand(phase.block(op.getOperand(), tile[1])) {}

  void emit() {
    int64_t span = op.getSpan();
    Value tokens = b.min(b.sub(phase.count, first), b.i64(phase.blockRows));
    Value end = b.add(firstPosition, tokens);
    Value from = emitFirstSeen(b, firstPosition, op.getWindow());
    b.loop(b.i64(0), tokens, 1, [&](Value row) {
      b.storeZeros(rowAt(row), columns * 4);
      storeTotals(rowAt(row), b.f32Splat(kNoScore), b.f32Splat(0.0f));
    });
    int64_t run = getRowsAtOnce(b.target, phase.blockRows);
    Value whole = b.mul(b.div(tokens, run), run);
    b.loop(b.mul(b.div(from, span), span), end, span, [&](Value start) {
      Value begin = b.max(start, from), stop = b.min(b.add(start, span), end);
      b.loop(b.i64(0), whole, run, [&](Value row) {
        emitRows(row, run, {start, begin, stop});
      });
      b.loop(whole, tokens, 1, [&](Value row) {
        emitRows(row, 1, {start, begin, stop});
      });
    });
    b.loop(b.i64(0), tokens, 1, [&](Value row) {
      Value place = rowAt(row);
      Value sum = splatAt(place, columns + 1);
      emitStoreHead(b, operand, row, head, op.getValueDim(), [&](int64_t v) {
        return b.fdiv(b.loadLanes(b.at(place, v * kLanes * 4)), sum);
      });
    });
    // Rows without a token.
    b.loop(tokens, b.i64(phase.blockRows), 1, [&](Value row) {
      emitStoreHead(b, operand, row, head, op.getValueDim(),
                    [&](int64_t) { return b.f32Splat(0.0f); });
    });
    emitClearTail(b, operand, head, op.getHeads(), op.getValueDim(),
                  phase.blockRows);
  }

private:
  /// Some rows meet a span, as far as the last of them sees.
  void emitRows(Value row, int64_t count, SpanPositions span) {
    int64_t rowBytes = op.getHeads() * dim(op.getQuery(), 2) * 4;
    Value query = b.add(b.mul(first, op.getHeads()), head);
    query = b.at(
        phase.base(op.getQuery()),
        b.add(b.mul(query, dim(op.getQuery(), 2) * 4), b.mul(row, rowBytes)));
    Value position = b.add(firstPosition, row);
    span.end = b.max(b.min(span.end, b.add(position, count)), span.begin);
    SmallVector<SpanFactors> factors;
    attention.emit(
        {query, rowBytes, count, position, /*positionStep=*/1,
         /*prefetches=*/false},
        span,
        [&](int64_t r, Value largest, Value sum) {
          Value place = rowAt(b.add(row, r));
          factors.push_back(
              emitSpanFactors(b, splatAt(place, columns), largest));
          storeTotals(
              place, factors.back().largest,
              emitMerged(b, factors.back(), splatAt(place, columns + 1), sum));
        },
        [&](int64_t r, Value vector, Value lanes) {
          Value to = b.at(rowAt(b.add(row, r)), b.mul(vector, kLanes * 4));
          b.store(emitMerged(b, factors[r], b.loadLanes(to), lanes), to);
        });
  }

  /// The sums of a row: values, the largest score, and the sum of powers.
  Value rowAt(Value row) {
    return b.at(sums, b.mul(row, dim(op.getSums(), 1) * 4));
  }
  void storeTotals(Value place, Value largest, Value sum) {
    b.store(vector::ExtractOp::create(b, largest, 0), b.at(place, columns * 4));
    b.store(vector::ExtractOp::create(b, sum, 0), b.at(place, columns * 4 + 4));
  }
  Value splatAt(Value place, int64_t column) {
    return b.splat(b.load(b.getF32Type(), b.at(place, column * 4)));
  }

  PhaseContext &phase;
  mega::AttentionOp op;
  KernelBuilder &b;
  Value head, first, firstPosition;
  SpanAttention attention;
  int64_t columns;
  Value sums;
  OperandBlock operand;
};

} // namespace

void fpmoe::emitAttention(PhaseContext &phase, mega::AttentionOp op,
                          Tile tile) {
  AttentionTile(phase, op, tile).emit();
}
