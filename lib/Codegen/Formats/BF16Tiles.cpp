//===- BF16Tiles.cpp - Products of bf16 with AMX
//------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A tile register holds 16 rows of 64 bytes. TDPBF16PS multiplies rows of 32
// bf16 by 16 pairs of rows of 16 columns: the latter is what 16 steps of a
// vector of columns are in memory, the former what an operand has whose rows
// lie together. Its time goes with the rows, so that one row has a tile of one
// row. Four sums, of two times 16 rows and two vectors, leave four registers
// for factors.
//
// LLVM chooses registers and their configuration. A function has but eight of
// them, each of one shape: all its products have the same rows and depth.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Formats/Format.h"

using namespace mlir;
using namespace fpmoe;

namespace {

constexpr int64_t kTileRows = 16, kTileBytes = 64, kTileSteps = 16;
/// Bytes of a pair of bf16, and of a sum.
constexpr int64_t kPairBytes = 4;

/// Emits intrinsics. Sums and left factors have `rows` rows.
class Tiles {
public:
  Tiles(KernelBuilder &b, int64_t rows)
      : b(b), rows(rows), type(LLVM::LLVMX86AMXType::get(b.getContext())) {}

  Value zero() {
    return call("llvm.x86.tilezero.internal", type,
                {i16(rows), i16(kTileBytes)});
  }
  /// `count` rows of `bytes` bytes, `stride` bytes apart.
  Value load(Value from, int64_t count, int64_t bytes, int64_t stride) {
    return call("llvm.x86.tileloadd64.internal", type,
                {i16(count), i16(bytes), from, b.i64(stride)});
  }
  void store(Value tile, Value to, int64_t stride) {
    call("llvm.x86.tilestored64.internal", Type(),
         {i16(rows), i16(kTileBytes), to, b.i64(stride), tile});
  }
  /// sum + lhs * rhs over `steps` pairs of bf16.
  Value dot(Value sum, Value lhs, Value rhs, int64_t steps) {
    return call(
        "llvm.x86.tdpbf16ps.internal", type,
        {i16(rows), i16(kTileBytes), i16(steps * kPairBytes), sum, lhs, rhs});
  }

private:
  Value i16(int64_t value) {
    return arith::ConstantIntOp::create(b, value, 16);
  }
  Value call(StringRef name, Type result, ArrayRef<Value> arguments) {
    StringAttr intrinsic = b.getStringAttr(name);
    if (!result) {
      LLVM::CallIntrinsicOp::create(b, intrinsic, arguments);
      return {};
    }
    return LLVM::CallIntrinsicOp::create(b, result, intrinsic, arguments)
        .getResult(0);
  }

  KernelBuilder &b;
  int64_t rows;
  Type type;
};

} // namespace

Accumulators fpmoe::emitTileProduct(KernelBuilder &b, const ProductTile &tile) {
  assert((tile.rows == 1 || tile.rows % kTileRows == 0) &&
         tile.operand.stepBytes == kPairBytes && "rows must fit tiles");
  int64_t rows = std::min(tile.rows, kTileRows);
  Tiles tiles(b, rows);
  // Products of half the depth, where the steps are no multiple of a tile's.
  int64_t depth = std::min(tile.multiple, kTileSteps);
  int64_t strips = tile.rows / rows, vectors = tile.weights.size();
  SmallVector<Value> zeros;
  for (int64_t i = 0; i < strips * vectors; ++i)
    zeros.push_back(tiles.zero());
  SmallVector<Value> sums = b.loop(
      b.i64(0), tile.steps, depth, zeros, [&](Value k, ValueRange carried) {
        SmallVector<Value> next(carried);
        Value offset = b.mul(k, tile.stepBytes);
        Value first = b.at(tile.operand.base, b.mul(k, kPairBytes));
        SmallVector<Value> elements;
        for (int64_t s = 0; s < strips; ++s)
          elements.push_back(
              tiles.load(b.at(first, s * rows * tile.operand.rowBytes), rows,
                         depth * kPairBytes, tile.operand.rowBytes));
        for (auto [v, place] : llvm::enumerate(tile.weights)) {
          Value from = b.at(place, offset);
          for (int64_t row = 0; row < depth; ++row)
            emitPrefetch(b, tile, b.at(from, row * tile.stepBytes));
          Value weight = tiles.load(from, depth, kTileBytes, tile.stepBytes);
          for (int64_t s = 0; s < strips; ++s) {
            Value &sum = next[s * vectors + v];
            sum = tiles.dot(sum, elements[s], weight, depth);
          }
        }
        return next;
      });
  int64_t sumBytes = kLanes * 4, rowBytes = vectors * sumBytes;
  Value stack = b.getStack(tile.rows * rowBytes);
  for (int64_t s = 0; s < strips; ++s)
    for (int64_t v = 0; v < vectors; ++v)
      tiles.store(sums[s * vectors + v],
                  b.at(stack, s * rows * rowBytes + v * sumBytes), rowBytes);
  return {b, stack};
}

Value fpmoe::emitTilePeak(KernelBuilder &b, Value iterations, int64_t &ops) {
  constexpr int64_t kSums = 4;
  ops = kSums * kTileRows * kLanes * kTileSteps * 4;
  Tiles tiles(b, kTileRows);
  int64_t tileBytes = kTileRows * kTileBytes;
  Value stack = b.getStack(2 * tileBytes);
  // Factors that depend on the argument, so that nothing can be folded. They
  // have registers of their own: the instruction demands it.
  Value lanes = b.splat(b.toI32(iterations));
  for (int64_t row = 0; row < 2 * kTileRows; ++row)
    b.store(lanes, b.at(stack, row * kTileBytes));
  auto load = [&](int64_t offset) {
    return tiles.load(b.at(stack, offset), kTileRows, kTileBytes, kTileBytes);
  };
  Value lhs = load(0), rhs = load(tileBytes);
  SmallVector<Value> zeros;
  for (int64_t i = 0; i < kSums; ++i)
    zeros.push_back(tiles.zero());
  SmallVector<Value> sums =
      b.loop(b.i64(0), iterations, 1, zeros, [&](Value, ValueRange carried) {
        SmallVector<Value> next(carried);
        for (Value &sum : next)
          sum = tiles.dot(sum, lhs, rhs, kTileSteps);
        return next;
      });
  Value total = b.f32Splat(0.0f);
  for (Value sum : sums) {
    tiles.store(sum, stack, kTileBytes);
    total = b.fadd(total, b.loadLanes(stack));
  }
  return total;
}
