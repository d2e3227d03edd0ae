//===- IntegerTiles.cpp - Products of integers with AMX -------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// TDPBSSD multiplies 16 rows of a group, 32 bytes each, by the group's 8 words
// of 16 columns, exactly: what comes of it is what the dot products of vectors
// give, bit for bit. Most of the time goes into what follows, for each group
// and row: from tile to vector, from integer to f32, times both scales.
//
// So sums of 16 rows and one vector of columns stay in registers while K
// passes, and weights become signed bytes, and their scales f32, once for all
// rows: a part of K at a time, so that they stay in the first-level cache.
//===----------------------------------------------------------------------===//

#include "dialects/FPMoE/Storage.h"
#include "lib/Codegen/Formats/Integers.h"
#include "lib/Codegen/Formats/Tiles.h"

using namespace mlir;
using namespace fpmoe;

/// Groups of a part of K: 16 KB of weights.
static constexpr int64_t kPartGroups = 32;
static constexpr int64_t kLanesBytes = kLanes * 4;
static constexpr int64_t kPanelGroupBytes = kGroupWords * kWordsBytes;

namespace {

/// What the stack of a product has.
struct Places {
  Places(KernelBuilder &b, int64_t rows, int64_t vectors) {
    int64_t sumsBytes = rows * vectors * kLanesBytes;
    int64_t scaleBytes = kPartGroups * kLanesBytes;
    sums = b.getStack(sumsBytes + kPartGroups * kPanelGroupBytes +
                      2 * scaleBytes + kTileRows * kTileBytes);
    panel = b.at(sums, sumsBytes);
    scales = b.at(panel, kPartGroups * kPanelGroupBytes);
    minima = b.at(scales, scaleBytes);
    product = b.at(minima, scaleBytes);
  }
  /// Sums of f32, of row r and vector v at [r * vectors + v]; signed weights of
  /// the part's groups; their scales and minima; a product of a group.
  Value sums, panel, scales, minima, product;
};

} // namespace

void IntegerFormat::emitPanel(KernelBuilder &b, const ProductTile &tile,
                              Value weights, Value groups, Value panel,
                              Value scales, Value minima) const {
  int64_t scalesAt = kGroupWords * kWordsBytes * getElementBits() / 8;
  int64_t minimaAt = scalesAt + kLanes * GroupFormat::kScaleBytes;
  ColumnPart part = WordDot::getParts(b.target).front();
  auto type = VectorType::get({kWordsBytes}, b.getI8Type());
  Value zero = arith::ConstantOp::create(
      b, DenseElementsAttr::get(type, int8_t(1 << (getElementBits() - 1))));
  b.loop(b.i64(0), groups, 1, [&](Value group) {
    Value from = b.at(weights, b.mul(group, tile.stepBytes));
    for (int64_t line = 0; line < minimaAt; line += kTileBytes)
      emitPrefetch(b, tile, b.at(from, line));
    Value to = b.at(panel, b.mul(group, kPanelGroupBytes));
    forEachWord(b, from, part, kGroupWords,
                [&](int64_t word, ArrayRef<Value> words) {
                  Value bytes = words.front();
                  if (!hasMinimum())
                    bytes = arith::SubIOp::create(b, bytes, zero);
                  b.store(bytes, b.at(to, word * kWordsBytes), /*align=*/64);
                });
    auto widen = [&](int64_t at, Value to) {
      Value halves =
          b.load(b.lanes(b.getF16Type()), b.at(from, at), /*align=*/2);
      b.store(arith::ExtFOp::create(b, b.f32Lanes(), halves),
              b.at(to, b.mul(group, kLanesBytes)));
    };
    widen(scalesAt, scales);
    if (hasMinimum())
      widen(minimaAt, minima);
  });
}

Accumulators IntegerFormat::emitTileProduct(KernelBuilder &b,
                                            const ProductTile &tile) const {
  assert(tile.rows % kTileRows == 0 && "rows must fit tiles");
  int64_t vectors = tile.weights.size();
  Places places(b, tile.rows, vectors);
  Tiles tiles(b, kTileRows);
  b.storeZeros(places.sums, tile.rows * vectors * kLanesBytes);

  /// Adds what 16 rows from `operand` on and the panel give to `sums`.
  auto addStrip = [&](Value operand, Value sums, Value groups) {
    auto sumAt = [&](int64_t row) {
      return b.at(sums, row * vectors * kLanesBytes);
    };
    SmallVector<Value> totals;
    for (int64_t row = 0; row < kTileRows; ++row)
      totals.push_back(b.loadLanes(sumAt(row)));
    totals = b.loop(
        b.i64(0), groups, 1, totals, [&](Value group, ValueRange carried) {
          SmallVector<Value> next(carried);
          Value from = b.at(operand, b.mul(group, tile.operand.stepBytes));
          Value lhs = tiles.load(from, kTileRows, mega::kGroupElements,
                                 tile.operand.rowBytes);
          Value rhs =
              tiles.load(b.at(places.panel, b.mul(group, kPanelGroupBytes)),
                         kGroupWords, kWordsBytes, kWordsBytes);
          tiles.store(
              tiles.dotBytes(tiles.zero(), lhs, rhs, mega::kGroupElements),
              places.product, kTileBytes);
          Value lanes = b.mul(group, kLanesBytes), minima;
          Value scales = b.loadLanes(b.at(places.scales, lanes));
          if (hasMinimum())
            minima = b.loadLanes(b.at(places.minima, lanes));
          for (auto [row, total] : llvm::enumerate(next)) {
            Value group = b.at(from, row * tile.operand.rowBytes);
            Value sum = b.load(b.lanes(b.getI32Type()),
                               b.at(places.product, row * kTileBytes));
            Value scale =
                b.load(b.getF32Type(), b.at(group, mega::kGroupScaleAt));
            total =
                addGroup(b, total, sum, scale, scales,
                         hasMinimum() ? loadRowSum(b, group) : Value(), minima);
          }
          return next;
        });
    for (auto [row, total] : llvm::enumerate(totals))
      b.store(total, sumAt(row));
  };

  b.loop(b.i64(0), tile.steps, kPartGroups, [&](Value first) {
    Value groups = b.min(b.i64(kPartGroups), b.sub(tile.steps, first));
    Value operand =
        b.at(tile.operand.base, b.mul(first, tile.operand.stepBytes));
    for (auto [v, weights] : llvm::enumerate(tile.weights)) {
      emitPanel(b, tile, b.at(weights, b.mul(first, tile.stepBytes)), groups,
                places.panel, places.scales, places.minima);
      b.loop(0, tile.rows, kTileRows, [&](Value row) {
        addStrip(b.at(operand, b.mul(row, tile.operand.rowBytes)),
                 b.at(places.sums, b.add(b.mul(row, vectors * kLanesBytes),
                                         v * kLanesBytes)),
                 groups);
      });
    }
  });
  return {b, places.sums};
}
