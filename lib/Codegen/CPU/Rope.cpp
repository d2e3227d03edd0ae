//===- Rope.cpp - Cosines and sines of positions --------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Angles are rounded to f32; from there on all is f64, so that any position is
// as good as the first.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Phase.h"
#include "lib/Codegen/Common/CosSin.h"

using namespace mlir;
using namespace fpmoe;

void fpmoe::emit(PhaseContext &phase, mega::RopeOp op, Tile tile) {
  KernelBuilder &b = phase.b;
  int64_t half = dim(op.getFrequencies(), 0), columns = 2 * half;
  Value token = tile.empty() ? b.i64(0) : tile[0];
  Value position = phase.element(op.getPositions(), token);
  Value row = b.at(phase.base(op.getTable()), b.mul(token, columns * 4));
  Value frequencies = phase.weight(op.getFrequencies());
  Value p = b.splat(arith::SIToFPOp::create(b, b.getF32Type(), position));
  Value magnitude = b.f32Splat(op.getMagnitude().convertToDouble());
  auto finish = [&](Value value) {
    Value narrow = arith::TruncFOp::create(b, b.f32Lanes(), value);
    return b.fmul(narrow, magnitude);
  };
  /// Stores `count` lanes of the cosines, and of the sines behind them.
  auto emitLanes = [&](Value first, int64_t count) {
    Value to = b.at(row, b.mul(first, 4));
    Value angle = b.fmul(p, b.loadLanes(b.at(frequencies, b.mul(first, 4))));
    Value wide = arith::ExtFOp::create(b, b.lanes(b.getF64Type()), angle);
    auto [cosine, sine] = emitCosSin(b, wide);
    for (auto [value, place] :
         {std::pair(cosine, to), std::pair(sine, b.at(to, half * 4))}) {
      Value lanes = finish(value);
      if (count == kLanes) {
        b.store(lanes, place);
        continue;
      }
      for (int64_t i = 0; i < count; ++i)
        b.store(vector::ExtractOp::create(b, lanes, i), b.at(place, i * 4));
    }
  };
  int64_t whole = half / kLanes * kLanes;
  b.loop(0, whole, kLanes, [&](Value first) { emitLanes(first, kLanes); });
  if (half % kLanes)
    emitLanes(b.i64(whole), half % kLanes);
}
