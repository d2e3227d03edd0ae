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

void cuda::emit(BlockContext &block, mega::EmbedOp op, Tile tile) {
  KernelBuilder &b = block.b;
  auto type = cast<RankedTensorType>(op.getTable().getType());
  mega::PackedLayout layout(type);
  Value id = block.element(op.getTokens(), tile[0]);
  Value table = block.weight(op.getTable());
  int64_t width = dim(op.getX(), 1), columns = layout.columns;
  Value x = b.at(block.base(op.getX()), b.mul(tile[0], width * 4));
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
