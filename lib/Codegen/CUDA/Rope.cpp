//===- Rope.cpp - Cosines and sines of positions --------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CUDA/Emit.h"
#include "lib/Codegen/Common/CosSin.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

void cuda::emit(BlockContext &block, mega::RopeOp op, Tile tile) {
  KernelBuilder &b = block.b;
  int64_t half = dim(op.getFrequencies(), 0);
  Value token = tile.empty() ? b.i64(0) : tile[0];
  Value position = block.element(op.getPositions(), token);
  Value row = b.at(block.base(op.getTable()), b.mul(token, 2 * half * 4));
  Value frequencies = block.weight(op.getFrequencies());
  Value p = arith::SIToFPOp::create(b, b.getF32Type(), position);
  Value magnitude = b.f32(op.getMagnitude().convertToDouble());
  block.forThreads(half, [&](Value i) {
    Value angle = b.fmul(p, b.loadF32(frequencies, i));
    auto [cosine, sine] =
        emitCosSin(b, arith::ExtFOp::create(b, b.getF64Type(), angle));
    auto store = [&](Value wide, Value place) {
      Value narrow = arith::TruncFOp::create(b, b.getF32Type(), wide);
      b.storeF32(b.fmul(narrow, magnitude), row, place);
    };
    store(cosine, i);
    store(sine, b.add(i, half));
  });
}
