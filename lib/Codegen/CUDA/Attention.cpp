//===- Attention.cpp - Attention of the tokens of a query block -----------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A warp takes a head of a token over the spans that it sees; sums of those
// before are in its registers.
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
  int64_t valueDim = op.getValueDim();
  Value queryBlock = b.at(block.pointerField(offsetof(FpmoeStep, query_blocks)),
                          b.mul(tile[1], sizeof(FpmoeQueryBlock)));
  Value first = b.loadIndex(queryBlock, b.i64(0));
  Value tokens = b.loadIndex(queryBlock, b.i64(1));
  Value pages = block.pagesOf(first);
  OperandBlock operand =
      block.block(op.getOperand(), b.div(first, block.blockRows));
  Value firstRow = b.rem(first, block.blockRows);
  cuda::SpanAttention attention(block, op, kvHead);

  block.forWarps(b.mul(tokens, group), [&](Value i) {
    Value token = b.add(first, b.div(i, group));
    Value head = b.add(b.mul(kvHead, group), b.rem(i, group));
    Value position = block.element(op.getPositions(), token);
    Value query =
        b.at(block.base(op.getQuery()),
             b.mul(b.add(b.mul(token, op.getHeads()), head), queryBytes));
    Value from = emitFirstSeen(b, position, op.getWindow());
    // The largest score, the sum of powers, those of values.
    SmallVector<Value> sums(2 + attention.getLaneColumns(), b.f32(0.0f));
    sums[0] = b.f32(kNoScore);
    sums = b.loop(
        b.mul(b.div(from, span), span), b.add(position, 1), span, sums,
        [&](Value start, ValueRange before) {
          cuda::SpanAttention::Sums here =
              attention.emit({query, position, pages}, start);
          SpanFactors factors = emitSpanFactors(b, before[0], here.largest);
          SmallVector<Value> after{
              factors.largest, emitMerged(b, factors, before[1], here.powers)};
          for (auto [value, old] : llvm::zip(here.values, before.drop_front(2)))
            after.push_back(emitMerged(b, factors, old, value));
          return after;
        });
    Value row = b.add(firstRow, b.div(i, group));
    for (auto [c, value] : llvm::enumerate(ArrayRef(sums).drop_front(2))) {
      Value column = attention.columnOf(c);
      b.ifThen(b.less(column, b.i64(valueDim)), [&] {
        block.store(b.fdiv(value, sums[1]), operand, row,
                    b.add(b.mul(head, valueDim), column));
      });
    }
  });
  // Zeros in rows behind the last token, and behind the last head.
  Value lastRow = b.add(firstRow, tokens);
  Value end = b.select(b.equal(b.add(first, tokens), block.count),
                       b.i64(block.blockRows), lastRow);
  int64_t own = group * valueDim, all = op.getHeads() * valueDim;
  block.forThreads(b.mul(b.sub(end, lastRow), own), [&](Value i) {
    Value column = b.add(b.mul(kvHead, own), b.rem(i, own));
    block.store(b.f32(0.0f), operand, b.add(lastRow, b.div(i, own)), column);
  });
  b.ifThen(b.equal(kvHead, b.i64(op.getKvHeads() - 1)), [&] {
    block.clear(operand, firstRow, end, all, mega::padColumns(all));
  });
}
