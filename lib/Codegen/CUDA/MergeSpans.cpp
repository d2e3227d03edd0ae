//===- MergeSpans.cpp - Puts the spans of a token's attention together ----===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A thread has a column.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CUDA/Attention.h"
#include "lib/Codegen/CUDA/Emit.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

void cuda::emit(BlockContext &block, mega::MergeSpansOp op, Tile tile) {
  KernelBuilder &b = block.b;
  Value head = tile[0];
  int64_t group = dim(op.getPartial(), 2);
  int64_t heads = dim(op.getPartial(), 0) * group;
  int64_t valueDim = op.getValueDim(), columns = mega::padColumns(valueDim);
  int64_t rowBytes = dim(op.getPartial(), 3) * 4, spanBytes = group * rowBytes;
  Value partial =
      b.add(b.mul(b.div(head, group), dim(op.getPartial(), 1) * spanBytes),
            b.mul(b.rem(head, group), rowBytes));
  partial = b.at(block.base(op.getPartial()), partial);
  OperandBlock operand = block.block(op.getOperand(), b.i64(0));
  block.forThreads(valueDim, [&](Value column) {
    // The largest score, the sum of powers, that of values.
    SmallVector<Value> sums{b.f32(kNoScore), b.f32(0.0f), b.f32(0.0f)};
    constexpr int64_t kSpansAtOnce = 8;
    sums = block.chain(
        b.i64(0), emitSpanCount(block, op), kSpansAtOnce, sums,
        [&](Value span) -> SmallVector<Value> {
          Value here = b.at(partial, b.mul(span, spanBytes));
          return {b.loadF32(here, b.i64(columns)),
                  b.loadF32(here, b.i64(columns + 1)), b.loadF32(here, column)};
        },
        [&](ArrayRef<Value> here, MutableArrayRef<Value> sums) {
          SpanFactors factors = emitSpanFactors(b, sums[0], here[0]);
          sums[0] = factors.largest;
          for (int64_t i : {1, 2})
            sums[i] = emitMerged(b, factors, sums[i], here[i]);
        });
    block.store(b.fdiv(sums[2], sums[1]), operand, b.i64(0),
                b.add(b.mul(head, valueDim), column));
  });
  int64_t all = heads * valueDim;
  b.ifThen(b.equal(head, b.i64(heads - 1)), [&] {
    block.clear(operand, b.i64(0), b.i64(1), all, mega::padColumns(all));
  });
}
