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

/// Sums side by side that hide the latency of a dot instruction: 8 registers.
static int64_t getChains(const KernelBuilder &b) {
  return b.products.sums < 8 ? 4 : 8;
}

/// Steps of which the lower halves are multiplied, and then the upper ones:
/// what the first loop reads is in the first-level cache for the second.
static constexpr int64_t kHalvesSteps = 256;
/// Pairs that are widened at a time. Packed operands have a multiple of them.
static constexpr int64_t kWidenLanes = 8;

DotRows fpmoe::getRows(Value operand, Value base, int64_t steps) {
  auto type = cast<MemRefType>(operand.getType());
  // A row of its own need not be packed.
  if (type.getRank() == 2)
    return {base, kStepBytes, kStepBytes, steps & -steps};
  SmallVector<int64_t> strides = type.getStridesAndOffset().first;
  int64_t elementBytes = kStepBytes / type.getDimSize(3);
  return {base, strides[2] * elementBytes, strides[1] * elementBytes,
          steps & -steps};
}

Value fpmoe::getStack(KernelBuilder &b, int64_t bytes) {
  auto function = b.getBlock()->getParentOp();
  if (!isa<LLVM::LLVMFuncOp>(function))
    function = function->getParentOfType<LLVM::LLVMFuncOp>();
  Block &entry = function->getRegion(0).front();
  for (auto stack : entry.getOps<LLVM::AllocaOp>())
    if (auto size = stack.getArraySize().getDefiningOp<arith::ConstantIntOp>();
        size && size.value() == bytes)
      return stack;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&entry);
  return LLVM::AllocaOp::create(b, b.ptrType(), b.getI8Type(), b.i64(bytes),
                                /*alignment=*/64);
}

/// The f32 of one half of pairs of bf16.
static Value widen(KernelBuilder &b, Value words, bool upper) {
  auto type = cast<VectorType>(words.getType());
  Value by = arith::ConstantOp::create(
      b, DenseElementsAttr::get(type, int32_t(upper ? -65536 : 16)));
  Value bits = upper ? arith::AndIOp::create(b, words, by).getResult()
                     : arith::ShLIOp::create(b, words, by).getResult();
  return arith::BitcastOp::create(b, type.clone(b.getF32Type()), bits);
}

/// As emitTile, of pairs of bf16. The operand is widened for all panels'
/// columns at once, to the stack; the panel in registers, a half at a time, so
/// that the sums need not leave them.
static SmallVector<Value> emitHalves(KernelBuilder &b, int64_t rows,
                                     const DotRows &operand,
                                     ArrayRef<Value> panels, Value steps,
                                     int64_t panelStepBytes) {
  assert(operand.rowBytes == kStepBytes && "rows of a step must be neighbours");
  auto pairs = VectorType::get({kWidenLanes}, b.getI32Type());
  int64_t halfBytes = kHalvesSteps * operand.stepBytes;
  Value stack = getStack(b, 2 * halfBytes);

  auto widenOperand = [&](Value from, Value bytes) {
    b.loop(b.i64(0), bytes, kWidenLanes * kStepBytes, [&](Value offset) {
      Value words = b.load(pairs, b.at(from, offset), kStepBytes);
      Value to = b.at(stack, offset);
      b.store(widen(b, words, /*upper=*/false), to);
      b.store(widen(b, words, /*upper=*/true), b.at(to, halfBytes));
    });
  };
  auto step = [&](Value first, Value k, bool upper,
                  MutableArrayRef<Value> acc) {
    Value panelOffset = b.mul(b.add(first, k), panelStepBytes);
    SmallVector<Value> weights;
    for (Value panel : panels)
      weights.push_back(widen(
          b,
          b.load(b.lanes(b.getI32Type()), b.at(panel, panelOffset), kStepBytes),
          upper));
    Value element =
        b.at(b.at(stack, b.mul(k, operand.stepBytes)), upper ? halfBytes : 0);
    for (int64_t r = 0; r < rows; ++r) {
      Value x = b.splat(b.load(b.getF32Type(), b.at(element, r * kStepBytes)));
      for (auto [p, weight] : llvm::enumerate(weights)) {
        Value &sum = acc[r * panels.size() + p];
        sum = b.fma(weight, x, sum);
      }
    }
  };
  SmallVector<Value> zeros(rows * panels.size(), b.f32Splat(0.0f));
  return b.loop(
      b.i64(0), steps, kHalvesSteps, zeros, [&](Value first, ValueRange sums) {
        Value count = b.min(b.i64(kHalvesSteps), b.sub(steps, first));
        widenOperand(b.at(operand.base, b.mul(first, operand.stepBytes)),
                     b.mul(count, operand.stepBytes));
        SmallVector<Value> acc(sums);
        for (bool upper : {false, true})
          acc =
              b.loop(b.i64(0), count, 1, acc, [&](Value k, ValueRange carried) {
                SmallVector<Value> next(carried);
                step(first, k, upper, next);
                return next;
              });
        return acc;
      });
}

/// As emitDot, with all sums in registers at once.
static SmallVector<Value> emitTile(KernelBuilder &b, bool bf16, int64_t rows,
                                   const DotRows &operand,
                                   ArrayRef<Value> panels, Value steps,
                                   int64_t panelStepBytes) {
  if (bf16 && b.products.halves && rows > 1 && operand.rowBytes == kStepBytes)
    return emitHalves(b, rows, operand, panels, steps, panelStepBytes);
  int64_t sums = rows * panels.size();
  int64_t unroll = std::max<int64_t>(1, getChains(b) / sums);
  auto bf16Lanes = VectorType::get({2 * kLanes}, b.getBF16Type());

  // Adds step `k` to the sums.
  auto step = [&](Value k, MutableArrayRef<Value> acc) {
    SmallVector<Value> weights;
    Value panelOffset = b.mul(k, panelStepBytes);
    for (Value panel : panels) {
      Value from = b.at(panel, panelOffset);
      weights.push_back(
          b.load(bf16 ? Type(bf16Lanes) : b.f32Lanes(), from, kStepBytes));
      // One row uses a weight once: the first-level cache need not have it.
      if (int64_t ahead = b.products.prefetch; ahead && rows == 1)
        LLVM::Prefetch::create(b, b.at(from, ahead), /*rw=*/0, /*hint=*/2,
                               /*cache=*/1);
    }
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

DotSums fpmoe::emitDot(KernelBuilder &b, bool bf16, int64_t rows,
                       const DotRows &operand, ArrayRef<Value> panels,
                       Value steps, int64_t panelStepBytes) {
  if (bf16 && b.products.tiles && rows % kLanes == 0 &&
      operand.stepBytes == kStepBytes && operand.rowBytes > kStepBytes)
    return emitDotTiles(b, rows, operand, panels, steps);
  // Runs of rows that are about equally long.
  int64_t numPanels = panels.size();
  int64_t run = llvm::divideCeil(rows, llvm::divideCeil(rows, b.products.sums));
  int64_t together = std::clamp<int64_t>(b.products.sums / run, 1, numPanels);
  SmallVector<Value> sums(rows * numPanels);
  for (int64_t row = 0; row < rows; row += run) {
    DotRows from = operand;
    from.base = b.at(operand.base, row * operand.rowBytes);
    int64_t count = std::min(run, rows - row);
    for (int64_t panel = 0; panel < numPanels; panel += together) {
      auto some = panels.slice(panel, std::min(together, numPanels - panel));
      SmallVector<Value> tile =
          emitTile(b, bf16, count, from, some, steps, panelStepBytes);
      for (auto [i, sum] : llvm::enumerate(tile))
        sums[(row + i / some.size()) * numPanels + panel + i % some.size()] =
            sum;
    }
  }
  return sums;
}

void fpmoe::storePacked(KernelBuilder &b, bool bf16, Value lanes, Value row,
                        Value chunk, int64_t stepBytes, int64_t valid) {
  int64_t steps = bf16 ? kLanes / 2 : kLanes;
  Value base = b.at(row, b.mul(chunk, steps * stepBytes));
  Value elements = lanes;
  if (bf16) {
    Value rounded = arith::TruncFOp::create(b, b.lanes(b.getBF16Type()), lanes);
    elements = vector::BitCastOp::create(
        b, VectorType::get({steps}, b.getI32Type()), rounded);
  }
  int64_t validSteps = bf16 ? (valid + 1) / 2 : valid;
  if (stepBytes == kStepBytes && validSteps == steps)
    return b.store(elements, base);
  for (int64_t i = 0; i < validSteps; ++i)
    b.store(vector::ExtractOp::create(b, elements, i),
            b.at(base, i * stepBytes));
}
