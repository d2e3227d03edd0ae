//===- Element.cpp - An element of a packed weight ------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CUDA/Element.h"
#include "dialects/FPMoE/Storage.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

Value cuda::widenBF16(KernelBuilder &b, Value bits) {
  Value upper = arith::ShLIOp::create(b, bits, b.i32(16));
  return arith::BitcastOp::create(b, b.getF32Type(), upper);
}

Value cuda::emitElement(KernelBuilder &b, RankedTensorType type, Value base,
                        Value row, Value column) {
  mega::PackedLayout layout(type);
  Type element = type.getElementType();
  Value lane = b.rem(row, layout.n), i = b.rem(column, layout.k);
  Value from =
      b.at(base, b.add(b.add(b.mul(b.div(row, layout.n), layout.panelBytes()),
                             b.mul(b.div(lane, kLanes), layout.vectorBytes)),
                       b.mul(b.div(column, layout.k), layout.stepBytes())));
  lane = b.rem(lane, kLanes);
  std::optional<GroupFormat> groups = getGroupFormat(element);
  if (!groups) {
    int64_t bytes = element.getIntOrFloatBitWidth() / 8;
    from = b.at(from, b.mul(b.add(b.mul(lane, layout.k), i), bytes));
    if (element.isF32())
      return b.load(element, from);
    if (element.isBF16())
      return widenBF16(
          b, arith::ExtUIOp::create(b, b.getI32Type(),
                                    b.load(b.getIntegerType(16), from, 2)));
    return arith::ExtFOp::create(b, b.getF32Type(), b.load(element, from, 2));
  }
  // See #mega.packed: words of four elements, the scales behind them, and
  // perhaps minima. Of 4 bits, a word has the lower halves of one and the upper
  // ones of the next.
  constexpr int64_t kWord = 4, kWordBytes = kWord * kLanes;
  bool isHalf = groups->bits == 4;
  Value number = b.div(i, kWord), word = isHalf ? b.div(number, 2) : number;
  Value place = b.add(b.add(b.mul(word, kWordBytes), b.mul(lane, kWord)),
                      b.rem(i, kWord));
  Value bits = arith::ExtUIOp::create(b, b.getI32Type(),
                                      b.load(b.getI8Type(), b.at(from, place),
                                             /*align=*/1));
  if (isHalf) {
    Value shift = arith::MulIOp::create(b, b.toI32(b.rem(number, 2)), b.i32(4));
    bits = arith::AndIOp::create(b, arith::ShRUIOp::create(b, bits, shift),
                                 b.i32(15));
  }
  auto loadScale = [&](int64_t index) -> Value {
    constexpr int64_t bytes = GroupFormat::kScaleBytes;
    Value at = b.at(from, kLanes * (GroupFormat::kElements * groups->bits / 8 +
                                    index * bytes));
    return arith::ExtFOp::create(
        b, b.getF32Type(),
        b.load(b.getF16Type(), b.at(at, b.mul(lane, bytes)), 2));
  };
  Value q = b.sub(bits, b.i32(groups->zero));
  Value value =
      b.fmul(arith::SIToFPOp::create(b, b.getF32Type(), q), loadScale(0));
  return groups->hasMinimum ? b.fadd(value, loadScale(1)) : value;
}
