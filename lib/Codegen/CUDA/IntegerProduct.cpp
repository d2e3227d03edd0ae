//===- IntegerProduct.cpp - Products of groups of integers ----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Lanes that share columns share a group, of 8 bits a word of four elements
// each, of 4 bits two words each of one of two groups. DP4A sums four products
// exactly; what a lane has of a group is scaled and added to its sums.
//===----------------------------------------------------------------------===//

#include "dialects/FPMoE/Storage.h"
#include "lib/Codegen/CUDA/Product.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;
using mega::kGroupElements;

namespace {

class IntegerProduct : public LaneProduct {
public:
  IntegerProduct(BlockContext &block, const mega::PackedLayout &layout,
                 GroupFormat format, OperandRows rows, int64_t count)
      : b(block.b), layout(layout), format(format), rows(rows), count(count),
        isHalf(format.bits == 4), groups(isHalf ? 2 : 1),
        column(b.mul(b.rem(block.lane, kColumnLanes), kLaneColumns)) {
    Value share = b.div(block.lane, kColumnLanes);
    // Of a group of 4 bits there are four words, of 8 bits eight.
    word = isHalf ? b.rem(share, kDepthLanes / 2) : share;
    group = isHalf ? b.div(share, kDepthLanes / 2) : b.i64(0);
  }

  int64_t getParts() const override {
    return llvm::divideCeil(layout.depth, groups);
  }

  /// Words of the lane's columns, scales, and perhaps minima.
  SmallVector<Value> loadWeights(Value vector, Value part) override {
    Value from = b.at(vector, b.mul(knownGroup(part), layout.stepBytes()));
    Value bits = loadWeight(
        b, VectorType::get({kLaneColumns}, b.getI32Type()),
        b.at(from, b.add(b.mul(word, kLanes * 4), b.mul(column, 4))), 16);
    SmallVector<Value> weights;
    for (int64_t c = 0; c < kLaneColumns; ++c)
      weights.push_back(vector::ExtractOp::create(b, bits, c));
    for (int64_t i = 0; i < (format.hasMinimum ? 2 : 1); ++i) {
      constexpr int64_t bytes = GroupFormat::kScaleBytes;
      int64_t at = kLanes * (kGroupElements * format.bits / 8 + i * bytes);
      Value scales =
          loadWeight(b, VectorType::get({kLaneColumns}, b.getF16Type()),
                     b.at(b.at(from, at), b.mul(column, bytes)), 8);
      for (int64_t c = 0; c < kLaneColumns; ++c) {
        Value scale = vector::ExtractOp::create(b, scales, c);
        weights.push_back(arith::ExtFOp::create(b, b.getF32Type(), scale));
      }
    }
    return weights;
  }

  /// For each row: its words that meet those of the weights, and its scale.
  SmallVector<Value> loadRows(Value part) override {
    Value number = groupOf(part);
    Value from = b.at(rows.base, b.mul(knownGroup(part), rows.stepBytes));
    SmallVector<Value> elements;
    for (int64_t r = 0; r < count; ++r) {
      Value row = b.at(from, r * rows.rowBytes);
      for (int64_t i = 0; i < groups; ++i)
        elements.push_back(
            b.load(b.getI32Type(),
                   b.at(row, b.mul(b.add(b.mul(word, groups), i), 4))));
      Value scale = b.load(b.getF32Type(), b.at(row, mega::kGroupScaleAt));
      // Of an odd number of groups, the last part has one that is not there.
      if (layout.depth % groups)
        scale =
            b.select(b.less(number, b.i64(layout.depth)), scale, b.f32(0.0f));
      elements.push_back(scale);
    }
    return elements;
  }

  void multiply(ArrayRef<Value> weights, ArrayRef<Value> elements,
                MutableArrayRef<Value> sums) override {
    constexpr int64_t kOnes = 0x01010101, kLower = 0x0f0f0f0f;
    for (int64_t r = 0; r < count; ++r) {
      ArrayRef<Value> row = elements.slice(r * (groups + 1), groups + 1);
      Value scale = row.back(), ofRow = b.i32(0);
      for (int64_t i = 0; i < groups; ++i)
        ofRow = dot(b.i32(kOnes), row[i], ofRow);
      // Weights have no sign here: their zero is taken off afterwards.
      Value zero = arith::MulIOp::create(b, ofRow, b.i32(-format.zero));
      Value minimum;
      if (format.hasMinimum)
        minimum = b.fmul(toFloat(ofRow), scale);
      for (int64_t c = 0; c < kLaneColumns; ++c) {
        Value bits = weights[c], products = zero;
        if (!isHalf) {
          products = dot(bits, row[0], products);
        } else {
          Value upper = arith::ShRUIOp::create(b, bits, b.i32(4));
          products = dot(andOf(bits, kLower), row[0], products);
          products = dot(andOf(upper, kLower), row[1], products);
        }
        Value &sum = sums[r * kLaneColumns + c];
        Value factor = b.fmul(scale, weights[kLaneColumns + c]);
        sum = b.fma(toFloat(products), factor, sum);
        if (minimum)
          sum = b.fma(minimum, weights[2 * kLaneColumns + c], sum);
      }
    }
  }

private:
  Value groupOf(Value part) { return b.add(b.mul(part, groups), group); }
  /// The same; another one where there is none.
  Value knownGroup(Value part) {
    Value number = groupOf(part);
    return layout.depth % groups ? b.min(number, b.i64(layout.depth - 1))
                                 : number;
  }
  Value andOf(Value value, int64_t mask) {
    return arith::AndIOp::create(b, value, b.i32(mask));
  }
  Value toFloat(Value value) {
    return arith::SIToFPOp::create(b, b.getF32Type(), value);
  }
  /// sum + four products of bytes without sign and bytes with one.
  Value dot(Value bytes, Value row, Value sum) {
    return LLVM::CallIntrinsicOp::create(b, b.getI32Type(),
                                         b.getStringAttr("llvm.nvvm.idp4a.u.s"),
                                         ValueRange{bytes, row, sum})
        .getResult(0);
  }

  KernelBuilder &b;
  mega::PackedLayout layout;
  GroupFormat format;
  OperandRows rows;
  int64_t count;
  bool isHalf;
  int64_t groups; ///< of a part; and words of a row that a word meets
  Value column, word, group; ///< of the lane
};

} // namespace

std::unique_ptr<LaneProduct>
cuda::makeIntegerProduct(BlockContext &block, const mega::PackedLayout &layout,
                         Type element, OperandRows rows, int64_t count) {
  return std::make_unique<IntegerProduct>(
      block, layout, *getGroupFormat(element), rows, count);
}
