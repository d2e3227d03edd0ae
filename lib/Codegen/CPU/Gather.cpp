//===- Gather.cpp - Packs the rows of expert blocks -----------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/GroupTable.h"

using namespace mlir;
using namespace fpmoe;

void fpmoe::emit(PhaseContext &phase, mega::GatherOp op, Tile tile) {
  KernelBuilder &b = phase.b;
  int64_t rows = dim(op.getOperand(), 2), depth = dim(op.getOperand(), 1);
  GroupTable table(phase, op.getGroups(),
                   mega::GroupTableLayout::withBlocks(
                       op.getGroups(), dim(op.getOperand(), 0), rows));
  Value slot = tile[0], count = b.loadIndex(table.count, slot);
  OperandBlock operand = phase.block(op.getOperand(), slot);
  // What stands together of a row, and steps of it that lie together in both.
  auto type = op.getOperand().getType();
  int64_t stepBytes = type.getDimSize(3) * type.getElementTypeBitWidth() / 8;
  Type step = b.getIntegerType(stepBytes * 8);
  int64_t together = 1;
  if (operand.rows.stepBytes == stepBytes) {
    together = std::min(depth & -depth, kLanes);
    step = VectorType::get({together}, step);
  }
  b.loop(b.i64(0), count, 1, [&](Value r) {
    Value token = b.loadIndex(table.token, b.add(b.mul(slot, rows), r));
    Value from = phase.block(op.getRows(), token).rows.base;
    Value to = b.at(operand.rows.base, b.mul(r, operand.rows.rowBytes));
    b.loop(0, depth, together, [&](Value k) {
      b.store(b.load(step, b.at(from, b.mul(k, stepBytes)), stepBytes),
              b.at(to, b.mul(k, operand.rows.stepBytes)), stepBytes);
    });
  });
  operand.clear(count, b.i64(rows), 0, operand.getColumns());
}
