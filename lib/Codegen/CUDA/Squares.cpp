//===- Squares.cpp - Sums of the squares of q and k -----------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CUDA/Emit.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

/// The sum of the squares of a row, shard by shard.
static Value emitShards(BlockContext &block, Value rows, Value token,
                        int64_t shards) {
  KernelBuilder &b = block.b;
  int64_t width = dim(rows, 1);
  Value row = b.at(block.base(rows), b.mul(token, width * 4));
  SmallVector<Value> parts;
  for (int64_t i = 0; i < shards; ++i)
    parts.push_back(
        block.sumSquares(b.at(row, i * width / shards * 4), width / shards));
  return b.addPairs(std::move(parts));
}

void cuda::emit(BlockContext &block, mega::SquaresOp op, Tile tile) {
  KernelBuilder &b = block.b;
  Value q = emitShards(block, op.getQ(), tile[0], op.getShards());
  Value k = emitShards(block, op.getK(), tile[0], op.getShards());
  Value out = b.at(block.base(op.getSums()), b.mul(tile[0], kLanes * 4));
  block.forThreads(kLanes, [&](Value column) {
    Value sum = b.select(b.equal(column, b.i64(1)), k, b.f32(0.0f));
    b.storeF32(b.select(b.equal(column, b.i64(0)), q, sum), out, column);
  });
}
