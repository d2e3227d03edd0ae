//===- KeepRows.cpp - Rows that go into a layer ---------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CUDA/Emit.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

void cuda::emit(BlockContext &block, mega::KeepRowsOp op, Tile tile) {
  KernelBuilder &b = block.b;
  Value row = tile[0];
  Value count = block.i64Field(offsetof(FpmoeStep, logits_count));
  int64_t columns = op.getColumns();
  b.ifThen(b.less(row, count), [&] {
    Value token = block.element(op.getLogitsRows(), row);
    Value from =
        b.at(block.base(op.getX()), b.mul(token, dim(op.getX(), 1) * 4));
    Value to =
        b.at(block.base(op.getOut()), b.mul(row, dim(op.getOut(), 1) * 4));
    to = b.at(to, b.mul(block.layer, columns * 4));
    block.forThreads(columns,
                     [&](Value k) { b.storeF32(b.loadF32(from, k), to, k); });
  });
}
