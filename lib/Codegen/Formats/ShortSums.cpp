//===- ShortSums.cpp - Products of integers with sums of 16 bits ----------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// With AVX2, a row's word that is spread to all lanes takes as many registers
// and instructions as the product itself. So it meets two registers of weights:
// 8 columns each, or the lower and upper 4 bits of the same 8. 16 registers
// have room for that and the sums of five rows; the totals of f32 are in
// memory, which an addition reads and writes for each group.
//
// A word after the other is a loop: LLVM would add the products of several
// words before it adds them to a sum, in registers that there are not.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Formats/Integers.h"

using namespace mlir;
using namespace fpmoe;

/// Registers of weights that a word of a row meets.
static constexpr int64_t kRegisters = 2;

Accumulators IntegerFormat::emitShortProduct(KernelBuilder &b,
                                             const ProductTile &tile) const {
  SmallVector<ColumnPart> parts = WordDot::getParts(b.target);
  WordDot dot(b, parts.front().lanes);
  bool isSplit = getElementBits() == 8;
  int64_t together = isSplit ? 1 : kRegisters;
  int64_t words = 8 / getElementBits(); // that lie in the same bytes
  int64_t rows = tile.rows, vectors = tile.weights.size();
  VectorType f32 = dot.vectorOf(b.getF32Type());
  Value stack = b.getStack(rows * vectors * kLanes * 4);
  // Volatile: LLVM would keep totals in registers, and spill sums.
  auto loadTotal = [&](Value place) -> Value {
    return LLVM::LoadOp::create(b, f32, place, /*alignment=*/32,
                                /*isVolatile=*/true);
  };
  auto storeTotal = [&](Value total, Value place) {
    LLVM::StoreOp::create(b, total, place, /*alignment=*/32,
                          /*isVolatile=*/true);
  };
  Value zero = arith::ConstantOp::create(b, DenseElementsAttr::get(f32, 0.0f));
  for (int64_t at = 0; at < rows * vectors * kLanes; at += f32.getDimSize(0))
    storeTotal(zero, b.at(stack, at * 4));

  b.loop(b.i64(0), tile.steps, 1, [&](Value k) {
    Value offset = b.mul(k, tile.stepBytes);
    Value first = b.at(tile.operand.base, b.mul(k, tile.operand.stepBytes));
    auto load = [&](Type type, int64_t row, int64_t at) {
      return b.load(type, b.at(first, row * tile.operand.rowBytes + at));
    };
    /// Adds what a group gives to the totals of some columns of vector v.
    auto addColumns = [&](int64_t v, Value from, ArrayRef<ColumnPart> some) {
      SmallVector<Value> sums; // of each row
      for (int64_t r = 0; r < rows; ++r) {
        Value less =
            hasMinimum()
                ? dot.zero()
                : dot.lessZero(load(b.getI32Type(), r, mega::kGroupSumAt));
        sums.push_back(isSplit ? dot.zero() : less);
        sums.push_back(less);
      }
      sums = b.loop(b.i64(0), b.i64(kGroupWords / words), 1, sums,
                    [&](Value i, ValueRange carried) {
                      SmallVector<Value> next(carried);
                      Value x = b.at(first, b.mul(i, words * kWordBytes));
                      forEachWord(
                          b, b.at(from, b.mul(i, kWordsBytes)), some, words,
                          [&](int64_t word, ArrayRef<Value> bytes) {
                            for (int64_t r = 0; r < rows; ++r) {
                              Value spread =
                                  b.load(b.getI32Type(),
                                         b.at(x, r * tile.operand.rowBytes +
                                                     word * kWordBytes));
                              for (int64_t i = 0; i < kRegisters; ++i) {
                                Value &sum = next[r * kRegisters + i];
                                sum = dot.add(sum, bytes[i], spread);
                              }
                            }
                          });
                      return next;
                    });
      SmallVector<Value> scales, minima(together);
      for (auto [i, part] : llvm::enumerate(some)) {
        scales.push_back(loadScales(b, from, part));
        if (hasMinimum())
          minima[i] = loadScales(b, from, part, /*minima=*/true);
      }
      for (int64_t r = 0; r < rows; ++r) {
        Value scale = load(b.getF32Type(), r, mega::kGroupScaleAt), rowSum;
        if (hasMinimum())
          rowSum = loadRowSum(b, b.at(first, r * tile.operand.rowBytes));
        for (auto [i, part] : llvm::enumerate(some)) {
          Value sum = dot.widen(sums[r * kRegisters + i]);
          if (isSplit)
            sum = arith::AddIOp::create(
                b, sum, dot.widen(sums[r * kRegisters + 1], 16));
          Value place =
              b.at(stack, ((r * vectors + v) * kLanes + part.first) * 4);
          storeTotal(addGroup(b, loadTotal(place), sum, scale, scales[i],
                              rowSum, minima[i]),
                     place);
        }
      }
    };
    emitRowsPrefetch(b, tile, first);
    for (int64_t v = 0; v < vectors; ++v) {
      Value from = b.at(tile.weights[v], offset);
      for (int64_t at = 0; at < getGroupBytes(); at += kCacheLine)
        emitPrefetch(b, tile, b.at(from, at));
      for (size_t p = 0; p < parts.size(); p += together)
        addColumns(v, from, ArrayRef<ColumnPart>(parts).slice(p, together));
    }
  });
  return {b, stack};
}
