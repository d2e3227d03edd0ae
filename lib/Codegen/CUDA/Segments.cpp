//===- CUDA/Segments.cpp - The segment level of two-level routing ---------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Both ops do nothing in a step that completes no segment.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Scores.h"
#include "lib/Codegen/CUDA/Emit.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

void cuda::emit(BlockContext &block, mega::SegmentScoresOp op, Tile tile) {
  KernelBuilder &b = block.b;
  TwoLevelAttr levels = op.getRouting();
  int64_t length = levels.getWhole().getSegment();
  int64_t padded = dim(op.getX(), 1), columns = dim(op.getNorm(), 0);
  int64_t experts = dim(op.getScores(), 1);
  int64_t ofTokens = levels.getTokenExperts();
  Value norm = block.weight(op.getNorm()), pooled = block.base(op.getPooled());
  Value router = b.at(block.weight(op.getRouter()), ofTokens * columns * 4);
  // A thread has its columns of all tokens.
  auto pool = [&](Value token, bool isFirst) {
    Value x = b.at(block.base(op.getX()), b.mul(token, padded * 4));
    Value inverse =
        block.inverseRms(x, padded, columns, op.getEps().convertToDouble());
    block.forThreads(padded, [&](Value i) {
      Value y = b.fmul(b.fmul(b.loadF32(x, i), inverse), b.loadF32(norm, i));
      b.storeF32(isFirst ? y : b.fmax(b.loadF32(pooled, i), y), pooled, i);
    });
  };
  Value segments = block.i64Field(offsetof(FpmoeStep, segment_count));
  b.ifThen(b.less(tile[0], segments), [&] {
    Value first = block.element(op.getSegments(), tile[0]);
    pool(first, true);
    b.loop(b.add(first, 1), b.add(first, length), 1,
           [&](Value token) { pool(token, false); });
    block.sync();
    Value scores =
        b.at(block.base(op.getScores()), b.mul(tile[0], experts * 4));
    block.forWarps(experts, [&](Value e) {
      Value row = b.at(router, b.mul(e, columns * 4));
      Value sum = b.loop(
          block.lane, b.i64(columns), kWarpLanes, {b.f32(0.0f)},
          [&](Value i, ValueRange sum) -> SmallVector<Value> {
            return {b.fma(b.loadF32(pooled, i), b.loadF32(row, i), sum[0])};
          })[0];
      sum = block.sumWarp(sum);
      block.oncePerWarp([&] { b.storeF32(sum, scores, e); });
    });
    block.sync();
    // The softmax over all rows; those of experts in the program move to the
    // front.
    block.once([&] {
      emitSoftmax(b, scores, experts,
                  [&](Value e) { return b.loadF32(scores, e); });
      for (auto [e, row] :
           llvm::enumerate(levels.getSegmentRows(ofTokens + experts)))
        if (int64_t from = row - ofTokens; from != static_cast<int64_t>(e))
          b.storeF32(b.loadF32(scores, b.i64(from)), scores, b.i64(e));
    });
  });
}

void cuda::emit(BlockContext &block, mega::SegmentChooseOp op, Tile tile) {
  block.once(
      [&] { fpmoe::emit(static_cast<PhaseContext &>(block), op, tile); });
}
