//===- SpanTiles.cpp - Attention over spans with AMX ----------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Rows and powers are rounded to bf16 and multiplied in tile registers, a page
// of positions at a time: two tiles of scores, and one step of the sums of
// values. So the additions of a sum depend on where its positions stand alone.
// Positions of a page that a row does not see have powers of zero.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Attention.h"

using namespace mlir;
using namespace fpmoe;

static constexpr int64_t kPage = CacheLayout::kPagePositions;
static constexpr int64_t kWordBytes = 4; ///< a pair of bf16

/// The page behind this one, or the first if there is none.
static Value getNext(KernelBuilder &b, const SpanPositions &pages, Value page) {
  Value next = b.add(page, kPage);
  return b.select(b.less(next, pages.end), next, pages.begin);
}

void SpanAttention::emitTiles(const SpanRows &given, Value count,
                              const SpanPositions &span, bool fromMemory,
                              Totals totals, Values values) {
  SpanRows rows = given;
  rows.count = tileRows; // what stands behind the last row is not used
  rows = roundRows(rows, count);
  SpanPositions pages = span;
  pages.begin = b.mul(b.div(span.begin, kPage), kPage);
  pages.end = b.mul(b.ceilDiv(span.end, kPage), kPage);
  emitScoreTiles(rows, pages, fromMemory);
  b.loop(b.i64(0), count, 1,
         [&](Value row) { emitTileSoftmax(rows, row, pages, totals); });
  emitValueTiles(rows, count, pages, fromMemory, values);
}

void SpanAttention::emitScoreTiles(const SpanRows &rows,
                                   const SpanPositions &pages,
                                   bool fromMemory) {
  int64_t depth = getTileDepth(), words = cache.keyColumns / 2;
  Tiles tiles(b, rows.count);
  b.loop(pages.begin, pages.end, kPage, [&](Value page) {
    if (fromMemory) { // behind the last keys come the first values
      Value next = getNext(b, pages, page);
      Value place =
          b.select(b.less(page, next), cache.key(pages.pages, kvHead, next),
                   cache.value(pages.pages, kvHead, next));
      emitAhead(place, kPage * cache.keyColumns * 2 / kCacheLine);
    }
    Value keys = cache.key(pages.pages, kvHead, page);
    SmallVector<Value> sums;
    for (int64_t v = 0; v < kPage / kLanes; ++v)
      sums.push_back(tiles.zero());
    for (int64_t word = 0; word < words; word += depth) {
      Value some = tiles.load(b.at(rows.query, word * kWordBytes), rows.count,
                              depth * kWordBytes, rows.rowBytes);
      for (auto [v, sum] : llvm::enumerate(sums)) {
        int64_t step = v * words + word;
        Value key = tiles.load(b.at(keys, step * CacheLayout::kKeyStepBytes),
                               depth, kTileBytes, CacheLayout::kKeyStepBytes);
        sum = tiles.dotBF16(sum, some, key, depth * kWordBytes);
      }
    }
    for (auto [v, sum] : llvm::enumerate(sums))
      tiles.store(sum, scoreAt(pages, rows.first, b.add(page, v * kLanes)),
                  scoreBytes);
  });
}

void SpanAttention::emitTileSoftmax(const SpanRows &rows, Value row,
                                    const SpanPositions &pages, Totals totals) {
  Value own = b.add(rows.position, b.mul(row, rows.positionStep));
  Value largest = b.f32Splat(kNoScore);
  auto emitRange = [&](Value from, Value to, bool isMasked) {
    largest = b.loop(from, to, kLanes, {largest},
                     [&](Value i, ValueRange m) -> SmallVector<Value> {
                       Value place = scoreAt(pages, row, i);
                       storeScores(b.loadLanes(place), own, i, place, isMasked);
                       return {b.fmax(m[0], b.loadLanes(place))};
                     })[0];
  };
  Value seen = pages.begin;
  if (!window) { // up to its own position, a row sees all
    seen = b.mul(b.div(b.min(b.add(own, 1), pages.end), kLanes), kLanes);
    seen = b.max(seen, pages.begin);
    emitRange(pages.begin, seen, /*isMasked=*/false);
  }
  emitRange(seen, pages.end, /*isMasked=*/true);
  largest = b.splat(b.maxLanes(largest));
  totals(row, largest, emitPowers(row, pages, largest));
}

void SpanAttention::emitValueTiles(const SpanRows &rows, Value count,
                                   const SpanPositions &pages, bool fromMemory,
                                   Values values) {
  constexpr int64_t kMostSums = 4, kWords = kPage / 2;
  int64_t depth = getTileDepth(), vectors = cache.valueVectors();
  int64_t stepBytes = cache.valueStepBytes();
  // Behind the last values come the keys of the next span, if there is one.
  Value behind = b.mul(b.div(b.min(pages.end, rows.position), kPage), kPage);
  auto emitVectors = [&](Value vector, int64_t some) {
    Tiles tiles(b, rows.count);
    SmallVector<Value> sums;
    for (int64_t v = 0; v < some; ++v)
      sums.push_back(tiles.zero());
    sums = b.loop(
        pages.begin, pages.end, kPage, sums,
        [&](Value page, ValueRange before) {
          if (fromMemory) { // a line holds a vector of the positions of a step
            int64_t share = kWords * some;
            Value next = getNext(b, pages, page);
            Value place = b.select(b.less(page, next),
                                   cache.value(pages.pages, kvHead, next),
                                   cache.key(pages.pages, kvHead, behind));
            emitAhead(b.at(place, b.mul(vector, kWords * kCacheLine)), share);
          }
          Value first = b.at(cache.value(pages.pages, kvHead, page),
                             b.mul(vector, kTileBytes));
          SmallVector<Value> after(before);
          for (int64_t word = 0; word < kWords; word += depth) {
            Value powers = tiles.load(
                b.at(powerAt(pages, rows.first, page), word * kWordBytes),
                rows.count, depth * kWordBytes, scoreBytes);
            for (auto [v, sum] : llvm::enumerate(after)) {
              Value value =
                  tiles.load(b.at(first, word * stepBytes + v * kTileBytes),
                             depth, kTileBytes, stepBytes);
              sum = tiles.dotBF16(sum, powers, value, depth * kWordBytes);
            }
          }
          return after;
        });
    int64_t rowBytes = some * kTileBytes;
    Value stack = b.getStack(rows.count * rowBytes);
    for (auto [v, sum] : llvm::enumerate(sums))
      tiles.store(sum, b.at(stack, v * kTileBytes), rowBytes);
    b.loop(b.i64(0), count, 1, [&](Value row) {
      Value from = b.at(stack, b.mul(row, rowBytes));
      for (int64_t v = 0; v < some; ++v)
        values(row, b.add(vector, v), b.loadLanes(b.at(from, v * kTileBytes)));
    });
  };
  int64_t whole = vectors / kMostSums * kMostSums;
  b.loop(0, whole, kMostSums, [&](Value v) { emitVectors(v, kMostSums); });
  if (whole < vectors)
    emitVectors(b.i64(whole), vectors - whole);
}
