//===- MergeSpans.cpp - Puts the spans of a token's attention together ----===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Attention.h"

using namespace mlir;
using namespace fpmoe;

void fpmoe::emit(PhaseContext &phase, mega::MergeSpansOp op, Tile tile) {
  KernelBuilder &b = phase.b;
  Value head = tile[0];
  int64_t group = dim(op.getPartial(), 2);
  int64_t heads = dim(op.getPartial(), 0) * group;
  int64_t columns = mega::padColumns(op.getValueDim());
  int64_t vectors = columns / kLanes;
  int64_t rowBytes = dim(op.getPartial(), 3) * 4, spanBytes = group * rowBytes;
  Value partial =
      b.add(b.mul(b.div(head, group), dim(op.getPartial(), 1) * spanBytes),
            b.mul(b.rem(head, group), rowBytes));
  partial = b.at(phase.base(op.getPartial()), partial);
  // The largest score, the sum of powers, and the sum of values.
  SmallVector<Value> sums(2 + vectors, b.f32Splat(0.0f));
  sums[0] = b.f32Splat(kNoScore);
  sums = b.loop(
      b.i64(0), emitSpanCount(phase, op), 1, sums,
      [&](Value span, ValueRange before) {
        Value here = b.at(partial, b.mul(span, spanBytes));
        auto splatAt = [&](int64_t column) {
          return b.splat(b.load(b.getF32Type(), b.at(here, column * 4)));
        };
        SpanFactors factors = emitSpanFactors(b, before[0], splatAt(columns));
        SmallVector<Value> next{
            factors.largest,
            emitMerged(b, factors, before[1], splatAt(columns + 1))};
        for (int64_t v = 0; v < vectors; ++v)
          next.push_back(emitMerged(b, factors, before[2 + v],
                                    b.loadLanes(b.at(here, v * kLanes * 4))));
        return next;
      });
  OperandBlock operand = phase.block(op.getOperand(), b.i64(0));
  int64_t valueDim = op.getValueDim();
  Value first = b.mul(head, valueDim);
  for (int64_t v = 0; v < vectors; ++v)
    operand.store(b.fdiv(sums[2 + v], sums[1]), b.i64(0),
                  b.add(first, v * kLanes),
                  std::min(kLanes, valueDim - v * kLanes));
  emitClearTail(b, operand, head, heads, op.getValueDim(), b.i64(0), b.i64(1));
}
