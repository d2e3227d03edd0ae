//===- FloatProduct.cpp - Products of f32 and f16 -------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A lane has four columns and an eighth of what the warp reads at a time, so
// that a warp reads what lies together: a part of K is a step of the packed
// weight for each of the lanes that share columns.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CUDA/Product.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

/// Columns that a lane has of a vector, and lanes that share them.
constexpr int64_t kLaneColumns = 4, kColumnLanes = kLanes / kLaneColumns,
                  kDepthLanes = kWarpLanes / kColumnLanes;

namespace {

class FloatProduct : public WarpProduct {
public:
  FloatProduct(BlockContext &block, const mega::PackedLayout &layout,
               Type element, OperandRows rows, int64_t count)
      : block(block), b(block.b), layout(layout), element(element), rows(rows),
        count(count), step(b.div(block.lane, kColumnLanes)),
        column(b.mul(b.rem(block.lane, kColumnLanes),
                     layout.vectorBytes / kColumnLanes)) {}

  int64_t getParts() const override {
    // K is padded to 16 elements.
    assert(layout.depth % kDepthLanes == 0);
    return layout.depth / kDepthLanes;
  }
  int64_t getSums() const override { return count * kLaneColumns; }
  int64_t getVectorsAtOnce() const override { return count == 1 ? 4 : 2; }
  int64_t getPartsAtOnce() const override { return count == 1 ? 8 : 4; }

  SmallVector<Value> loadWeights(Value vector, Value part) override {
    Value from =
        b.at(vector, b.add(b.mul(stepOf(part), layout.stepBytes()), column));
    int64_t bytes = layout.vectorBytes / kColumnLanes;
    int64_t elements = bytes * 8 / element.getIntOrFloatBitWidth();
    Value loaded =
        loadWeight(b, VectorType::get({elements}, element), from, bytes);
    SmallVector<Value> weights;
    for (int64_t i = 0; i < elements; ++i) {
      Value weight = vector::ExtractOp::create(b, loaded, i);
      if (!element.isF32())
        weight = arith::ExtFOp::create(b, b.getF32Type(), weight);
      weights.push_back(weight);
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

  /// Lanes that share columns add what they have.
  void store(ArrayRef<Value> sums, Value to) override {
    SmallVector<Value> all;
    for (Value sum : sums)
      all.push_back(block.overWarp(
          sum, [&](Value x, Value y) { return b.fadd(x, y); }, kColumnLanes));
    b.ifThen(b.less(block.lane, b.i64(kColumnLanes)), [&] {
      Value at = b.at(to, b.mul(block.lane, kLaneColumns * 4));
      for (int64_t r = 0; r < count; ++r)
        for (int64_t c = 0; c < kLaneColumns; ++c)
          b.store(all[r * kLaneColumns + c], b.at(at, (r * kLanes + c) * 4));
    });
  }

private:
  Value stepOf(Value part) { return b.add(b.mul(part, kDepthLanes), step); }

  BlockContext &block;
  KernelBuilder &b;
  mega::PackedLayout layout;
  Type element;
  OperandRows rows;
  int64_t count;
  Value step, column; ///< of the lane: its step of a part, bytes to its columns
};

} // namespace

std::unique_ptr<WarpProduct>
cuda::makeFloatProduct(BlockContext &block, const mega::PackedLayout &layout,
                       Type element, OperandRows rows, int64_t count) {
  return std::make_unique<FloatProduct>(block, layout, element, rows, count);
}
