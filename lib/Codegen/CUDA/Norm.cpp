//===- Norm.cpp - RMS norm into operands ----------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CUDA/Emit.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

void cuda::emit(BlockContext &block, mega::NormOp op, Tile tile) {
  KernelBuilder &b = block.b;
  int64_t rows = dim(op.getOperand(), 2), padded = dim(op.getX(), 1);
  Value number = tile.empty() ? b.i64(0) : tile[0];
  Value first = b.mul(number, rows);
  Value all = op.getLogitsRows()
                  ? block.i64Field(offsetof(FpmoeStep, logits_count))
                  : block.count;
  Value count = b.min(b.i64(rows), b.sub(all, first));
  Value x = block.base(op.getX()), weight = block.weight(op.getWeight());
  OperandBlock operand = block.block(op.getOperand(), number);
  int64_t columns = dim(op.getWeight(), 0);
  double eps = op.getEps().convertToDouble();
  auto rowOf = [&](Value row) {
    Value token = b.add(first, row);
    if (op.getLogitsRows())
      token = block.element(op.getLogitsRows(), token);
    return b.at(x, b.mul(token, padded * 4));
  };
  auto storeNormed = [&](Value source, Value inverse, Value row, Value column) {
    Value y = b.fmul(b.fmul(b.loadF32(source, column), inverse),
                     b.loadF32(weight, column));
    block.store(y, operand, row, column);
  };
  // One row by all threads; of many, each by a warp.
  if (rows == 1)
    b.loop(b.i64(0), count, 1, [&](Value row) {
      Value source = rowOf(row);
      Value inverse = block.inverseRms(source, padded, columns, eps);
      block.forThreads(padded, [&](Value column) {
        storeNormed(source, inverse, row, column);
      });
    });
  else
    block.forWarps(count, [&](Value row) {
      Value source = rowOf(row);
      Value inverse = block.inverseRmsAsOfBlock(source, padded, columns, eps);
      block.forLanes(padded, [&](Value column) {
        storeNormed(source, inverse, row, column);
      });
    });
  block.clear(operand, b.max(count, b.i64(0)), b.i64(rows), 0, padded);
}
