//===- BF16.cpp - Weights of bfloat16 -------------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Two elements of K stand together. Where the target sums their products, rows
// are rounded to pairs of bf16; elsewhere weights are widened and multiplied in
// f32, one element of the pair after the other.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Formats/Format.h"

using namespace mlir;
using namespace fpmoe;

static VectorType pairs(KernelBuilder &b) {
  return VectorType::get({2 * kLanes}, b.getBF16Type());
}

namespace {

class BF16Format final : public Format {
public:
  int64_t getPackedDepth() const override { return 2; }

  Type getOperandElement(mega::TargetAttr target) const override {
    if (hasDot(target))
      return BFloat16Type::get(target.getContext());
    return Format::getOperandElement(target);
  }
  int64_t getOperandDepth(mega::TargetAttr target) const override {
    return hasDot(target) ? 2 : 1;
  }
  bool usesTiles(mega::TargetAttr target) const override {
    return target.getDot() == mega::DotInstruction::AmxBf16;
  }
  bool takesRowMajor(mega::TargetAttr target) const override {
    return usesTiles(target);
  }

  Accumulators emitProduct(KernelBuilder &b,
                           const ProductTile &tile) const override {
    if (usesTiles(b.target))
      return emitTileProduct(b, tile);
    if (hasDot(b.target))
      return emitDotProduct(b, tile);
    return emitWidenedProduct(b, tile);
  }

  Value emitPeak(KernelBuilder &b, Value iterations,
                 int64_t &ops) const override {
    if (usesTiles(b.target))
      return emitTilePeak(b, iterations, ops);
    if (!hasDot(b.target))
      return Format::emitPeak(b, iterations, ops);
    int64_t accumulators = b.target.getAccumulators();
    ops = accumulators * kLanes * 4;
    Value x =
        vector::BitCastOp::create(b, pairs(b), b.splat(b.toI32(iterations)));
    SmallVector<Value> sums(accumulators, b.f32Splat(0.0f));
    sums =
        b.loop(b.i64(0), iterations, 1, sums, [&](Value, ValueRange carried) {
          SmallVector<Value> next(carried);
          for (Value &sum : next)
            sum = mega::Dot2Op::create(b, sum, x, x);
          return next;
        });
    Value total = sums.front();
    for (Value sum : ArrayRef<Value>(sums).drop_front())
      total = b.fadd(total, sum);
    return total;
  }

private:
  static bool hasDot(mega::TargetAttr target) {
    return target.getDot() != mega::DotInstruction::None;
  }
};

} // namespace

Accumulators fpmoe::emitDotProduct(KernelBuilder &b, const ProductTile &tile) {
  size_t vectors = tile.weights.size();
  SmallVector<Value> first(tile.sums);
  if (first.empty())
    first.assign(tile.rows * vectors, b.f32Splat(0.0f));
  return b.loop(b.i64(0), tile.steps, 1, first, [&](Value k, ValueRange sums) {
    SmallVector<Value> next(sums), weights;
    Value offset = b.mul(k, tile.stepBytes);
    for (Value place : tile.weights) {
      Value from = b.at(place, offset);
      weights.push_back(b.load(pairs(b), from));
      emitPrefetch(b, tile, from);
    }
    Value element = b.at(tile.operand.base, b.mul(k, tile.operand.stepBytes));
    emitRowsPrefetch(b, tile, element);
    for (int64_t r = 0; r < tile.rows; ++r) {
      Value pair =
          b.load(b.getI32Type(), b.at(element, r * tile.operand.rowBytes));
      Value x = vector::BitCastOp::create(b, pairs(b), b.splat(pair));
      for (size_t v = 0; v < vectors; ++v) {
        Value &sum = next[r * vectors + v];
        sum = mega::Dot2Op::create(b, sum, weights[v], x);
      }
    }
    return next;
  });
}

/// The f32 of one element of 16 pairs: a bf16 is the upper half of an f32.
static Value widen(KernelBuilder &b, Value from, int64_t i) {
  Value words = b.load(b.lanes(b.getI32Type()), from);
  Value by = arith::ConstantOp::create(
      b, DenseElementsAttr::get(cast<VectorType>(words.getType()),
                                int32_t(i ? -65536 : 16)));
  Value bits = i ? arith::AndIOp::create(b, words, by).getResult()
                 : arith::ShLIOp::create(b, words, by).getResult();
  return arith::BitcastOp::create(b, b.f32Lanes(), bits);
}

Accumulators fpmoe::emitWidenedProduct(KernelBuilder &b,
                                       const ProductTile &tile) {
  return emitF32Product(b, tile, /*depth=*/2, [&](Value from, int64_t i) {
    return widen(b, from, i);
  });
}

const Format &fpmoe::getBF16Format() {
  static const BF16Format format;
  return format;
}
