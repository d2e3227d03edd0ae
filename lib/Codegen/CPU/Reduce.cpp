//===- Reduce.cpp - Sums of shards ----------------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Phase.h"

using namespace mlir;
using namespace fpmoe;

void fpmoe::emit(PhaseContext &phase, mega::ReduceOp op, Tile tile) {
  KernelBuilder &b = phase.b;
  int64_t shards = dim(op.getSums(), 0), width = dim(op.getSums(), 2);
  int64_t shardBytes = dim(op.getSums(), 1) * width * 4;
  auto [first, last] = emitTokensOf(phase, op, tile);
  b.loop(first, last, 1, [&](Value token) {
    Value row = b.mul(token, width * 4);
    Value sums = b.at(phase.base(op.getSums()), row);
    Value out = b.at(phase.base(op.getOut()), row);
    b.loop(0, width, kLanes, [&](Value column) {
      Value offset = b.mul(column, 4);
      SmallVector<Value> parts;
      for (int64_t i = 0; i < shards; ++i)
        parts.push_back(b.loadLanes(b.at(b.at(sums, offset), i * shardBytes)));
      Value sum = b.addPairs(std::move(parts)), place = b.at(out, offset);
      // Weights lie at multiples of 64 bytes, with zeros between them.
      if (op.getBias())
        sum =
            b.fadd(sum, b.loadLanes(b.at(phase.weight(op.getBias()), offset)));
      if (op.getMultiplier())
        sum = b.fmul(sum, b.f32Splat(op.getMultiplier()->convertToDouble()));
      if (op.getAccumulate())
        sum = b.fadd(b.loadLanes(place), sum);
      b.store(sum, place);
    });
  });
}
