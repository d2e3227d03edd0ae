//===- Norm.cpp - RMS norm into packed operands ---------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Norm.h"
#include "lib/Codegen/CPU/Phase.h"

using namespace mlir;
using namespace fpmoe;

Value fpmoe::emitInverseRms(KernelBuilder &b, Value row, int64_t paddedColumns,
                            int64_t columns, double eps) {
  // Padding is zero and adds nothing.
  return emitInverseRms(b, emitSquares(b, row, paddedColumns), columns, eps);
}

Value fpmoe::emitSquares(KernelBuilder &b, Value row, int64_t columns) {
  Value squares = b.loop(b.i64(0), b.i64(columns), kLanes, {b.f32Splat(0.0f)},
                         [&](Value i, ValueRange sum) -> SmallVector<Value> {
                           Value x = b.loadLanes(b.at(row, b.mul(i, 4)));
                           return {b.fma(x, x, sum[0])};
                         })[0];
  return b.sumLanes(squares);
}

Value fpmoe::emitInverseRms(KernelBuilder &b, Value squares, int64_t columns,
                            double eps) {
  Value mean = b.fdiv(squares, b.f32(columns));
  return b.fdiv(b.f32(1.0f), b.sqrt(b.fadd(mean, b.f32(eps))));
}

void fpmoe::emit(PhaseContext &phase, mega::NormOp op, Tile tile) {
  KernelBuilder &b = phase.b;
  int64_t rows = dim(op.getOperand(), 2), padded = dim(op.getX(), 1);
  Value number = tile.empty() ? b.i64(0) : tile[0];
  Value first = b.mul(number, rows);
  Value all = op.getLogitsRows()
                  ? phase.i64Field(offsetof(FpmoeStep, logits_count))
                  : phase.count;
  Value count = b.min(b.i64(rows), b.sub(all, first));
  Value x = phase.base(op.getX()), weight = phase.weight(op.getWeight());
  OperandBlock operand = phase.block(op.getOperand(), number);
  b.loop(b.i64(0), count, 1, [&](Value row) {
    Value token = b.add(first, row);
    if (op.getLogitsRows())
      token = phase.element(op.getLogitsRows(), token);
    Value source = b.at(x, b.mul(token, padded * 4));
    Value inverse =
        b.splat(emitInverseRms(b, source, padded, dim(op.getWeight(), 0),
                               op.getEps().convertToDouble()));
    b.loop(0, padded, kLanes, [&](Value column) {
      Value offset = b.mul(column, 4);
      Value y = b.fmul(b.fmul(b.loadLanes(b.at(source, offset)), inverse),
                       b.loadLanes(b.at(weight, offset)));
      operand.store(y, row, column);
    });
  });
  operand.clear(count, b.i64(rows), 0, padded);
}
