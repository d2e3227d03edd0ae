//===- Spans.cpp - Attention over spans of the cache ----------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Scores of all positions of a span, their softmax, and the sum of values. Each
// sum has one chain of additions in the order of positions; what a row does not
// see adds zeros to it.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Attention.h"

using namespace mlir;
using namespace fpmoe;

Value fpmoe::emitFirstSeen(KernelBuilder &b, Value position,
                           std::optional<uint64_t> window) {
  if (!window)
    return b.i64(0);
  Value oldest = b.max(b.add(position, 1 - int64_t(*window)), b.i64(0));
  return b.mul(b.div(oldest, kLanes), kLanes);
}

void SpanAttention::emit(const SpanRows &rows, const SpanPositions &span,
                         Totals totals, Values values) {
  emitScores(rows, span);
  for (int64_t r = 0; r < rows.count; ++r)
    emitSoftmax(r, span, totals);
  emitValues(rows, span, values);
}

Value SpanAttention::scoreAt(const SpanPositions &span, Value position) {
  return b.at(scores, b.mul(b.sub(position, span.start), 4));
}

/// Asks for the values of 16 positions, which are read when their scores are
/// known, 16 columns at a time; and for keys that are read soon.
void SpanAttention::emitPrefetch(const SpanPositions &span, Value position) {
  // Heads of at most 128 columns need no loop.
  constexpr int64_t kLine = 64, kRun = 128 * kLine, kAhead = 2 * kLanes;
  Value values = cache.value(span.pages, kvHead, position);
  // The sequence may have no page behind the last position.
  Value ahead = b.min(b.add(position, kAhead), b.sub(span.end, b.i64(1)));
  Value keys = cache.key(span.pages, kvHead, ahead);
  int64_t valueBytes = kLanes / cache.depth * cache.valueStepBytes();
  int64_t keyBytes = cache.keySteps() * CacheLayout::kKeyStepBytes;
  for (auto [from, bytes] :
       {std::pair(values, valueBytes), std::pair(keys, keyBytes)}) {
    auto emitRun = [&, from = from](Value place, int64_t run) {
      for (int64_t at = 0; at < run; at += kLine)
        LLVM::Prefetch::create(b, b.at(b.at(from, place), at), /*rw=*/0,
                               /*hint=*/2, /*cache=*/1);
    };
    int64_t run = std::min(bytes, kRun), whole = bytes / run * run;
    b.loop(0, whole, run, [&](Value place) { emitRun(place, run); });
    emitRun(b.i64(whole), bytes - whole);
  }
}

void SpanAttention::emitScores(const SpanRows &rows,
                               const SpanPositions &span) {
  auto emitPositions = [&](Value position, int64_t vectors, bool isMasked) {
    for (int64_t v = 0; rows.prefetches && v < vectors; ++v)
      emitPrefetch(span, b.add(position, v * kLanes));
    ProductTile tile;
    tile.rows = rows.count;
    tile.ahead = rows.prefetches ? b.target.getPrefetch() : 0;
    tile.operand = {rows.query, rows.rowBytes, 4};
    for (int64_t v = 0; v < vectors; ++v)
      tile.weights.push_back(
          cache.key(span.pages, kvHead, b.add(position, v * kLanes)));
    tile.stepBytes = CacheLayout::kKeyStepBytes;
    tile.steps = b.i64(cache.keySteps());
    Accumulators sums = cache.emitProduct(tile);
    for (int64_t r = 0; r < rows.count; ++r)
      for (int64_t v = 0; v < vectors; ++v) {
        Value at = b.add(position, v * kLanes);
        storeScores(sums[r * vectors + v], r,
                    b.add(rows.position, r * rows.positionStep), at,
                    scoreAt(span, at), isMasked);
      }
  };
  int64_t vectors = getVectorsAtOnce(b.target, rows.count);
  int64_t step = vectors * kLanes;
  auto emitRange = [&](Value from, Value to, bool isMasked) {
    Value whole = b.add(from, b.mul(b.div(b.sub(to, from), step), step));
    b.loop(from, whole, step,
           [&](Value position) { emitPositions(position, vectors, isMasked); });
    b.loop(whole, to, kLanes,
           [&](Value position) { emitPositions(position, 1, isMasked); });
  };
  if (window)
    return emitRange(span.begin, span.end, /*isMasked=*/true);
  // Up to the position of the first row, all rows see all.
  Value seen = b.sub(b.min(b.add(rows.position, 1), span.end), span.begin);
  seen = b.mul(b.div(b.max(seen, b.i64(0)), kLanes), kLanes);
  seen = b.add(span.begin, seen);
  emitRange(span.begin, seen, /*isMasked=*/false);
  emitRange(seen, span.end, /*isMasked=*/true);
}

/// Scores of 16 positions; with a mask, those that the row cannot see are
/// hidden.
void SpanAttention::storeScores(Value lanes, int64_t r, Value own,
                                Value position, Value place, bool isMasked) {
  Value scaled = b.fmul(lanes, b.f32Splat(scale));
  if (isMasked) {
    Value positions = b.add(b.splat(position), b.iota());
    Value seen = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, positions,
                                       b.splat(own));
    if (window) {
      Value oldest = b.add(own, -int64_t(*window));
      Value recent = arith::CmpIOp::create(b, arith::CmpIPredicate::sgt,
                                           positions, b.splat(oldest));
      seen = arith::AndIOp::create(b, seen, recent);
    }
    scaled = b.select(seen, scaled, b.f32Splat(kHiddenScore));
  }
  b.store(scaled, b.at(place, r * scoreBytes));
}

/// Scores become e^(score - largest).
void SpanAttention::emitSoftmax(int64_t r, const SpanPositions &span,
                                Totals totals) {
  auto place = [&](Value position) {
    return b.at(scoreAt(span, position), r * scoreBytes);
  };
  Value largest = b.loop(span.begin, span.end, kLanes, {b.f32Splat(kNoScore)},
                         [&](Value i, ValueRange m) -> SmallVector<Value> {
                           return {b.fmax(m[0], b.loadLanes(place(i)))};
                         })[0];
  largest = b.splat(b.maxLanes(largest));
  Value sum = b.loop(span.begin, span.end, kLanes, {b.f32Splat(0.0f)},
                     [&](Value i, ValueRange s) -> SmallVector<Value> {
                       Value e = b.exp(b.fsub(b.loadLanes(place(i)), largest));
                       b.store(e, place(i));
                       return {b.fadd(s[0], e)};
                     })[0];
  totals(r, largest, b.splat(b.sumLanes(sum)));
}

void SpanAttention::emitValues(const SpanRows &rows, const SpanPositions &span,
                               Values store) {
  constexpr int64_t kPage = CacheLayout::kPagePositions;
  int64_t vectors = cache.valueVectors();
  int64_t atOnce = std::min(getVectorsAtOnce(b.target, rows.count), vectors);
  auto emitVectors = [&](Value vector, int64_t count) {
    SmallVector<Value> sums(rows.count * count, b.f32Splat(0.0f));
    sums = b.loop(b.mul(b.div(span.begin, kPage), kPage), span.end, kPage, sums,
                  [&](Value page, ValueRange before) {
                    Value from = b.max(page, span.begin);
                    Value to = b.min(b.add(page, kPage), span.end);
                    ProductTile tile;
                    tile.rows = rows.count;
                    tile.ahead = rows.prefetches ? b.target.getPrefetch() : 0;
                    tile.operand = {scoreAt(span, from), scoreBytes, 4};
                    Value at = b.at(cache.value(span.pages, kvHead, from),
                                    b.mul(vector, kLanes * 4));
                    for (int64_t v = 0; v < count; ++v)
                      tile.weights.push_back(b.at(at, v * kLanes * 4));
                    tile.stepBytes = cache.valueStepBytes();
                    // Behind the last step may stand what nobody wrote.
                    tile.steps = b.ceilDiv(b.sub(to, from), cache.depth);
                    tile.sums.assign(before.begin(), before.end());
                    Accumulators after = cache.emitProduct(tile);
                    SmallVector<Value> next;
                    for (int64_t i = 0; i < rows.count * count; ++i)
                      next.push_back(after[i]);
                    return next;
                  });
    for (int64_t r = 0; r < rows.count; ++r)
      for (int64_t v = 0; v < count; ++v)
        store(r, b.add(vector, v), sums[r * count + v]);
  };
  int64_t whole = vectors / atOnce * atOnce;
  b.loop(0, whole, atOnce, [&](Value v) { emitVectors(v, atOnce); });
  b.loop(whole, vectors, 1, [&](Value v) { emitVectors(v, 1); });
}

SpanFactors fpmoe::emitSpanFactors(KernelBuilder &b, Value before, Value here) {
  Value largest = b.fmax(before, here);
  return {largest, b.exp(b.fsub(before, largest)),
          b.exp(b.fsub(here, largest))};
}

Value fpmoe::emitMerged(KernelBuilder &b, const SpanFactors &factors,
                        Value before, Value here) {
  return b.fma(factors.here, here, b.fmul(factors.before, before));
}

void fpmoe::emitStoreHead(KernelBuilder &b, const OperandBlock &operand,
                          Value row, Value head, int64_t valueDim,
                          function_ref<Value(Value)> lanesOf) {
  Value first = b.mul(head, valueDim);
  auto emitLanes = [&](Value column, int64_t valid) {
    operand.store(lanesOf(column), row, b.add(first, column), valid);
  };
  // A loop: LLVM compares all stores of a loop over rows with each other.
  int64_t whole = valueDim / kLanes * kLanes;
  b.loop(0, whole, kLanes, [&](Value column) { emitLanes(column, kLanes); });
  if (whole < valueDim)
    emitLanes(b.i64(whole), valueDim - whole);
}

void fpmoe::emitClearTail(KernelBuilder &b, const OperandBlock &operand,
                          Value head, int64_t heads, int64_t valueDim,
                          Value firstRow, Value lastRow) {
  int64_t columns = heads * valueDim;
  if (columns == mega::padColumns(columns))
    return;
  b.ifThen(b.equal(head, b.i64(heads - 1)), [&] {
    operand.clear(firstRow, lastRow, columns, mega::padColumns(columns));
  });
}
