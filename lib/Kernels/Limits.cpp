//===- Limits.cpp - Functions that measure the machine --------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Limits.h"
#include "dialects/Mega/Mega.h"
#include "lib/Kernels/Dot.h"

using namespace mlir;
using namespace fpmoe;

/// As many chains of dot products as a product has sums; returns their sum.
static Value emitLanesPeak(KernelBuilder &b, bool bf16, Value iterations) {
  auto bf16Lanes = VectorType::get({2 * kLanes}, b.getBF16Type());
  // Factors that depend on the argument, so that nothing can be folded.
  Value bits = b.splat(b.toI32(iterations));
  Value x = bf16 ? vector::BitCastOp::create(b, bf16Lanes, bits).getResult()
                 : arith::SIToFPOp::create(b, b.f32Lanes(), bits).getResult();
  SmallVector<Value> acc(b.products.sums, b.f32Splat(0.0f));
  acc = b.loop(b.i64(0), iterations, 1, acc, [&](Value, ValueRange carried) {
    SmallVector<Value> next(carried);
    for (Value &sum : next)
      sum = bf16 ? mega::Dot2Op::create(b, sum, x, x).getResult()
                 : b.fma(x, x, sum);
    return next;
  });
  Value total = acc.front();
  for (Value sum : ArrayRef<Value>(acc).drop_front())
    total = b.fadd(total, sum);
  return total;
}

Value fpmoe::emitDotPeak(KernelBuilder &b, bool bf16, Value iterations) {
  int64_t ops = b.products.sums * kLanes * (bf16 ? 4 : 2);
  Value total = bf16 && b.products.tiles ? emitTilePeak(b, iterations, ops)
                                         : emitLanesPeak(b, bf16, iterations);
  // The sums must be used: a not-a-number (never a negative one) would say 0.
  Value used = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ,
                                     b.sumLanes(total), b.f32(-1.0f));
  return b.select(used, b.i64(0), b.mul(iterations, ops));
}

Value fpmoe::emitReadPeak(KernelBuilder &b, Value data, Value bytes) {
  // A few places at once read faster than one after the other.
  constexpr int64_t kStreams = 4, kVectorBytes = 64;
  VectorType type = b.lanes(b.getI32Type());
  Value zero =
      arith::ConstantOp::create(b, DenseElementsAttr::get(type, int32_t(0)));
  Value quarter = b.div(bytes, kStreams);
  SmallVector<Value> streams, acc(kStreams, zero);
  for (int64_t i = 0; i < kStreams; ++i)
    streams.push_back(b.at(data, b.mul(quarter, i)));
  acc = b.loop(b.i64(0), quarter, kVectorBytes, acc,
               [&](Value offset, ValueRange carried) {
                 SmallVector<Value> next(carried);
                 for (auto [sum, stream] : llvm::zip(next, streams))
                   sum = b.add(
                       sum, b.load(type, b.at(stream, offset), kVectorBytes));
                 return next;
               });
  Value total = b.add(b.add(acc[0], acc[1]), b.add(acc[2], acc[3]));
  return b.toI64(
      vector::ReductionOp::create(b, vector::CombiningKind::ADD, total));
}
