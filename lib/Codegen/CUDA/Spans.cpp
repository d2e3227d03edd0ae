//===- Spans.cpp - Attention of a row over a span of the cache ------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Sums over positions are chains in their order, or sums of the same threads;
// they depend on no other row, and not on where a step begins.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CUDA/Attention.h"
#include "lib/Codegen/CUDA/Element.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

/// An element of the cache as f32.
Value cuda::SpanAttention::load(Value from) {
  if (cache.depth == 1)
    return b.load(b.getF32Type(), from);
  return widenBF16(
      b, arith::ExtUIOp::create(b, b.getI32Type(),
                                b.load(b.getIntegerType(16), from, 2)));
}

void cuda::SpanAttention::emit(const SpanRow &row, Value start, Totals totals,
                               Values values) {
  int64_t depth = cache.depth;
  Value end = b.min(b.add(start, span), b.add(row.position, 1));
  Value begin = start;
  if (window)
    begin = b.max(start, b.add(row.position, 1 - int64_t(*window)));
  Value count = b.max(b.sub(end, begin), b.i64(0));
  Value largest =
      b.loop(block.thread, count, kThreads, {b.f32(kNoScore)},
             [&](Value i, ValueRange before) -> SmallVector<Value> {
               Value key = cache.key(row.pages, kvHead, b.add(begin, i));
               Value sum = b.loop(
                   b.i64(0), b.i64(headDim), 1, {b.f32(0.0f)},
                   [&](Value k, ValueRange sum) -> SmallVector<Value> {
                     Value offset = b.add(
                         b.mul(b.div(k, depth), CacheLayout::kKeyStepBytes),
                         b.mul(b.rem(k, depth), 4 / depth));
                     return {b.fma(b.loadF32(row.query, k),
                                   load(b.at(key, offset)), sum[0])};
                   })[0];
               Value score = b.fmul(sum, b.f32(scale));
               b.storeF32(score, scores, i);
               return {b.fmax(before[0], score)};
             })[0];
  largest = block.maxBlock(largest);
  Value sum = b.loop(block.thread, count, kThreads, {b.f32(0.0f)},
                     [&](Value i, ValueRange before) -> SmallVector<Value> {
                       Value power =
                           b.exp(b.fsub(b.loadF32(scores, i), largest));
                       b.storeF32(power, scores, i);
                       return {b.fadd(before[0], power)};
                     })[0];
  // Threads have met: the scores are there for all.
  totals(largest, block.sumBlock(sum));
  block.sync();
  block.forThreads(cache.valueVectors() * kLanes, [&](Value column) {
    Value value =
        b.loop(b.i64(0), count, 1, {b.f32(0.0f)},
               [&](Value i, ValueRange before) -> SmallVector<Value> {
                 Value from = cache.value(row.pages, kvHead, b.add(begin, i));
                 return {b.fma(b.loadF32(scores, i),
                               load(b.at(from, b.mul(column, 4))), before[0])};
               })[0];
    values(column, value);
  });
  block.sync();
}

cuda::SpanFactors cuda::emitSpanFactors(KernelBuilder &b, Value before,
                                        Value here) {
  Value largest = b.fmax(before, here);
  return {largest, b.exp(b.fsub(before, largest)),
          b.exp(b.fsub(here, largest))};
}

Value cuda::emitMerged(KernelBuilder &b, const SpanFactors &factors,
                       Value before, Value here) {
  return b.fma(factors.here, here, b.fmul(factors.before, before));
}
