//===- CUDA/Route.cpp - Norm, router and shared gate of tokens ------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Logits are made by warps; one thread chooses among them.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/RouteRule.h"
#include "lib/Codegen/CUDA/Emit.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

static void emitToken(BlockContext &block, mega::RouteOp op, Value token) {
  KernelBuilder &b = block.b;
  int64_t padded = dim(op.getX(), 1), columns = dim(op.getNorm(), 0);
  Value x = b.at(block.base(op.getX()), b.mul(token, padded * 4));
  Value norm = block.weight(op.getNorm());
  Value inverse =
      block.inverseRms(x, padded, columns, op.getEps().convertToDouble());
  auto normed = [&](Value column) {
    return b.fmul(b.fmul(b.loadF32(x, column), inverse),
                  b.loadF32(norm, column));
  };
  OperandBlock row = block.block(op.getRows(), token);
  block.forThreads(padded, [&](Value column) {
    block.store(normed(column), row, b.i64(0), column);
  });
  // Low ranks come behind them later; rows are gathered with what is there.
  block.clear(row, b.i64(0), b.i64(1), padded, row.getColumns());

  /// The normalised row times a row of weights; of the lanes of a warp.
  auto dot = [&](Value weights) {
    Value sum =
        b.loop(block.lane, b.i64(columns), kWarpLanes, {b.f32(0.0f)},
               [&](Value i, ValueRange sum) -> SmallVector<Value> {
                 return {b.fma(normed(i), b.loadF32(weights, i), sum[0])};
               })[0];
    return block.sumWarp(sum);
  };
  Value scores = block.base(op.getScores());
  SmallVector<int64_t> rows = getRoutedRows(op);
  int64_t count = rows.size();
  int64_t rowBytes = op.getRouter() ? dim(op.getRouter(), 1) * 4 : 0;
  if (count)
    block.forWarps(count, [&](Value number) {
      Value from = number;
      for (auto [i, row] : llvm::enumerate(rows))
        if (static_cast<int64_t>(i) != row)
          from = b.select(b.equal(number, b.i64(i)), b.i64(row), from);
      Value logit =
          dot(b.at(block.weight(op.getRouter()), b.mul(from, rowBytes)));
      block.oncePerWarp([&] { b.storeF32(logit, scores, number); });
    });
  Value shared = b.f32(1.0f);
  if (op.getScale())
    shared = b.sigmoid(dot(block.weight(op.getScale())));
  block.sync();
  block.once([&] {
    emitRouteRule(block, op, token, shared, [&](Value number, Value) {
      return b.loadF32(scores, number);
    });
  });
  // The next token's scores take their place.
  block.sync();
}

void cuda::emit(BlockContext &block, mega::RouteOp op, Tile tile) {
  auto [first, last] = emitTokensOf(block, op, tile);
  block.b.loop(first, last, 1,
               [&](Value token) { emitToken(block, op, token); });
}
