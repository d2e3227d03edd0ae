//===- KeepRows.cpp - Rows that go into a layer ---------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Rows of x are padded to whole vectors, those of the caller are not.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Phase.h"

using namespace mlir;
using namespace fpmoe;

void fpmoe::emit(PhaseContext &phase, mega::KeepRowsOp op, Tile tile) {
  KernelBuilder &b = phase.b;
  Value row = tile[0];
  Value count = phase.i64Field(offsetof(FpmoeStep, logits_count));
  int64_t columns = op.getColumns(), whole = columns / kLanes * kLanes;
  b.ifThen(b.less(row, count), [&] {
    Value token = phase.element(op.getLogitsRows(), row);
    Value from =
        b.at(phase.base(op.getX()), b.mul(token, dim(op.getX(), 1) * 4));
    Value to =
        b.at(phase.base(op.getOut()), b.mul(row, dim(op.getOut(), 1) * 4));
    to = b.at(to, b.mul(phase.layer, columns * 4));
    b.loop(b.i64(0), b.i64(whole), kLanes, [&](Value k) {
      b.store(b.loadLanes(b.at(from, b.mul(k, 4))), b.at(to, b.mul(k, 4)));
    });
    b.loop(b.i64(whole), b.i64(columns), 1,
           [&](Value k) { b.storeF32(b.loadF32(from, k), to, k); });
  });
}
