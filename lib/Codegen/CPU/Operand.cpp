//===- Operand.cpp - Rows that products read ------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Operand.h"

using namespace mlir;
using namespace fpmoe;

OperandBlock::OperandBlock(KernelBuilder &b, MemRefType type, Value base)
    : b(b), element(type.getElementType()), depth(type.getDimSize(1)),
      k(type.getDimSize(3)) {
  SmallVector<int64_t> strides = type.getStridesAndOffset().first;
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  rows = {base, strides[2] * bytes, strides[1] * bytes};
}

int64_t OperandBlock::getBytes(MemRefType type) {
  return type.getNumElements() / type.getDimSize(0) *
         type.getElementTypeBitWidth() / 8;
}

void OperandBlock::store(Value lanes, Value row, Value column,
                         int64_t valid) const {
  Value base = b.at(rowAt(row), b.mul(b.div(column, k), rows.stepBytes));
  int64_t steps = kLanes / k, validSteps = llvm::divideCeil(valid, k);
  Value elements = lanes;
  Type step = b.getF32Type();
  if (!element.isF32()) {
    elements = arith::TruncFOp::create(b, b.lanes(element), lanes);
    step = b.getIntegerType(k * element.getIntOrFloatBitWidth());
    elements =
        vector::BitCastOp::create(b, VectorType::get({steps}, step), elements);
  }
  int64_t stepBytes = step.getIntOrFloatBitWidth() / 8;
  if (rows.stepBytes == stepBytes && validSteps == steps)
    return b.store(elements, base, stepBytes);
  for (int64_t i = 0; i < validSteps; ++i)
    b.store(vector::ExtractOp::create(b, elements, i),
            b.at(base, i * rows.stepBytes), stepBytes);
}

void OperandBlock::clear(Value firstRow, Value lastRow, int64_t from,
                         int64_t to) const {
  int64_t bytes = k * element.getIntOrFloatBitWidth() / 8;
  Value zero = arith::ConstantOp::create(
      b, b.getIntegerAttr(b.getIntegerType(bytes * 8), 0));
  b.loop(firstRow, lastRow, 1, [&](Value row) {
    Value base = b.at(rowAt(row), from / k * rows.stepBytes);
    if (rows.stepBytes == bytes && (to - from) * bytes / k % 4 == 0)
      return b.storeZeros(base, (to - from) / k * bytes);
    b.loop(0, (to - from) / k, 1, [&](Value i) {
      b.store(zero, b.at(base, b.mul(i, rows.stepBytes)), bytes);
    });
  });
}
