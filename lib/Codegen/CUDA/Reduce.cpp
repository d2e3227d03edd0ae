//===- Reduce.cpp - Adds the sums of shards -------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CUDA/Emit.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

void cuda::emit(BlockContext &block, mega::ReduceOp op, Tile tile) {
  KernelBuilder &b = block.b;
  int64_t shards = dim(op.getSums(), 0), width = dim(op.getSums(), 2);
  int64_t shardBytes = dim(op.getSums(), 1) * width * 4;
  Value row = b.mul(tile[0], width * 4);
  Value sums = b.at(block.base(op.getSums()), row);
  Value out = b.at(block.base(op.getOut()), row);
  block.forThreads(width, [&](Value column) {
    SmallVector<Value> parts;
    for (int64_t i = 0; i < shards; ++i)
      parts.push_back(b.loadF32(b.at(sums, i * shardBytes), column));
    Value sum = b.addPairs(std::move(parts));
    // Weights lie at multiples of 64 bytes, with zeros between them.
    if (op.getBias())
      sum = b.fadd(sum, b.loadF32(block.weight(op.getBias()), column));
    if (op.getMultiplier())
      sum = b.fmul(sum, b.f32(op.getMultiplier()->convertToDouble()));
    if (op.getAccumulate())
      sum = b.fadd(b.loadF32(out, column), sum);
    b.storeF32(sum, out, column);
  });
}
