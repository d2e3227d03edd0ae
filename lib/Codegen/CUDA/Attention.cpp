//===- Attention.cpp - Attention of the tokens of a query block -----------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Row after row goes over the spans that it sees; sums of those before are in
// scratch.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CUDA/Attention.h"
#include "lib/Codegen/CUDA/Emit.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

void cuda::emit(BlockContext &block, mega::AttentionOp op, Tile tile) {
  KernelBuilder &b = block.b;
  Value kvHead = tile[0];
  int64_t group = op.getHeads() / op.getKvHeads(), span = op.getSpan();
  int64_t queryBytes = dim(op.getQuery(), 2) * 4;
  int64_t valueDim = op.getValueDim(), columns = mega::padColumns(valueDim);
  Value queryBlock = b.at(block.pointerField(offsetof(FpmoeStep, query_blocks)),
                          b.mul(tile[1], sizeof(FpmoeQueryBlock)));
  Value first = b.loadIndex(queryBlock, b.i64(0));
  Value tokens = b.loadIndex(queryBlock, b.i64(1));
  Value pages = block.pagesOf(first), sums = block.base(op.getSums());
  OperandBlock operand =
      block.block(op.getOperand(), b.div(first, block.blockRows));
  Value firstRow = b.rem(first, block.blockRows);
  cuda::SpanAttention attention(block, op, kvHead);

  b.loop(b.i64(0), b.mul(tokens, group), 1, [&](Value i) {
    Value token = b.add(first, b.div(i, group));
    Value head = b.add(b.mul(kvHead, group), b.rem(i, group));
    Value position = block.element(op.getPositions(), token);
    Value query =
        b.at(block.base(op.getQuery()),
             b.mul(b.add(b.mul(token, op.getHeads()), head), queryBytes));
    block.forThreads(columns,
                     [&](Value c) { b.storeF32(b.f32(0.0f), sums, c); });
    Value from = emitFirstSeen(b, position, op.getWindow());
    SmallVector<Value> totals =
        b.loop(b.mul(b.div(from, span), span), b.add(position, 1), span,
               {b.f32(kNoScore), b.f32(0.0f)},
               [&](Value start, ValueRange before) -> SmallVector<Value> {
                 SpanFactors factors;
                 Value sum;
                 attention.emit(
                     {query, position, pages}, start,
                     [&](Value largest, Value powers) {
                       factors = emitSpanFactors(b, before[0], largest);
                       sum = emitMerged(b, factors, before[1], powers);
                     },
                     [&](Value column, Value value) {
                       b.storeF32(emitMerged(b, factors,
                                             b.loadF32(sums, column), value),
                                  sums, column);
                     });
                 return {factors.largest, sum};
               });
    // Each thread has its columns all the time.
    Value row = b.add(firstRow, b.div(i, group));
    block.forThreads(columns, [&](Value c) {
      b.ifThen(b.less(c, b.i64(valueDim)), [&] {
        b.store(b.fdiv(b.loadF32(sums, c), totals[1]),
                block.elementAt(operand.rows, row,
                                b.add(b.mul(head, valueDim), c)));
      });
    });
  });
  // Zeros in rows behind the last token, and behind the last head.
  Value lastRow = b.add(firstRow, tokens);
  Value end = b.select(b.equal(b.add(first, tokens), block.count),
                       b.i64(block.blockRows), lastRow);
  int64_t own = group * valueDim, all = op.getHeads() * valueDim;
  block.forThreads(b.mul(b.sub(end, lastRow), own), [&](Value i) {
    Value column = b.add(b.mul(kvHead, own), b.rem(i, own));
    b.store(
        b.f32(0.0f),
        block.elementAt(operand.rows, b.add(lastRow, b.div(i, own)), column));
  });
  b.ifThen(b.equal(kvHead, b.i64(op.getKvHeads() - 1)), [&] {
    block.clear(operand.rows, firstRow, end, all, mega::padColumns(all));
  });
}
