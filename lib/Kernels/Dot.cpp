//===- Dot.cpp - The inner loop of every product --------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Dot.h"
#include "dialects/Mega/Mega.h"

using namespace mlir;
using namespace fpmoe;

/// Sums that are needed side by side to hide the latency of a dot instruction.
static constexpr int64_t kChains = 8;

SmallVector<Value> fpmoe::emitDot(KernelBuilder &b, bool bf16, int64_t rows,
                                  const DotRows &operand,
                                  ArrayRef<Value> panels, Value steps,
                                  int64_t panelStepBytes) {
  int64_t sums = rows * panels.size();
  int64_t unroll = std::max<int64_t>(1, kChains / sums);
  auto bf16Lanes = VectorType::get({2 * kLanes}, b.getBF16Type());

  // Adds step `k` to the sums.
  auto step = [&](Value k, MutableArrayRef<Value> acc) {
    SmallVector<Value> weights;
    Value panelOffset = b.mul(k, panelStepBytes);
    for (Value panel : panels)
      weights.push_back(b.load(bf16 ? Type(bf16Lanes) : b.f32Lanes(),
                               b.at(panel, panelOffset), kStepBytes));
    Value element = b.at(operand.base, b.mul(k, operand.stepBytes));
    for (int64_t r = 0; r < rows; ++r) {
      Value x = b.load(bf16 ? b.getI32Type() : Type(b.getF32Type()),
                       b.at(element, r * operand.rowBytes));
      Value lanes = b.splat(x);
      if (bf16)
        lanes = vector::BitCastOp::create(b, bf16Lanes, lanes);
      for (auto [p, weight] : llvm::enumerate(weights)) {
        Value &sum = acc[r * panels.size() + p];
        sum = bf16 ? mega::Dot2Op::create(b, sum, weight, lanes).getResult()
                   : b.fma(weight, lanes, sum);
      }
    }
  };

  // The main loop keeps `unroll` sets of sums, the rest goes to the first.
  SmallVector<Value> acc(sums * unroll, b.f32Splat(0.0f));
  Value whole = steps;
  if (unroll > 1)
    whole = b.sub(steps, b.rem(steps, unroll));
  acc = b.loop(b.i64(0), whole, unroll, acc, [&](Value k, ValueRange carried) {
    SmallVector<Value> next(carried);
    for (int64_t u = 0; u < unroll; ++u)
      step(b.add(k, u), MutableArrayRef<Value>(next).slice(u * sums, sums));
    return next;
  });
  if (unroll == 1)
    return acc;
  for (int64_t stride = 1; stride < unroll; stride *= 2)
    for (int64_t u = 0; u + stride < unroll; u += 2 * stride)
      for (int64_t i = 0; i < sums; ++i)
        acc[u * sums + i] =
            b.fadd(acc[u * sums + i], acc[(u + stride) * sums + i]);
  acc.resize(sums);
  return b.loop(whole, steps, 1, acc, [&](Value k, ValueRange carried) {
    SmallVector<Value> next(carried);
    step(k, next);
    return next;
  });
}

void fpmoe::storePacked(KernelBuilder &b, bool bf16, Value lanes, Value row,
                        Value chunk, int64_t rows, int64_t valid) {
  int64_t stride = rows * kStepBytes;
  int64_t steps = bf16 ? kLanes / 2 : kLanes;
  Value base = b.at(row, b.mul(chunk, steps * stride));
  Value elements = lanes;
  if (bf16) {
    Value rounded = arith::TruncFOp::create(b, b.lanes(b.getBF16Type()), lanes);
    elements = vector::BitCastOp::create(
        b, VectorType::get({steps}, b.getI32Type()), rounded);
  }
  int64_t validSteps = bf16 ? (valid + 1) / 2 : valid;
  if (rows == 1 && validSteps == steps)
    return b.store(elements, base);
  for (int64_t i = 0; i < validSteps; ++i)
    b.store(vector::ExtractOp::create(b, elements, i), b.at(base, i * stride));
}
