//===- Embed.cpp - Rows of the embedding ----------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CUDA/Element.h"
#include "lib/Codegen/CUDA/Emit.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

/// Makes the row at `x` of row `id` of the table.
static void emitRow(BlockContext &block, mega::EmbedOp op, Value id, Value x) {
  KernelBuilder &b = block.b;
  auto type = cast<RankedTensorType>(op.getTable().getType());
  mega::PackedLayout layout(type);
  Value table = block.weight(op.getTable());
  int64_t width = dim(op.getX(), 1), columns = layout.columns;
  block.forThreads(columns, [&](Value column) {
    Value element = emitElement(b, type, table, id, column);
    if (op.getMultiplier())
      element = b.fmul(element, b.f32(op.getMultiplier()->convertToDouble()));
    b.storeF32(element, x, column);
  });
  if (columns < width)
    block.forThreads(width - columns, [&](Value i) {
      b.storeF32(b.f32(0.0f), x, b.add(i, columns));
    });
}

void cuda::emit(BlockContext &block, mega::EmbedOp op, Tile tile) {
  KernelBuilder &b = block.b;
  Value id = block.element(op.getTokens(), tile[0]);
  int64_t width = dim(op.getX(), 1);
  Value x = b.at(block.base(op.getX()), b.mul(tile[0], width * 4));
  if (op.getPart()) {
    id = b.sub(id, block.i64Field(offsetof(FpmoeStep, first_token)));
    // A negative one is larger than all without its sign.
    Value isHere = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, id,
                                         b.i64(dim(op.getTable(), 0)));
    return b.ifThen(
        isHere, [&] { emitRow(block, op, id, x); },
        [&] {
          block.forThreads(width, [&](Value column) {
            b.storeF32(b.f32(-0.0f), x, column);
          });
        });
  }
  emitRow(block, op, id, x);
}
