//===- BF16Product.cpp - Products of bf16 ---------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A part of K is that of an instruction, 16 elements: 8 steps of the packed
// weight, of which the lane has step t and step t + 4.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CUDA/Mma.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

namespace {

class BF16Product : public MmaProduct {
public:
  using MmaProduct::MmaProduct;
  static constexpr int64_t kSteps = 8;

  int64_t getParts() const override {
    // K is padded to 16 elements.
    assert(layout.k == 2 && layout.depth % kSteps == 0);
    return layout.depth / kSteps;
  }

  SmallVector<Value> loadWeights(Value vector, Value part) override {
    SmallVector<Value> weights;
    for (Value step : stepsOf(part)) {
      // Two columns of two elements.
      Value from =
          b.at(b.at(vector, b.mul(step, layout.stepBytes())), b.mul(group, 8));
      llvm::append_range(weights, loadHalves(from, b.getI32Type()));
    }
    return weights;
  }

  SmallVector<Value> loadRows(Value part) override {
    SmallVector<Value> elements;
    for (int64_t tile = 0; tile < tiles; ++tile) {
      Value row = rowAt(tile, group);
      for (Value step : stepsOf(part))
        elements.push_back(
            b.load(b.getI32Type(), b.at(row, b.mul(step, rows.stepBytes))));
    }
    return elements;
  }

  void multiply(ArrayRef<Value> weights, ArrayRef<Value> elements,
                MutableArrayRef<Value> sums) override {
    for (int64_t tile = 0; tile < tiles; ++tile) {
      MutableArrayRef<Value> four = sums.slice(tile * kLaneSums, kLaneSums);
      llvm::copy(mma("llvm.nvvm.mma.m16n8k16.row.col.bf16", weights,
                     elements.slice(tile * 2, 2), four),
                 four.begin());
    }
  }

private:
  std::array<Value, 2> stepsOf(Value part) {
    Value first = b.add(b.mul(part, kSteps), turn);
    return {first, b.add(first, kSteps / 2)};
  }
};

} // namespace

std::unique_ptr<WarpProduct>
cuda::makeBF16Product(BlockContext &block, const mega::PackedLayout &layout,
                      Type element, OperandRows rows, int64_t count) {
  return std::make_unique<BF16Product>(block, layout, rows, count);
}
