//===- Squares.cpp - Sums of the squares of q and k -----------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Norm.h"
#include "lib/Codegen/CPU/Phase.h"

using namespace mlir;
using namespace fpmoe;

/// The sum of the squares of a row, shard by shard.
static Value emitShards(PhaseContext &phase, Value rows, Value token,
                        int64_t shards) {
  KernelBuilder &b = phase.b;
  int64_t width = dim(rows, 1);
  Value row = b.at(phase.base(rows), b.mul(token, width * 4));
  SmallVector<Value> parts;
  for (int64_t i = 0; i < shards; ++i)
    parts.push_back(
        emitSquares(b, b.at(row, i * width / shards * 4), width / shards));
  return b.addPairs(std::move(parts));
}

void fpmoe::emit(PhaseContext &phase, mega::SquaresOp op, Tile tile) {
  KernelBuilder &b = phase.b;
  auto [first, last] = emitTokensOf(phase, op, tile);
  b.loop(first, last, 1, [&](Value token) {
    Value sums = b.f32Splat(0.0f);
    for (auto [i, rows] :
         llvm::enumerate(SmallVector<Value>{op.getQ(), op.getK()}))
      sums = vector::InsertOp::create(
          b, emitShards(phase, rows, token, op.getShards()), sums,
          static_cast<int64_t>(i));
    b.store(sums, b.at(phase.base(op.getSums()), b.mul(token, kLanes * 4)));
  });
}
