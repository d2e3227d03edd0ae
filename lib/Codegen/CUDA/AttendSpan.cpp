//===- AttendSpan.cpp - Attention of a token over a span ------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A warp takes one of the heads that share keys and values.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CUDA/Attention.h"
#include "lib/Codegen/CUDA/Emit.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

void cuda::emit(BlockContext &block, mega::AttendSpanOp op, Tile tile) {
  KernelBuilder &b = block.b;
  int64_t span = op.getSpan(), group = op.getHeads() / op.getKvHeads();
  int64_t columns = mega::padColumns(op.getValueDim());
  int64_t queryBytes = dim(op.getQuery(), 2) * 4;
  int64_t partialBytes = dim(op.getPartial(), 3) * 4;
  Value position = block.element(op.getPositions(), b.i64(0));
  Value from = emitFirstSeen(b, position, op.getWindow());
  Value start = b.mul(b.add(b.div(from, span), tile[1]), span);
  Value query =
      b.at(block.base(op.getQuery()), b.mul(tile[0], group * queryBytes));
  Value partial = b.add(b.mul(tile[0], dim(op.getPartial(), 1)), tile[1]);
  partial =
      b.at(block.base(op.getPartial()), b.mul(partial, group * partialBytes));
  cuda::SpanAttention attention(block, op, tile[0]);
  block.forWarps(group, [&](Value head) {
    Value to = b.at(partial, b.mul(head, partialBytes));
    cuda::SpanAttention::Sums sums =
        attention.emit({b.at(query, b.mul(head, queryBytes)), position,
                        block.pagesOf(b.i64(0))},
                       start);
    block.oncePerWarp([&] {
      b.store(sums.largest, b.at(to, columns * 4));
      b.store(sums.powers, b.at(to, columns * 4 + 4));
    });
    for (auto [c, value] : llvm::enumerate(sums.values))
      b.ifThen(b.less(attention.columnOf(c), b.i64(columns)),
               [&] { b.storeF32(value, to, attention.columnOf(c)); });
  });
}
