//===- Tiles.cpp - Tile registers of AMX ----------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Formats/Tiles.h"

using namespace mlir;
using namespace fpmoe;

/// Bytes of a word of a factor, and of a sum.
static constexpr int64_t kWordBytes = 4;

Tiles::Tiles(KernelBuilder &b, int64_t rows)
    : b(b), rows(rows), type(LLVM::LLVMX86AMXType::get(b.getContext())) {}

Value Tiles::i16(int64_t value) {
  return arith::ConstantIntOp::create(b, value, 16);
}

Value Tiles::call(StringRef name, Type result, ArrayRef<Value> arguments) {
  StringAttr intrinsic = b.getStringAttr(name);
  if (!result) {
    LLVM::CallIntrinsicOp::create(b, intrinsic, arguments);
    return {};
  }
  return LLVM::CallIntrinsicOp::create(b, result, intrinsic, arguments)
      .getResult(0);
}

Value Tiles::zero() {
  return call("llvm.x86.tilezero.internal", type, {i16(rows), i16(kTileBytes)});
}

Value Tiles::load(Value from, int64_t count, int64_t bytes, int64_t stride) {
  return call("llvm.x86.tileloadd64.internal", type,
              {i16(count), i16(bytes), from, b.i64(stride)});
}

void Tiles::store(Value tile, Value to, int64_t stride) {
  call("llvm.x86.tilestored64.internal", Type(),
       {i16(rows), i16(kTileBytes), to, b.i64(stride), tile});
}

Value Tiles::dot(StringRef name, Value sum, Value lhs, Value rhs,
                 int64_t bytes) {
  return call(name, type,
              {i16(rows), i16(kTileBytes), i16(bytes), sum, lhs, rhs});
}

Value Tiles::dotBF16(Value sum, Value lhs, Value rhs, int64_t bytes) {
  return dot("llvm.x86.tdpbf16ps.internal", sum, lhs, rhs, bytes);
}

Value Tiles::dotBytes(Value sum, Value lhs, Value rhs, int64_t bytes) {
  return dot("llvm.x86.tdpbssd.internal", sum, lhs, rhs, bytes);
}

Value Tiles::emitPeak(Value iterations, int64_t bytes, int64_t perWord,
                      int64_t &ops,
                      function_ref<Value(Tiles &, Value, Value, Value)> dot) {
  constexpr int64_t kSums = 4;
  int64_t words = bytes / kWordBytes;
  ops = kSums * rows * kLanes * words * perWord * 2;
  int64_t tileBytes = rows * kTileBytes;
  Value stack = b.getStack(2 * tileBytes);
  // Factors that depend on the argument, so that nothing can be folded. They
  // have registers of their own: the instruction demands it.
  Value lanes = b.splat(b.toI32(iterations));
  for (int64_t row = 0; row < 2 * rows; ++row)
    b.store(lanes, b.at(stack, row * kTileBytes));
  Value lhs = load(stack, rows, bytes, kTileBytes);
  Value rhs = load(b.at(stack, tileBytes), words, kTileBytes, kTileBytes);
  SmallVector<Value> zeros;
  for (int64_t i = 0; i < kSums; ++i)
    zeros.push_back(zero());
  SmallVector<Value> sums =
      b.loop(b.i64(0), iterations, 1, zeros, [&](Value, ValueRange carried) {
        SmallVector<Value> next(carried);
        for (Value &sum : next)
          sum = dot(*this, sum, lhs, rhs);
        return next;
      });
  Value total = b.f32Splat(0.0f);
  for (Value sum : sums) {
    store(sum, stack, kTileBytes);
    total = b.fadd(total, b.loadLanes(stack));
  }
  return total;
}
