//===- IntegerProduct.cpp - Products of groups of integers ----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A part of K is a group, whose products an instruction sums exactly; they are
// scaled and added to the sums. Of the eight words of four elements, lane t has
// words 2t and 2t + 1: those of 4 bits lie in one word of the weight.
//===----------------------------------------------------------------------===//

#include "dialects/FPMoE/Storage.h"
#include "lib/Codegen/CUDA/Mma.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;
using mega::kGroupElements;

namespace {

class IntegerProduct : public MmaProduct {
public:
  IntegerProduct(BlockContext &block, const mega::PackedLayout &layout,
                 GroupFormat format, OperandRows rows, int64_t count)
      : MmaProduct(block, layout, rows, count), format(format),
        isHalf(format.bits == 4) {}

  int64_t getParts() const override { return layout.depth; }
  int64_t getVectorsAtOnce() const override { return tiles > 1 ? 2 : 4; }

  /// The four registers, the scales of two columns, and perhaps their minima.
  SmallVector<Value> loadWeights(Value vector, Value part) override {
    constexpr int64_t kWordBytes = kLanes * 4;
    Value from = b.at(vector, b.mul(part, layout.stepBytes()));
    Value columns = b.at(from, b.mul(group, 8));
    auto loadWords = [&](Value word) {
      return loadHalves(b.at(columns, b.mul(word, kWordBytes)), b.getI32Type());
    };
    SmallVector<Value> weights;
    if (isHalf) {
      std::array<Value, 2> words = loadWords(turn);
      for (Value word : words)
        weights.push_back(lowerHalves(word));
      for (Value word : words)
        weights.push_back(
            lowerHalves(arith::ShRUIOp::create(b, word, b.i32(4))));
    } else {
      Value word = b.mul(turn, 2);
      for (int64_t i = 0; i < 2; ++i)
        llvm::append_range(weights, loadWords(b.add(word, i)));
    }
    for (int64_t i = 0; i < (format.hasMinimum ? 2 : 1); ++i) {
      constexpr int64_t bytes = GroupFormat::kScaleBytes;
      int64_t at = kLanes * (kGroupElements * format.bits / 8 + i * bytes);
      for (Value scale : loadHalves(
               b.at(b.at(from, at), b.mul(group, 2 * bytes)), b.getF16Type()))
        weights.push_back(arith::ExtFOp::create(b, b.getF32Type(), scale));
    }
    return weights;
  }

  /// Of eight rows each: two registers, then scales and sums of two rows.
  SmallVector<Value> loadRows(Value part) override {
    Value step = b.mul(part, rows.stepBytes);
    SmallVector<Value> elements;
    for (int64_t tile = 0; tile < tiles; ++tile) {
      Value words = b.at(b.at(rowAt(tile, group), b.mul(turn, 8)), step);
      Value two = b.load(VectorType::get({2}, b.getI32Type()), words, 8);
      for (int64_t i = 0; i < 2; ++i)
        elements.push_back(vector::ExtractOp::create(b, two, i));
      SmallVector<Value> sums;
      for (int64_t i = 0; i < 2; ++i) {
        Value row = b.at(rowAt(tile, b.add(b.mul(turn, 2), i)), step);
        elements.push_back(
            b.load(b.getF32Type(), b.at(row, mega::kGroupScaleAt)));
        sums.push_back(b.load(b.getI32Type(), b.at(row, mega::kGroupSumAt)));
      }
      for (Value eightfold : sums)
        elements.push_back(arith::ShRSIOp::create(b, eightfold, b.i32(3)));
    }
    return elements;
  }

  void multiply(ArrayRef<Value> weights, ArrayRef<Value> elements,
                MutableArrayRef<Value> sums) override {
    for (int64_t tile = 0; tile < tiles; ++tile) {
      ArrayRef<Value> rows = elements.slice(tile * kOfTile, kOfTile);
      ArrayRef<Value> scales = rows.slice(2, 2), rowSums = rows.slice(4, 2);
      // Weights have no sign here: their zero is taken off beforehand.
      SmallVector<Value> products;
      for (int64_t i = 0; i < kLaneSums; ++i)
        products.push_back(
            arith::MulIOp::create(b, rowSums[i % 2], b.i32(-format.zero)));
      products = mma("llvm.nvvm.mma.m16n8k32.row.col.u8.s8",
                     weights.take_front(4), rows.take_front(2), products);
      for (int64_t i = 0; i < kLaneSums; ++i) {
        // Of rows 2t, 2t + 1 of the first column, then of the second.
        Value scale = scales[i % 2], &sum = sums[tile * kLaneSums + i];
        Value factor = b.fmul(scale, weights[4 + i / 2]);
        sum = b.fma(toFloat(products[i]), factor, sum);
        if (format.hasMinimum)
          sum = b.fma(b.fmul(toFloat(rowSums[i % 2]), scale),
                      weights[6 + i / 2], sum);
      }
    }
  }

private:
  static constexpr int64_t kOfTile = 6; ///< elements

  Value lowerHalves(Value word) {
    return arith::AndIOp::create(b, word, b.i32(0x0f0f0f0f));
  }
  Value toFloat(Value value) {
    return arith::SIToFPOp::create(b, b.getF32Type(), value);
  }

  GroupFormat format;
  bool isHalf;
};

} // namespace

std::unique_ptr<WarpProduct>
cuda::makeIntegerProduct(BlockContext &block, const mega::PackedLayout &layout,
                         Type element, OperandRows rows, int64_t count) {
  return std::make_unique<IntegerProduct>(
      block, layout, *getGroupFormat(element), rows, count);
}
