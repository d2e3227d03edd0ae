//===- Integers.cpp - Products of integers in groups ----------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// VPMADDUBSW sums two products to 16 bits: with elements of at most 15, those
// of a whole group, 16 products for each of two sums, stay below 2^15, and so
// they do where each sum began with half of what a zero of 8 takes off.
// Elements of 8 bits are two of 4. VPDPBUSD sums four to 32 bits, as do USDOT
// and SDOT; to the latter all bytes have a sign. With AMX, the former
// multiplies few rows.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Formats/Integers.h"
#include "dialects/FPMoE/Storage.h"
#include "lib/Codegen/Formats/Tiles.h"

#include <numeric>

using namespace mlir;
using namespace fpmoe;
using mega::IntDotInstruction;

static Value callIntrinsic(KernelBuilder &b, StringRef name, Type result,
                           ValueRange arguments) {
  return LLVM::CallIntrinsicOp::create(b, result, b.getStringAttr(name),
                                       arguments)
      .getResult(0);
}

static Value splatOf(KernelBuilder &b, VectorType type, int64_t value) {
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(
             type, b.getIntegerAttr(type.getElementType(), value)));
}

Value fpmoe::emitHalf(KernelBuilder &b, Value bytes, bool isUpper) {
  auto type = cast<VectorType>(bytes.getType());
  if (isUpper) { // there are no shifts of bytes
    auto wide = VectorType::get({type.getNumElements() / 2}, b.getI16Type());
    Value words = vector::BitCastOp::create(b, wide, bytes);
    words = arith::ShRUIOp::create(b, words, splatOf(b, wide, 4));
    bytes = vector::BitCastOp::create(b, type, words);
  }
  return arith::AndIOp::create(b, bytes, splatOf(b, type, 15));
}

/// From the rows of each vector to the vectors of each row.
static SmallVector<Value> regroup(ArrayRef<Value> sums, int64_t rows,
                                  int64_t vectors) {
  SmallVector<Value> result;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t v = 0; v < vectors; ++v)
      result.push_back(sums[v * rows + r]);
  return result;
}

SmallVector<ColumnPart> WordDot::getParts(mega::TargetAttr target) {
  int64_t lanes = kLanes;
  switch (target.getIntDot()) {
  case IntDotInstruction::Avx2:
  case IntDotInstruction::AvxVnni:
    lanes = 256 / 32;
    break;
  case IntDotInstruction::NeonDot:
  case IntDotInstruction::NeonI8mm:
    lanes = 128 / 32;
    break;
  case IntDotInstruction::Avx512Vnni:
  case IntDotInstruction::AmxInt8:
  case IntDotInstruction::None:
    break;
  }
  SmallVector<ColumnPart> parts;
  for (int64_t first = 0; first < kLanes; first += lanes)
    parts.push_back({first, lanes});
  return parts;
}

bool WordDot::isSigned(mega::TargetAttr target) {
  return target.getIntDot() == IntDotInstruction::NeonDot;
}

bool WordDot::isShort(mega::TargetAttr target) {
  return target.getIntDot() == IntDotInstruction::Avx2;
}

Value WordDot::constant(VectorType type, int64_t value) {
  return splatOf(b, type, value);
}

Value WordDot::splat(Value scalar) {
  return vector::BroadcastOp::create(b, vectorOf(scalar.getType()), scalar);
}

Value WordDot::zero() {
  return constant(isShort(b.target)
                      ? VectorType::get({2 * lanes}, b.getI16Type())
                      : vectorOf(b.getI32Type()),
                  0);
}

Value WordDot::lessZero(Value halves) {
  return vector::BitCastOp::create(b, zero().getType(), splat(halves));
}

Value WordDot::add(Value sum, Value words, Value x) {
  Value row = vector::BitCastOp::create(b, bytes(), splat(x));
  switch (b.target.getIntDot()) {
  case IntDotInstruction::Avx2:
    return arith::AddIOp::create(b, sum,
                                 callIntrinsic(b, "llvm.x86.avx2.pmadd.ub.sw",
                                               sum.getType(), {words, row}));
  case IntDotInstruction::AvxVnni:
    return callIntrinsic(b, "llvm.x86.avx512.vpdpbusd.256", sum.getType(),
                         {sum, words, row});
  case IntDotInstruction::Avx512Vnni:
  case IntDotInstruction::AmxInt8:
    return callIntrinsic(b, "llvm.x86.avx512.vpdpbusd.512", sum.getType(),
                         {sum, words, row});
  case IntDotInstruction::NeonDot:
    return callIntrinsic(b, "llvm.aarch64.neon.sdot.v4i32.v16i8", sum.getType(),
                         {sum, words, row});
  case IntDotInstruction::NeonI8mm:
    return callIntrinsic(b, "llvm.aarch64.neon.usdot.v4i32.v16i8",
                         sum.getType(), {sum, words, row});
  case IntDotInstruction::None:
    break;
  }
  VectorType type = vectorOf(b.getI32Type());
  Value columns = vector::BitCastOp::create(b, type, words);
  for (int64_t i = 0; i < kWordBytes; ++i) {
    Value w = arith::AndIOp::create(
        b, arith::ShRUIOp::create(b, columns, constant(type, 8 * i)),
        constant(type, 255));
    Value element = arith::ShRSIOp::create(
        b, arith::ShLIOp::create(b, splat(x), constant(type, 24 - 8 * i)),
        constant(type, 24));
    sum = arith::AddIOp::create(b, sum, arith::MulIOp::create(b, w, element));
  }
  return sum;
}

Value WordDot::widen(Value sum, int64_t factor) {
  if (!isShort(b.target))
    return sum;
  Value factors = constant(cast<VectorType>(sum.getType()), factor);
  return callIntrinsic(b, "llvm.x86.avx2.pmadd.wd", vectorOf(b.getI32Type()),
                       {sum, factors});
}

Value WordDot::emitPeak(Value iterations, int64_t &ops) {
  constexpr int64_t kSums = 12; // enough to hide latency, as registers go
  ops = 2 * kSums * lanes * kWordBytes;
  // A factor that depends on the argument, so that nothing can be folded; and
  // one on the sum, so that no product can be taken out of the loop.
  Value x = b.toI32(iterations);
  SmallVector<Value> sums;
  for (int64_t i = 0; i < kSums; ++i)
    sums.push_back(constant(cast<VectorType>(zero().getType()), i));
  sums = b.loop(b.i64(0), iterations, 1, sums, [&](Value, ValueRange carried) {
    SmallVector<Value> next(carried);
    for (Value &sum : next)
      sum = add(sum, vector::BitCastOp::create(b, bytes(), sum), x);
    return next;
  });
  Value total = sums.front();
  for (Value sum : ArrayRef<Value>(sums).drop_front())
    total = arith::AddIOp::create(b, total, sum);
  total = vector::BitCastOp::create(b, vectorOf(b.getI32Type()), total);
  total = arith::SIToFPOp::create(b, vectorOf(b.getF32Type()), total);
  SmallVector<int64_t> repeated;
  for (int64_t i = 0; i < kLanes; ++i)
    repeated.push_back(i % lanes);
  return vector::ShuffleOp::create(b, total, total, repeated);
}

Type IntegerFormat::getOperandElement(mega::TargetAttr target) const {
  return IntegerType::get(target.getContext(), 8);
}

/// Beside a sum of f32, there is one of a group for each.
int64_t IntegerFormat::getAccumulators(mega::TargetAttr target) const {
  int64_t registers = target.getAccumulators();
  return WordDot::getParts(target).size() > 1
             ? registers
             : std::max<int64_t>(registers / 2, 1);
}

int64_t IntegerFormat::getVectorsAtOnce(mega::TargetAttr target,
                                        int64_t rows) const {
  // Of one row, several streams of weights are read faster than one.
  return rows > 1 && WordDot::getParts(target).size() > 1
             ? 1
             : Format::getVectorsAtOnce(target, rows);
}

Value IntegerFormat::emitPeak(KernelBuilder &b, Value iterations,
                              int64_t &ops) const {
  if (b.target.getIntDot() == IntDotInstruction::None)
    return Format::emitPeak(b, iterations, ops);
  // A group is half as deep as a tile register could be.
  if (usesTiles(b.target))
    return Tiles(b, kTileRows)
        .emitPeak(iterations, mega::kGroupElements, kWordBytes, ops,
                  [](Tiles &tiles, Value sum, Value lhs, Value rhs) {
                    return tiles.dotBytes(sum, lhs, rhs, mega::kGroupElements);
                  });
  int64_t lanes = WordDot::getParts(b.target).front().lanes;
  return WordDot(b, lanes).emitPeak(iterations, ops);
}

bool IntegerFormat::usesTiles(mega::TargetAttr target) const {
  return target.getIntDot() == IntDotInstruction::AmxInt8;
}

Value IntegerFormat::addGroup(KernelBuilder &b, Value total, Value sum,
                              Value scale, Value scales, Value rowSum,
                              Value minima) const {
  auto splat = [&](Value scalar) -> Value {
    return vector::BroadcastOp::create(b, total.getType(), scalar);
  };
  Value number = arith::SIToFPOp::create(b, total.getType(), sum);
  total = b.fma(b.fmul(number, splat(scale)), scales, total);
  return minima ? b.fma(splat(rowSum), minima, total) : total;
}

Value IntegerFormat::loadRowSum(KernelBuilder &b, Value from) const {
  bool isShort = WordDot::isShort(b.target);
  Value sum = b.load(isShort ? b.getI16Type() : b.getI32Type(),
                     b.at(from, mega::kGroupSumAt));
  sum = arith::SIToFPOp::create(b, b.getF32Type(), sum);
  Value scale = b.load(b.getF32Type(), b.at(from, mega::kGroupScaleAt));
  return b.fmul(b.fmul(sum, b.f32(isShort ? -0.25 : 0.125)), scale);
}

int64_t IntegerFormat::getGroupBytes() const {
  return kGroupWords * kWordsBytes * getElementBits() / 8 +
         kLanes * GroupFormat::kScaleBytes * (hasMinimum() ? 2 : 1);
}

Value IntegerFormat::loadScales(KernelBuilder &b, Value from, ColumnPart part,
                                bool minima) const {
  int64_t at = kGroupWords * kWordsBytes * getElementBits() / 8 +
               (part.first + (minima ? kLanes : 0)) * GroupFormat::kScaleBytes;
  auto lanes = [&](Type element) {
    return VectorType::get({part.lanes}, element);
  };
  return arith::ExtFOp::create(
      b, lanes(b.getF32Type()),
      b.load(lanes(b.getF16Type()), b.at(from, at), /*align=*/2));
}

/// Of each group: (sum of (q + zero) x - zero sum of x) * scale of the row *
/// scale of the column, or with minima, sum of q x * the scales + sum of x *
/// scale of the row * minimum of the column. The integers are below 2^24, so
/// that they are exact as f32.
SmallVector<Value> IntegerFormat::emitParts(KernelBuilder &b,
                                            const ProductTile &tile,
                                            ArrayRef<ColumnPart> parts) const {
  WordDot dot(b, parts.front().lanes);
  bool isShort = WordDot::isShort(b.target);
  bool isSplit = isShort && getElementBits() == 8;
  // Bytes that have a sign are q itself.
  bool hasZero =
      !hasMinimum() && !(WordDot::isSigned(b.target) && getElementBits() == 8);
  VectorType i32 = dot.vectorOf(b.getI32Type());
  VectorType f32 = dot.vectorOf(b.getF32Type());
  Value zero = arith::ConstantOp::create(b, DenseElementsAttr::get(f32, 0.0f));
  SmallVector<Value> zeros(tile.rows * tile.weights.size() * parts.size(),
                           zero);
  int64_t groupBytes = getGroupBytes();
  // One stream of 4 bits is read 1.6 times as fast by a processor that is left
  // to guess (Zen 4); of 8 bits, or in several streams, a fifth slower. One
  // with AMX (Xeon) reads that stream a quarter faster where it is told.
  bool isStream = tile.rows == 1 && getElementBits() == 4 &&
                  b.target.getIntDot() != IntDotInstruction::AmxInt8 &&
                  parts.front().lanes == kLanes && tile.stepBytes > groupBytes;
  return b.loop(b.i64(0), tile.steps, 1, zeros, [&](Value k, ValueRange sums) {
    SmallVector<Value> next(sums);
    Value *total = next.begin();
    Value offset = b.mul(k, tile.stepBytes);
    Value first = b.at(tile.operand.base, b.mul(k, tile.operand.stepBytes));
    auto load = [&](Type type, int64_t row, int64_t at) {
      return b.load(type, b.at(first, row * tile.operand.rowBytes + at));
    };
    if (!parts.front().first)
      emitRowsPrefetch(b, tile, first);
    SmallVector<Value> rowSums(tile.rows);
    for (int64_t r = 0; hasMinimum() && r < tile.rows; ++r)
      rowSums[r] = loadRowSum(b, b.at(first, r * tile.operand.rowBytes));
    for (Value weights : tile.weights) {
      Value from = b.at(weights, offset);
      // Parts that are computed one after the other share the lines.
      int64_t width = parts.size() * parts.front().lanes;
      for (int64_t line = 0; !isStream && line * kCacheLine < groupBytes;
           ++line)
        if (line % (kLanes / width) == parts.front().first / width)
          emitPrefetch(b, tile, b.at(from, line * kCacheLine));
      for (ColumnPart part : parts) {
        SmallVector<Value> lower(tile.rows, dot.zero()), upper = lower;
        for (int64_t r = 0; isShort && hasZero && r < tile.rows; ++r)
          (isSplit ? upper : lower)[r] =
              dot.lessZero(load(b.getI32Type(), r, mega::kGroupSumAt));
        forEachWord(b, from, part, kGroupWords,
                    [&](int64_t word, ArrayRef<Value> words) {
                      for (int64_t r = 0; r < tile.rows; ++r) {
                        Value x = load(b.getI32Type(), r, word * kWordBytes);
                        lower[r] = dot.add(lower[r], words.front(), x);
                        if (isSplit)
                          upper[r] = dot.add(upper[r], words.back(), x);
                      }
                    });
        Value scales = loadScales(b, from, part), minima;
        if (hasMinimum())
          minima = loadScales(b, from, part, /*minima=*/true);
        for (int64_t r = 0; r < tile.rows; ++r, ++total) {
          Value sum = dot.widen(lower[r]);
          if (isSplit) {
            sum = arith::AddIOp::create(b, sum, dot.widen(upper[r], 16));
          } else if (hasZero && !isShort) {
            // 8 times the sum of the row, which is zero times it of 4 bits.
            Value less = dot.splat(load(b.getI32Type(), r, mega::kGroupSumAt));
            Value four = dot.constant(i32, 4);
            if (getElementBits() == 8)
              less = arith::ShLIOp::create(b, less, four);
            sum = arith::SubIOp::create(b, sum, less);
          }
          *total = addGroup(b, *total, sum,
                            load(b.getF32Type(), r, mega::kGroupScaleAt),
                            scales, rowSums[r], minima);
        }
      }
    }
    return next;
  });
}

/// Vectors of as many lanes each, one behind the other.
static Value join(KernelBuilder &b, ArrayRef<Value> parts) {
  if (parts.size() == 1)
    return parts.front();
  Value low = join(b, parts.take_front(parts.size() / 2));
  Value high = join(b, parts.drop_front(parts.size() / 2));
  SmallVector<int64_t> all(2 *
                           cast<VectorType>(low.getType()).getNumElements());
  std::iota(all.begin(), all.end(), 0);
  return vector::ShuffleOp::create(b, low, high, all);
}

Accumulators IntegerFormat::emitProduct(KernelBuilder &b,
                                        const ProductTile &tile) const {
  if (usesTiles(b.target) && tile.rows > getMostVectorRows(b.target))
    return emitTileProduct(b, tile);
  if (WordDot::isShort(b.target) && tile.rows > 1)
    return emitShortProduct(b, tile);
  SmallVector<ColumnPart> parts = WordDot::getParts(b.target);
  int64_t rows = tile.rows, vectors = tile.weights.size();
  // One row reads weights once; many have not the registers for all at once.
  // Then sums wait in memory while those of other parts are made: LLVM would
  // keep them in registers, and spill what the loop of a part needs.
  bool inTurn = rows > 1 && parts.size() > 1;
  int64_t partBytes = parts.front().lanes * 4;
  SmallVector<Value> sums; // of all parts of a row and vector, or their places
  if (inTurn) {
    Value stack = b.getStack(vectors * rows * kLanes * 4);
    for (int64_t i = 0; i < vectors * rows; ++i)
      for (size_t p = 0; p < parts.size(); ++p)
        sums.push_back(b.at(stack, i * kLanes * 4 + p * partBytes));
    for (auto [p, part] : llvm::enumerate(parts))
      for (auto [i, sum] : llvm::enumerate(emitParts(b, tile, part)))
        LLVM::StoreOp::create(b, sum, sums[i * parts.size() + p],
                              /*alignment=*/4, /*isVolatile=*/true);
  } else {
    sums = emitParts(b, tile, parts);
  }
  SmallVector<Value> joined;
  for (int64_t i = 0; i < vectors * rows; ++i)
    joined.push_back(
        inTurn ? LLVM::LoadOp::create(b, b.f32Lanes(), sums[i * parts.size()],
                                      /*alignment=*/4, /*isVolatile=*/true)
                     .getResult()
               : join(b, ArrayRef<Value>(sums).slice(i * parts.size(),
                                                     parts.size())));
  return regroup(joined, rows, vectors);
}
