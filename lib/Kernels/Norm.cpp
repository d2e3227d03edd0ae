//===- Norm.cpp - RMS norm into packed operands ---------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Norm.h"
#include "lib/Kernels/Dot.h"
#include "lib/Kernels/Phase.h"

using namespace mlir;
using namespace fpmoe;

Value fpmoe::emitInverseRms(KernelBuilder &b, Value row, int64_t paddedColumns,
                            int64_t columns, double eps) {
  // Padding is zero and adds nothing.
  Value squares =
      b.loop(b.i64(0), b.i64(paddedColumns), kLanes, {b.f32Splat(0.0f)},
             [&](Value i, ValueRange sum) -> SmallVector<Value> {
               Value x = b.loadLanes(b.at(row, b.mul(i, 4)));
               return {b.fma(x, x, sum[0])};
             })[0];
  Value mean = b.fdiv(b.sumLanes(squares), b.f32(columns));
  return b.fdiv(b.f32(1.0f), b.sqrt(b.fadd(mean, b.f32(eps))));
}

void fpmoe::emitNorm(PhaseContext &phase, mega::NormOp op, Tile tile) {
  KernelBuilder &b = phase.b;
  int64_t rows = phase.info.rows, padded = dim(op.getX(), 1);
  Value block = tile.empty() ? b.i64(0) : tile[0];
  Value from = op.getLogits() ? phase.logitsFrom() : b.i64(0);
  Value first = b.mul(block, rows);
  Value last = b.min(b.add(first, rows), b.sub(phase.count, from));
  Value x = phase.base(op.getX()), weight = phase.weight(op.getWeight());
  DotRows operand =
      phase.rowsOfBlock(op.getOperand(), block, dim(op.getOperand(), 1));
  b.loop(first, last, 1, [&](Value token) {
    Value source = b.at(x, b.mul(b.add(token, from), padded * 4));
    Value inverse =
        b.splat(emitInverseRms(b, source, padded, dim(op.getWeight(), 0),
                               op.getEps().convertToDouble()));
    Value row =
        b.at(operand.base, b.mul(b.sub(token, first), operand.rowBytes));
    b.loop(b.i64(0), b.i64(padded / kLanes), 1, [&](Value chunk) {
      Value offset = b.mul(chunk, kLanes * 4);
      Value y = b.fmul(b.fmul(b.loadLanes(b.at(source, offset)), inverse),
                       b.loadLanes(b.at(weight, offset)));
      storePacked(b, phase.info.bf16, y, row, chunk, operand.stepBytes);
    });
  });
}
