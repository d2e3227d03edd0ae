//===- BF16Tiles.cpp - Products of bf16 with AMX ------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// TDPBF16PS multiplies rows of 32 bf16 by 16 pairs of rows of 16 columns: the
// latter is what 16 steps of a vector of columns are in memory, the former what
// an operand has whose rows lie together. Its time goes with the rows, so that
// one row has a tile of one row. Four sums, of two times 16 rows and two
// vectors, leave four registers for factors.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Formats/Tiles.h"

using namespace mlir;
using namespace fpmoe;

namespace {

constexpr int64_t kTileSteps = 16;
constexpr int64_t kPairBytes = 4;

} // namespace

Accumulators fpmoe::emitTileProduct(KernelBuilder &b, const ProductTile &tile) {
  assert((tile.rows == 1 || tile.rows % kTileRows == 0) &&
         tile.operand.stepBytes == kPairBytes && "rows must fit tiles");
  int64_t rows = std::min(tile.rows, kTileRows);
  Tiles tiles(b, rows);
  // Products of half the depth, where the steps are no multiple of a tile's.
  int64_t depth = std::min(tile.multiple, kTileSteps);
  // What is asked for lies behind what a register is loaded with.
  ProductTile asked = tile;
  if (tile.ahead)
    asked.ahead = std::max(tile.ahead, depth * tile.stepBytes);
  int64_t strips = tile.rows / rows, vectors = tile.weights.size();
  SmallVector<Value> zeros;
  for (int64_t i = 0; i < strips * vectors; ++i)
    zeros.push_back(tiles.zero());
  SmallVector<Value> sums = b.loop(
      b.i64(0), tile.steps, depth, zeros, [&](Value k, ValueRange carried) {
        SmallVector<Value> next(carried);
        Value offset = b.mul(k, tile.stepBytes);
        Value first = b.at(tile.operand.base, b.mul(k, kPairBytes));
        SmallVector<Value> elements;
        for (int64_t s = 0; s < strips; ++s)
          elements.push_back(
              tiles.load(b.at(first, s * rows * tile.operand.rowBytes), rows,
                         depth * kPairBytes, tile.operand.rowBytes));
        for (auto [v, place] : llvm::enumerate(tile.weights)) {
          Value from = b.at(place, offset);
          for (int64_t row = 0; row < depth; ++row)
            emitPrefetch(b, asked, b.at(from, row * tile.stepBytes));
          Value weight = tiles.load(from, depth, kTileBytes, tile.stepBytes);
          for (int64_t s = 0; s < strips; ++s) {
            Value &sum = next[s * vectors + v];
            sum = tiles.dotBF16(sum, elements[s], weight, depth * kPairBytes);
          }
        }
        return next;
      });
  int64_t sumBytes = kLanes * 4, rowBytes = vectors * sumBytes;
  Value stack = b.getStack(tile.rows * rowBytes);
  for (int64_t s = 0; s < strips; ++s)
    for (int64_t v = 0; v < vectors; ++v)
      tiles.store(sums[s * vectors + v],
                  b.at(stack, s * rows * rowBytes + v * sumBytes), rowBytes);
  return {b, stack};
}

Value fpmoe::emitTilePeak(KernelBuilder &b, Value iterations, int64_t &ops) {
  return Tiles(b, kTileRows)
      .emitPeak(iterations, kTileBytes, /*perWord=*/2, ops,
                [](Tiles &tiles, Value sum, Value lhs, Value rhs) {
                  return tiles.dotBF16(sum, lhs, rhs, kTileBytes);
                });
}
