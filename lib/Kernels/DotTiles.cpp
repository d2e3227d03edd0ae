//===- DotTiles.cpp - The inner loop of products, with AMX ----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A tile register holds 16 rows of 64 bytes. TDPBF16PS multiplies 16 rows of 32
// bf16 by 16 pairs of rows of 16 columns: the latter is what 16 steps of a
// panel are in memory, the former what an operand has whose rows lie together.
// Four sums, of two times 16 rows and two panels, leave four registers for
// factors.
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Dot.h"

using namespace mlir;
using namespace fpmoe;

namespace {

constexpr int64_t kTileRows = 16, kTileBytes = 64, kTileSteps = 16;

/// Emits intrinsics; the back end finds the registers and their configuration.
class Tiles {
public:
  explicit Tiles(KernelBuilder &b)
      : b(b), type(LLVM::LLVMX86AMXType::get(b.getContext())) {}

  Value zero() {
    return call("llvm.x86.tilezero.internal", type,
                {i16(kTileRows), i16(kTileBytes)});
  }
  /// `rows` rows of `bytes` bytes, `stride` bytes apart.
  Value load(Value from, int64_t rows, int64_t bytes, int64_t stride) {
    return call("llvm.x86.tileloadd64.internal", type,
                {i16(rows), i16(bytes), from, b.i64(stride)});
  }
  void store(Value tile, Value to, int64_t stride) {
    call("llvm.x86.tilestored64.internal", Type(),
         {i16(kTileRows), i16(kTileBytes), to, b.i64(stride), tile});
  }
  /// sum + lhs * rhs over `steps` pairs of bf16.
  Value dot(Value sum, Value lhs, Value rhs, int64_t steps) {
    return call("llvm.x86.tdpbf16ps.internal", type,
                {i16(kTileRows), i16(kTileBytes), i16(steps * kStepBytes), sum,
                 lhs, rhs});
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
  Type type;
};

} // namespace

DotSums fpmoe::emitDotTiles(KernelBuilder &b, int64_t rows,
                            const DotRows &operand, ArrayRef<Value> panels,
                            Value steps) {
  assert(rows % kTileRows == 0 && operand.stepBytes == kStepBytes &&
         "tiles need rows that lie together");
  Tiles tiles(b);
  // Products of half the depth, where the steps are no multiple of a tile's.
  int64_t depth = std::min(operand.multiple, kTileSteps);
  int64_t strips = rows / kTileRows, numPanels = panels.size();
  SmallVector<Value> zeros;
  for (int64_t i = 0; i < strips * numPanels; ++i)
    zeros.push_back(tiles.zero());
  SmallVector<Value> sums =
      b.loop(b.i64(0), steps, depth, zeros, [&](Value k, ValueRange carried) {
        SmallVector<Value> next(carried), weights;
        Value panelOffset = b.mul(k, kPanelStepBytes);
        for (Value panel : panels)
          weights.push_back(tiles.load(b.at(panel, panelOffset), depth,
                                       kTileBytes, kPanelStepBytes));
        Value first = b.at(operand.base, b.mul(k, kStepBytes));
        for (int64_t s = 0; s < strips; ++s) {
          Value elements =
              tiles.load(b.at(first, s * kTileRows * operand.rowBytes),
                         kTileRows, depth * kStepBytes, operand.rowBytes);
          for (auto [p, weight] : llvm::enumerate(weights)) {
            Value &sum = next[s * numPanels + p];
            sum = tiles.dot(sum, elements, weight, depth);
          }
        }
        return next;
      });
  int64_t sumBytes = kLanes * 4, rowBytes = numPanels * sumBytes;
  Value stack = getStack(b, rows * rowBytes);
  for (int64_t s = 0; s < strips; ++s)
    for (int64_t p = 0; p < numPanels; ++p)
      tiles.store(sums[s * numPanels + p],
                  b.at(stack, s * kTileRows * rowBytes + p * sumBytes),
                  rowBytes);
  return {b, stack};
}

Value fpmoe::emitTilePeak(KernelBuilder &b, Value iterations, int64_t &ops) {
  constexpr int64_t kSums = 4;
  ops = kSums * kTileRows * kLanes * kTileSteps * 4;
  Tiles tiles(b);
  int64_t tileBytes = kTileRows * kTileBytes;
  Value stack = getStack(b, 2 * tileBytes);
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
