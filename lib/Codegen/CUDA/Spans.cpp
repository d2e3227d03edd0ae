//===- Spans.cpp - Attention of a row over a span of the cache ------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Which lane adds which positions, and the order of their sums, follow from the
// position of the row alone: not from other rows, or from where a step begins.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CUDA/Attention.h"
#include "lib/Codegen/CUDA/Element.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

static_assert(CacheLayout::kPagePositions == kWarpLanes,
              "each lane has a position of a page");

/// Loads of a lane that are on their way together.
constexpr int64_t kLoads = 16;

/// The elements of 32 bits of the cache, as f32.
SmallVector<Value> cuda::SpanAttention::widen(Value bits) {
  auto asFloat = [&](Value word) -> Value {
    return arith::BitcastOp::create(b, b.getF32Type(), word);
  };
  if (cache.depth == 1)
    return {asFloat(bits)};
  return {widenBF16(b, bits),
          asFloat(arith::AndIOp::create(b, bits, b.i32(0xffff0000)))};
}

/// The query times the keys at some positions; a step is all that fills 32
/// bits.
SmallVector<Value> cuda::SpanAttention::emitScores(const SpanRow &row,
                                                   ArrayRef<Value> positions) {
  int64_t depth = cache.depth;
  SmallVector<Value> keys;
  for (Value position : positions)
    keys.push_back(cache.key(row.pages, kvHead, position));
  auto load = [&](Value step) {
    SmallVector<Value> loaded;
    for (Value key : keys)
      loaded.push_back(b.load(
          b.getI32Type(), b.at(key, b.mul(step, CacheLayout::kKeyStepBytes))));
    Value from = b.at(row.query, b.mul(step, depth * 4));
    Type type = VectorType::get({depth}, b.getF32Type());
    loaded.push_back(b.load(type, from, depth * 4));
    return loaded;
  };
  // Behind an odd last element both are zero.
  auto add = [&](ArrayRef<Value> loaded, MutableArrayRef<Value> sums) {
    for (auto [bits, sum] : llvm::zip(loaded, sums))
      for (auto [i, key] : llvm::enumerate(widen(bits)))
        sum = b.fma(key, vector::ExtractOp::create(b, loaded.back(), i), sum);
  };
  SmallVector<Value> sums(positions.size(), b.f32(0.0f));
  sums = block.chain(b.i64(0), b.i64(cache.keySteps()),
                     std::max<int64_t>(kLoads / positions.size(), 1), sums,
                     load, add);
  for (Value &sum : sums)
    sum = b.fmul(sum, b.f32(scale));
  return sums;
}

cuda::SpanAttention::Sums cuda::SpanAttention::emit(const SpanRow &row,
                                                    Value start) {
  Value end = b.min(b.add(start, span), b.add(row.position, 1));
  Value begin = start;
  if (window)
    begin = b.max(start, b.add(row.position, 1 - int64_t(*window)));

  // What the row does not see counts as another position, with no weight.
  SmallVector<Value> positions, isSeen;
  for (int64_t first = 0; first < span; first += kWarpLanes) {
    Value position = b.add(start, b.add(block.lane, first));
    isSeen.push_back(arith::AndIOp::create(
        b, b.less(position, end), b.less(b.sub(begin, b.i64(1)), position)));
    positions.push_back(b.max(b.min(position, b.sub(end, b.i64(1))), begin));
  }
  SmallVector<Value> powers = emitScores(row, positions);
  Value largest = b.f32(kNoScore);
  for (auto [score, seen] : llvm::zip(powers, isSeen)) {
    score = b.select(seen, score, b.f32(kNoScore));
    largest = b.fmax(largest, score);
  }
  largest =
      block.overWarp(largest, [&](Value x, Value y) { return b.fmax(x, y); });
  Value sum;
  for (auto [power, seen] : llvm::zip(powers, isSeen)) {
    power = b.select(seen, b.exp(b.fsub(power, largest)), b.f32(0.0f));
    sum = sum ? b.fadd(sum, power) : power;
  }

  // A step has the values of as many positions as fill 32 bits.
  int64_t depth = cache.depth, columns = cache.valueVectors() * kLanes;
  int64_t perLane = getLaneColumns();
  SmallVector<Value> values(perLane, b.f32(0.0f));
  for (auto [i, power] : llvm::enumerate(powers)) {
    Value group = b.add(start, i * kWarpLanes);
    Value first = b.div(b.max(group, begin), depth);
    Value last = b.ceilDiv(b.min(b.add(group, kWarpLanes), end), depth);
    // The page, or another one where the row sees nothing of it.
    Value inside = b.max(b.min(group, b.sub(end, b.i64(1))), begin);
    Value page = b.mul(b.div(inside, kWarpLanes), kWarpLanes);
    Value from = cache.value(row.pages, kvHead, page);
    Value firstStep = b.div(group, depth);
    auto load = [&](Value step) {
      SmallVector<Value> loaded;
      for (int64_t e = 0; e < depth; ++e) {
        Value position = b.add(b.mul(step, depth), e);
        Value lane = b.toI32(b.sub(position, group));
        loaded.push_back(NVVM::ShflOp::create(
            b, power.getType(), b.i32(-1), power, lane, b.i32(kWarpLanes - 1),
            NVVM::ShflKind::idx, UnitAttr()));
      }
      Value at =
          b.at(from, b.mul(b.sub(step, firstStep), cache.valueStepBytes()));
      // What the row does not see may be anything.
      Value whole = b.less(b.mul(step, depth), b.sub(end, b.i64(depth - 1)));
      for (int64_t c = 0; c < perLane; ++c) {
        Value column = columnOf(c);
        if ((c + 1) * kWarpLanes > columns)
          column = b.min(column, b.i64(columns - 1));
        Value bits = b.load(b.getI32Type(), b.at(at, b.mul(column, 4)));
        if (depth > 1)
          bits = b.select(whole, bits,
                          arith::AndIOp::create(b, bits, b.i32(0xffff)));
        loaded.push_back(bits);
      }
      return loaded;
    };
    auto add = [&](ArrayRef<Value> loaded, MutableArrayRef<Value> sums) {
      for (auto [bits, sum] : llvm::zip(loaded.drop_front(depth), sums))
        for (auto [e, value] : llvm::enumerate(widen(bits)))
          sum = b.fma(loaded[e], value, sum);
    };
    values = block.chain(first, last, std::max<int64_t>(kLoads / perLane, 1),
                         values, load, add);
  }
  return {largest, block.sumWarp(sum), values};
}
