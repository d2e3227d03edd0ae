//===- Limits.cpp - Functions that measure the machine --------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Limits.h"

using namespace mlir;
using namespace fpmoe;

Value fpmoe::emitDotPeak(KernelBuilder &b, const Format &format,
                         Value iterations) {
  int64_t ops = 0;
  Value total = format.emitPeak(b, iterations, ops);
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
