//===- Attention.cpp - Attention of rows over the cache -------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A tile goes over the spans that its tokens see, and keeps the sums of those
// before in scratch. The heads that share keys and values take a span in turn,
// one after the other with all tokens, or, where there is one token, together.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Attention.h"

using namespace mlir;
using namespace fpmoe;

namespace {

class AttentionTile {
public:
  AttentionTile(PhaseContext &phase, mega::AttentionOp op, Tile tile)
      : phase(phase), op(op), b(phase.b), kvHead(tile[0]),
        group(op.getHeads() / op.getKvHeads()),
        queryBytes(dim(op.getQuery(), 2) * 4), attention(phase, op, kvHead),
        columns(mega::padColumns(op.getValueDim())),
        sums(phase.base(op.getSums())) {
    Value block = b.at(phase.pointerField(offsetof(FpmoeStep, query_blocks)),
                       b.mul(tile[1], sizeof(FpmoeQueryBlock)));
    first = b.loadIndex(block, b.i64(0));
    tokens = b.loadIndex(block, b.i64(1));
    firstPosition = phase.element(op.getPositions(), first);
  }

  void emit() {
    int64_t span = op.getSpan();
    Value end = b.add(firstPosition, tokens), pages = phase.pagesOf(first);
    Value from = emitFirstSeen(b, firstPosition, op.getWindow());
    forHeads([&](Value head) {
      b.loop(b.i64(0), tokens, 1, [&](Value token) {
        Value place = sumsAt(head, token);
        b.storeZeros(place, columns * 4);
        storeTotals(place, b.f32Splat(kNoScore), b.f32Splat(0.0f));
      });
    });
    b.loop(b.mul(b.div(from, span), span), end, span, [&](Value start) {
      SpanPositions positions{start, b.max(start, from),
                              b.min(b.add(start, span), end), pages};
      if (group == 1)
        return forHeads([&](Value head) { emitTokens(head, positions); });
      b.ifThen(
          b.equal(tokens, b.i64(1)), [&] { emitHeads(positions); },
          [&] { forHeads([&](Value head) { emitTokens(head, positions); }); });
    });
    forHeads([&](Value head) { storeHead(head); });
  }

private:
  /// Heads of the group, from 0 on.
  void forHeads(function_ref<void(Value)> body) {
    b.loop(b.i64(0), b.i64(group), 1, body);
  }

  /// All tokens, with one head.
  void emitTokens(Value head, const SpanPositions &span) {
    if (attention.getTileRows())
      return emitTokenTiles(head, span);
    int64_t run = getRowsAtOnce(b.target, phase.blockRows);
    Value whole = b.mul(b.div(tokens, run), run);
    auto emitSome = [&](Value token, int64_t count) {
      SpanRows rows = rowsOf(head, token, count);
      meet(rows, b.i64(count), sumsAt(head, token), sumsBytes(), span,
           [&](const SpanPositions &seen, auto totals, auto values) {
             attention.emit(rows, seen, totals, values);
           });
    };
    b.loop(b.i64(0), whole, run, [&](Value token) { emitSome(token, run); });
    b.loop(whole, tokens, 1, [&](Value token) { emitSome(token, 1); });
  }

  void emitTokenTiles(Value head, const SpanPositions &span) {
    int64_t run = attention.getTileRows();
    b.loop(b.i64(0), tokens, run, [&](Value token) {
      SpanRows rows = rowsOf(head, token, run);
      Value count = b.min(b.sub(tokens, token), b.i64(run));
      meet(rows, count, sumsAt(head, token), sumsBytes(), span,
           [&](const SpanPositions &seen, auto totals, auto values) {
             attention.emitTiles(rows, count, seen, /*fromMemory=*/false,
                                 totals, values);
           });
    });
  }

  /// A head of `count` tokens from `token` on.
  SpanRows rowsOf(Value head, Value token, int64_t count) {
    return {
        queryAt(head, token),        int64_t(op.getHeads()) * queryBytes, count,
        b.add(firstPosition, token),
        /*positionStep=*/1,
        /*first=*/b.i64(0)};
  }

  /// The first token, with all heads.
  void emitHeads(const SpanPositions &span) {
    SpanRows rows{
        queryAt(b.i64(0), b.i64(0)), queryBytes,        group, firstPosition,
        /*positionStep=*/0,          /*first=*/b.i64(0)};
    meet(rows, b.i64(group), sumsAt(b.i64(0), b.i64(0)),
         phase.blockRows * sumsBytes(), span,
         [&](const SpanPositions &seen, auto totals, auto values) {
           attention.emitFromMemory(rows, seen, totals, values);
         });
  }

  /// `count` rows meet a span, as far as the last of them sees. Their sums lie
  /// `step` bytes apart.
  void meet(const SpanRows &rows, Value count, Value place, int64_t step,
            SpanPositions span,
            function_ref<void(const SpanPositions &, SpanAttention::Totals,
                              SpanAttention::Values)>
                emit) {
    Value end = b.add(rows.position, rows.positionStep ? count : b.i64(1));
    span.end = b.max(b.min(span.end, end), span.begin);
    auto placeOf = [&](Value row) { return b.at(place, b.mul(row, step)); };
    emit(
        span,
        [&](Value row, Value largest, Value sum) {
          Value to = placeOf(row);
          SpanFactors factors =
              emitSpanFactors(b, splatAt(to, columns), largest);
          storeTotals(to, factors.largest,
                      emitMerged(b, factors, splatAt(to, columns + 1), sum));
          storeFirst(factors.before, to, columns + 2);
          storeFirst(factors.here, to, columns + 3);
        },
        [&](Value row, Value vector, Value lanes) {
          Value from = placeOf(row);
          SpanFactors factors{Value(), splatAt(from, columns + 2),
                              splatAt(from, columns + 3)};
          Value to = b.at(from, b.mul(vector, kLanes * 4));
          b.store(emitMerged(b, factors, b.loadLanes(to), lanes), to);
        });
  }

  /// Puts what the tokens gave into the operand's rows.
  void storeHead(Value headOfGroup) {
    OperandBlock operand =
        phase.block(op.getOperand(), b.div(first, phase.blockRows));
    Value head = b.add(b.mul(kvHead, group), headOfGroup);
    Value firstRow = b.rem(first, phase.blockRows);
    Value lastRow = b.add(firstRow, tokens);
    b.loop(b.i64(0), tokens, 1, [&](Value token) {
      Value place = sumsAt(headOfGroup, token);
      Value sum = splatAt(place, columns + 1);
      emitStoreHead(b, operand, b.add(firstRow, token), head, op.getValueDim(),
                    [&](Value column) {
                      return b.fdiv(b.loadLanes(b.at(place, b.mul(column, 4))),
                                    sum);
                    });
    });
    // Rows without a token are behind the last one.
    Value end = b.select(b.equal(b.add(first, tokens), phase.count),
                         b.i64(phase.blockRows), lastRow);
    b.loop(lastRow, end, 1, [&](Value row) {
      emitStoreHead(b, operand, row, head, op.getValueDim(),
                    [&](Value) { return b.f32Splat(0.0f); });
    });
    emitClearTail(b, operand, head, op.getHeads(), op.getValueDim(), firstRow,
                  end);
  }

  Value queryAt(Value headOfGroup, Value token) {
    Value row = b.add(b.mul(b.add(first, token), op.getHeads()),
                      b.add(b.mul(kvHead, group), headOfGroup));
    return b.at(phase.base(op.getQuery()), b.mul(row, queryBytes));
  }

  /// The sums of a row: values, the largest score, the sum of powers, and what
  /// sums before a span and of it are multiplied by.
  int64_t sumsBytes() { return dim(op.getSums(), 1) * 4; }
  Value sumsAt(Value headOfGroup, Value token) {
    Value row = b.add(b.mul(headOfGroup, phase.blockRows), token);
    return b.at(sums, b.mul(row, sumsBytes()));
  }
  void storeTotals(Value place, Value largest, Value sum) {
    storeFirst(largest, place, columns);
    storeFirst(sum, place, columns + 1);
  }
  void storeFirst(Value lanes, Value place, int64_t column) {
    b.store(vector::ExtractOp::create(b, lanes, 0), b.at(place, column * 4));
  }
  Value splatAt(Value place, int64_t column) {
    return b.splat(b.load(b.getF32Type(), b.at(place, column * 4)));
  }

  PhaseContext &phase;
  mega::AttentionOp op;
  KernelBuilder &b;
  Value kvHead;
  int64_t group, queryBytes;
  SpanAttention attention;
  int64_t columns;
  Value sums, first, tokens, firstPosition;
};

} // namespace

void fpmoe::emit(PhaseContext &phase, mega::AttentionOp op, Tile tile) {
  AttentionTile(phase, op, tile).emit();
}
