//===- Spans.cpp - Attention of a row over a span of the cache ------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Which thread adds which positions, and the order of their sums, follow from
// the position of the row alone: not from other rows, or from where a step
// begins.
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

/// A chain of additions: load(i) for some i at once, then, in their order, sums
/// with add(loaded, sum). The loads of a lot are on their way together.
Value cuda::SpanAttention::sumOver(
    Value count, function_ref<SmallVector<Value>(Value)> load,
    function_ref<Value(ArrayRef<Value>, Value)> add) {
  constexpr int64_t kLot = 8;
  auto emitLot = [&](Value first, int64_t lot,
                     ValueRange before) -> SmallVector<Value> {
    SmallVector<SmallVector<Value>> loaded;
    for (int64_t i = 0; i < lot; ++i)
      loaded.push_back(load(b.add(first, i)));
    Value sum = before[0];
    for (ArrayRef<Value> values : loaded)
      sum = add(values, sum);
    return {sum};
  };
  Value whole = b.mul(b.div(count, kLot), kLot);
  SmallVector<Value> sum = b.loop(
      b.i64(0), whole, kLot, {b.f32(0.0f)},
      [&](Value i, ValueRange before) { return emitLot(i, kLot, before); });
  return b.loop(whole, count, 1, sum, [&](Value i, ValueRange before) {
    return emitLot(i, 1, before);
  })[0];
}

/// The query times the key at a position; a step is all that fills 32 bits.
Value cuda::SpanAttention::score(const SpanRow &row, Value position) {
  int64_t depth = cache.depth;
  Value key = cache.key(row.pages, kvHead, position);
  Value sum = sumOver(
      b.i64(cache.keySteps()),
      [&](Value step) -> SmallVector<Value> {
        Value from = b.at(key, b.mul(step, CacheLayout::kKeyStepBytes));
        Value query = b.at(row.query, b.mul(step, depth * 4));
        if (depth == 1)
          return {b.load(b.getF32Type(), from), b.load(b.getF32Type(), query)};
        // Behind an odd last element both are zero.
        Value bits = b.load(b.getI32Type(), from);
        Value two = b.load(VectorType::get({2}, b.getF32Type()), query, 8);
        Value upper = arith::AndIOp::create(b, bits, b.i32(0xffff0000));
        return {widenBF16(b, bits), vector::ExtractOp::create(b, two, 0),
                arith::BitcastOp::create(b, b.getF32Type(), upper),
                vector::ExtractOp::create(b, two, 1)};
      },
      [&](ArrayRef<Value> factors, Value sum) {
        for (; !factors.empty(); factors = factors.drop_front(2))
          sum = b.fma(factors[0], factors[1], sum);
        return sum;
      });
  return b.fmul(sum, b.f32(scale));
}

void cuda::SpanAttention::emit(const SpanRow &row, Value start, Totals totals,
                               Values values) {
  Value end = b.min(b.add(start, span), b.add(row.position, 1));
  Value begin = start;
  if (window)
    begin = b.max(start, b.add(row.position, 1 - int64_t(*window)));
  Value count = b.max(b.sub(end, begin), b.i64(0));
  Value largest = b.loop(block.thread, count, kThreads, {b.f32(kNoScore)},
                         [&](Value i, ValueRange before) -> SmallVector<Value> {
                           Value own = score(row, b.add(begin, i));
                           b.storeF32(own, scores, i);
                           return {b.fmax(before[0], own)};
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
  // Each warp has every eighth position, a lane some columns; scratch has room
  // for so many of them at a time.
  int64_t columns = cache.valueVectors() * kLanes;
  constexpr int64_t kColumns = kScratchFloats / kWarps;
  Value ofWarp = b.div(b.add(b.sub(count, block.warp), kWarps - 1), kWarps);
  for (int64_t first = 0; first < columns; first += kColumns) {
    int64_t some = std::min(columns - first, kColumns);
    block.forLanes(some, [&](Value column) {
      Value at = b.mul(b.add(column, first), 4);
      Value sum = sumOver(
          ofWarp,
          [&](Value i) -> SmallVector<Value> {
            Value number = b.add(b.mul(i, kWarps), block.warp);
            Value from = cache.value(row.pages, kvHead, b.add(begin, number));
            return {b.loadF32(scores, number), load(b.at(from, at))};
          },
          [&](ArrayRef<Value> factors, Value sum) {
            return b.fma(factors[0], factors[1], sum);
          });
      b.storeF32(sum, block.partials, b.add(b.mul(block.warp, some), column));
    });
    block.sync();
    block.forThreads(some, [&](Value column) {
      Value sum = b.loadF32(block.partials, column);
      for (int64_t w = 1; w < kWarps; ++w)
        sum = b.fadd(sum, b.loadF32(block.partials, b.add(column, w * some)));
      values(b.add(column, first), sum);
    });
    block.sync();
  }
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
