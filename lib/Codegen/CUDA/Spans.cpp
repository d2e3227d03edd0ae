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

/// Loads of a thread that are on their way together.
constexpr int64_t kLoads = 8;

/// An element of the cache as f32.
Value cuda::SpanAttention::load(Value from) {
  if (cache.depth == 1)
    return b.load(b.getF32Type(), from);
  return widenBF16(
      b, arith::ExtUIOp::create(b, b.getI32Type(),
                                b.load(b.getIntegerType(16), from, 2)));
}

/// Chains of additions: load(i) for `lot` numbers i at once, whose loads are
/// then on their way together; then, in their order, add(loaded, sums).
SmallVector<Value> cuda::SpanAttention::sumOver(
    Value count, int64_t sums, int64_t lot,
    function_ref<SmallVector<Value>(Value)> load,
    function_ref<void(ArrayRef<Value>, MutableArrayRef<Value>)> add) {
  auto emitLot = [&](Value first, int64_t some, ValueRange before) {
    SmallVector<SmallVector<Value>> loaded;
    for (int64_t i = 0; i < some; ++i)
      loaded.push_back(load(b.add(first, i)));
    SmallVector<Value> after(before);
    for (ArrayRef<Value> values : loaded)
      add(values, after);
    return after;
  };
  Value whole = b.mul(b.div(count, lot), lot);
  SmallVector<Value> all(sums, b.f32(0.0f));
  all = b.loop(b.i64(0), whole, lot, all, [&](Value i, ValueRange before) {
    return emitLot(i, lot, before);
  });
  return b.loop(whole, count, 1, all, [&](Value i, ValueRange before) {
    return emitLot(i, 1, before);
  });
}

/// The query times the key at a position; a step is all that fills 32 bits.
Value cuda::SpanAttention::score(const SpanRow &row, Value position) {
  int64_t depth = cache.depth;
  Value key = cache.key(row.pages, kvHead, position);
  SmallVector<Value> sum = sumOver(
      b.i64(cache.keySteps()), /*sums=*/1, kLoads,
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
      [&](ArrayRef<Value> factors, MutableArrayRef<Value> sums) {
        for (; !factors.empty(); factors = factors.drop_front(2))
          sums[0] = b.fma(factors[0], factors[1], sums[0]);
      });
  return b.fmul(sum[0], b.f32(scale));
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
    int64_t perLane = llvm::divideCeil(some, kWarpLanes);
    auto columnOf = [&](int64_t c) {
      return b.add(block.lane, c * kWarpLanes);
    };
    SmallVector<Value> sums = sumOver(
        ofWarp, perLane, std::max<int64_t>(2 * kLoads / perLane, 1),
        [&](Value i) {
          Value number = b.add(b.mul(i, kWarps), block.warp);
          Value from = cache.value(row.pages, kvHead, b.add(begin, number));
          SmallVector<Value> loaded{b.loadF32(scores, number)};
          for (int64_t c = 0; c < perLane; ++c) {
            // The last lanes may have a column less.
            Value column = b.min(columnOf(c), b.i64(some - 1));
            loaded.push_back(load(b.at(from, b.mul(b.add(column, first), 4))));
          }
          return loaded;
        },
        [&](ArrayRef<Value> loaded, MutableArrayRef<Value> sums) {
          for (auto [value, sum] : llvm::zip(loaded.drop_front(), sums))
            sum = b.fma(loaded[0], value, sum);
        });
    for (int64_t c = 0; c < perLane; ++c)
      b.ifThen(b.less(columnOf(c), b.i64(some)), [&] {
        b.storeF32(sums[c], block.partials,
                   b.add(b.mul(block.warp, some), columnOf(c)));
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
