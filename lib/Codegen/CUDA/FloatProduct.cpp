//===- FloatProduct.cpp - Products of f32, f16 and bf16 -------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A part of K is a step of the packed weight for each of the lanes that share
// columns.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CUDA/Element.h"
#include "lib/Codegen/CUDA/Product.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

namespace {

class FloatProduct : public LaneProduct {
public:
  FloatProduct(BlockContext &block, const mega::PackedLayout &layout,
               Type element, OperandRows rows, int64_t count)
      : b(block.b), layout(layout), element(element), rows(rows), count(count),
        step(b.div(block.lane, kColumnLanes)),
        column(b.mul(b.rem(block.lane, kColumnLanes),
                     layout.vectorBytes / kColumnLanes)) {}

  int64_t getParts() const override {
    // K is padded to 16 elements.
    assert(layout.depth % kDepthLanes == 0);
    return layout.depth / kDepthLanes;
  }

  SmallVector<Value> loadWeights(Value vector, Value part) override {
    Value from =
        b.at(vector, b.add(b.mul(stepOf(part), layout.stepBytes()), column));
    int64_t bytes = layout.vectorBytes / kColumnLanes;
    Type type = element.isBF16() ? b.getI32Type() : element;
    int64_t words = bytes * 8 / type.getIntOrFloatBitWidth();
    Value loaded = loadWeight(b, VectorType::get({words}, type), from, bytes);
    SmallVector<Value> weights;
    for (int64_t i = 0; i < words; ++i) {
      Value word = vector::ExtractOp::create(b, loaded, i);
      if (element.isBF16()) {
        // The upper half of an f32 each.
        weights.push_back(widenBF16(b, word));
        Value upper = arith::AndIOp::create(b, word, b.i32(0xffff0000));
        weights.push_back(arith::BitcastOp::create(b, b.getF32Type(), upper));
      } else if (element.isF32()) {
        weights.push_back(word);
      } else {
        weights.push_back(arith::ExtFOp::create(b, b.getF32Type(), word));
      }
    }
    return weights;
  }

  SmallVector<Value> loadRows(Value part) override {
    Value k = b.mul(stepOf(part), layout.k);
    Value from = b.at(rows.base, b.mul(k, rows.stepBytes));
    SmallVector<Value> elements;
    auto loadAll = [&](Value at, int64_t number) {
      Type type = VectorType::get({number}, b.getF32Type());
      Value loaded = b.load(type, at, number * 4);
      for (int64_t i = 0; i < number; ++i)
        elements.push_back(vector::ExtractOp::create(b, loaded, i));
    };
    // [k][rows]: what lies together is loaded together.
    if (count == 1 && rows.stepBytes == 4 && layout.k > 1) {
      loadAll(from, layout.k);
      return elements;
    }
    constexpr int64_t kTogether = 4;
    bool together = rows.rowBytes == 4 && count % kTogether == 0;
    for (int64_t i = 0; i < layout.k; ++i) {
      Value at = b.at(from, i * rows.stepBytes);
      if (together)
        for (int64_t r = 0; r < count; r += kTogether)
          loadAll(b.at(at, r * 4), kTogether);
      else
        for (int64_t r = 0; r < count; ++r)
          elements.push_back(
              b.load(b.getF32Type(), b.at(at, r * rows.rowBytes)));
    }
    return elements;
  }

  void multiply(ArrayRef<Value> weights, ArrayRef<Value> elements,
                MutableArrayRef<Value> sums) override {
    for (int64_t i = 0; i < layout.k; ++i)
      for (int64_t r = 0; r < count; ++r)
        for (int64_t c = 0; c < kLaneColumns; ++c) {
          Value &sum = sums[r * kLaneColumns + c];
          sum = b.fma(weights[c * layout.k + i], elements[i * count + r], sum);
        }
  }

private:
  Value stepOf(Value part) { return b.add(b.mul(part, kDepthLanes), step); }

  KernelBuilder &b;
  mega::PackedLayout layout;
  Type element;
  OperandRows rows;
  int64_t count;
  Value step, column; ///< of the lane: its step of a part, bytes to its columns
};

} // namespace

std::unique_ptr<LaneProduct>
cuda::makeFloatProduct(BlockContext &block, const mega::PackedLayout &layout,
                       Type element, OperandRows rows, int64_t count) {
  return std::make_unique<FloatProduct>(block, layout, element, rows, count);
}
