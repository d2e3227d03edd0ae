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

SpanRows SpanAttention::roundRows(const SpanRows &rows, Value count) {
  if (!cache.roundsRows())
    return rows;
  SpanRows rounded = rows;
  rounded.rowBytes = cache.keyColumns * 2;
  rounded.query = b.getStack(rows.count * rounded.rowBytes);
  b.loop(b.i64(0), count, 1, [&](Value row) {
    Value from = b.at(rows.query, b.mul(row, rows.rowBytes));
    Value to = b.at(rounded.query, b.mul(row, rounded.rowBytes));
    b.loop(0, rounded.rowBytes, kLanes * 2, [&](Value offset) {
      Value lanes = b.loadLanes(b.at(from, b.mul(offset, 2)));
      b.store(arith::TruncFOp::create(b, b.lanes(b.getBF16Type()), lanes),
              b.at(to, offset));
    });
  });
  return rounded;
}

void SpanAttention::emit(const SpanRows &given, const SpanPositions &span,
                         Totals totals, Values values) {
  SpanRows rows = roundRows(given, b.i64(given.count));
  emitScores(rows, span, nullptr);
  for (int64_t r = 0; r < rows.count; ++r)
    emitSoftmax(b.i64(r), span, totals);
  emitValues(rows, span, values);
}

void SpanAttention::emitFromMemory(const SpanRows &rows,
                                   const SpanPositions &span, Totals totals,
                                   Values values) {
  int64_t most = cache.tiles ? tileRows : scoreRows;
  forRuns(rows, most, [&](Value first, SpanRows some) {
    some.first = b.i64(0);
    auto storeTotals = [&](Value row, Value largest, Value sum) {
      totals(b.add(first, row), largest, sum);
    };
    auto storeValues = [&](Value row, Value vector, Value lanes) {
      values(b.add(first, row), vector, lanes);
    };
    if (cache.tiles)
      return emitTiles(some, b.i64(some.count), span, /*fromMemory=*/true,
                       storeTotals, storeValues);
    emitTogether(some, span, storeTotals, storeValues);
  });
}

void SpanAttention::forRuns(
    const SpanRows &rows, int64_t most,
    function_ref<void(Value row, const SpanRows &)> body) {
  // As equal as can be.
  int64_t run =
      llvm::divideCeil(rows.count, llvm::divideCeil(rows.count, most));
  auto emitRun = [&](Value row, int64_t count) {
    SpanRows some = rows;
    some.query = b.at(rows.query, b.mul(row, rows.rowBytes));
    some.first = b.add(rows.first, row);
    some.count = count;
    body(row, some);
  };
  int64_t whole = rows.count / run * run;
  b.loop(0, whole, run, [&](Value row) { emitRun(row, run); });
  if (whole < rows.count)
    emitRun(b.i64(whole), rows.count - whole);
}

void SpanAttention::emitTogether(const SpanRows &given,
                                 const SpanPositions &span, Totals totals,
                                 Values values) {
  SpanRows rows = roundRows(given, b.i64(given.count));
  constexpr int64_t kPage = CacheLayout::kPagePositions;
  int64_t run = getRowsAtOnce(b.target, rows.count);
  int64_t runs = llvm::divideCeil(rows.count, run);
  auto forPages =
      [&](function_ref<void(const SpanPositions &, Value next)> body) {
        Value first = b.mul(b.div(span.begin, kPage), kPage);
        b.loop(first, span.end, kPage, [&](Value page) {
          Value next = b.add(page, kPage);
          body({span.start, b.max(page, span.begin), b.min(next, span.end),
                span.pages},
               b.select(b.less(next, span.end), next, first));
        });
      };
  /// What a run asks for, of `lines` lines at `place`.
  auto getAhead = [&](Value row, Value place, int64_t lines) {
    int64_t share = llvm::divideCeil(lines, runs);
    return Ahead{b.at(place, b.mul(b.div(row, run), share * kCacheLine)),
                 share};
  };

  forPages([&](const SpanPositions &page, Value next) {
    // Behind the last keys come the first values.
    Value place =
        b.select(b.less(page.begin, next), cache.key(span.pages, kvHead, next),
                 cache.value(span.pages, kvHead, next));
    forRuns(rows, run, [&](Value row, const SpanRows &some) {
      Ahead ahead = getAhead(row, place, cache.keySteps());
      emitScores(some, page, &ahead);
    });
  });
  b.loop(0, rows.count, 1, [&](Value row) { emitSoftmax(row, span, totals); });

  int64_t vectors = cache.valueVectors();
  int64_t rowBytes = vectors * kLanes * 4;
  Value sums = b.getStack(rows.count * rowBytes);
  b.storeZeros(sums, rows.count * rowBytes);
  auto sumAt = [&](Value row, Value vector) {
    return b.at(sums, b.add(b.mul(row, rowBytes), b.mul(vector, kLanes * 4)));
  };
  // Behind the last values come the keys of the next span, if there is one.
  Value behind = b.min(span.end, rows.position);
  behind = b.mul(b.div(behind, kLanes), kLanes);
  forPages([&](const SpanPositions &page, Value next) {
    Value place = b.select(b.less(page.begin, next),
                           cache.value(span.pages, kvHead, next),
                           cache.key(span.pages, kvHead, behind));
    forRuns(rows, run, [&](Value row, const SpanRows &some) {
      // A line holds a vector of the positions of a step.
      Ahead ahead = getAhead(row, place, kPage / cache.depth * vectors);
      forVectors(some, [&](Value vector, int64_t count) {
        int64_t share = llvm::divideCeil(ahead.lines * count, vectors);
        emitAhead(
            b.at(ahead.place, b.mul(b.div(vector, count), share * kCacheLine)),
            share);
        SmallVector<Value> before;
        auto at = [&](int64_t r, int64_t v) {
          return sumAt(b.add(some.first, r), b.add(vector, v));
        };
        for (int64_t r = 0; r < some.count; ++r)
          for (int64_t v = 0; v < count; ++v)
            before.push_back(b.loadLanes(at(r, v)));
        SmallVector<Value> after =
            emitValuesOfPage(some, page, vector, count, before);
        for (int64_t r = 0; r < some.count; ++r)
          for (int64_t v = 0; v < count; ++v)
            b.store(after[r * count + v], at(r, v));
      });
    });
  });
  b.loop(0, rows.count, 1, [&](Value row) {
    b.loop(0, vectors, 1, [&](Value vector) {
      values(row, vector, b.loadLanes(sumAt(row, vector)));
    });
  });
}

Value SpanAttention::scoreAt(const SpanPositions &span, Value row,
                             Value position) {
  return b.at(scores, b.add(b.mul(row, scoreBytes),
                            b.mul(b.sub(position, span.start), 4)));
}

Value SpanAttention::powerAt(const SpanPositions &span, Value row,
                             Value position) {
  int64_t bytes = cache.roundsRows() ? 2 : 4;
  return b.at(scores, b.add(b.mul(row, scoreBytes),
                            b.mul(b.sub(position, span.start), bytes)));
}

void SpanAttention::emitAhead(Value place, int64_t lines) {
  constexpr int64_t kRun = 16; // code does not grow with heads
  auto emitRun = [&](Value from, int64_t run) {
    for (int64_t i = 0; i < run; ++i)
      LLVM::Prefetch::create(b, b.at(b.at(place, from), i * kCacheLine),
                             /*rw=*/0, /*hint=*/2, /*cache=*/1);
  };
  int64_t whole = lines / kRun * kRun;
  if (whole)
    b.loop(0, whole * kCacheLine, kRun * kCacheLine,
           [&](Value from) { emitRun(from, kRun); });
  emitRun(b.i64(whole * kCacheLine), lines - whole);
}

void SpanAttention::emitScores(const SpanRows &rows, const SpanPositions &span,
                               const Ahead *ahead) {
  constexpr int64_t kPage = CacheLayout::kPagePositions;
  auto emitPositions = [&](Value position, int64_t vectors, bool isMasked) {
    for (int64_t v = 0; ahead && v < vectors; ++v) {
      Value inPage = b.rem(b.add(position, v * kLanes), kPage);
      emitAhead(b.at(ahead->place, b.mul(b.div(inPage, kLanes),
                                         cache.keySteps() * kCacheLine)),
                ahead->lines);
    }
    ProductTile tile;
    tile.rows = rows.count;
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
        storeScores(sums[r * vectors + v],
                    b.add(rows.position, r * rows.positionStep), at,
                    scoreAt(span, b.add(rows.first, r), at), isMasked);
      }
  };
  int64_t vectors = getVectorsAtOnce(b.target, rows.count);
  if (ahead)
    vectors = std::min(vectors, kPage / kLanes);
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
void SpanAttention::storeScores(Value lanes, Value own, Value position,
                                Value place, bool isMasked) {
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
  b.store(scaled, place);
}

/// Scores become e^(score - largest).
void SpanAttention::emitSoftmax(Value row, const SpanPositions &span,
                                Totals totals) {
  auto place = [&](Value position) { return scoreAt(span, row, position); };
  Value largest = b.loop(span.begin, span.end, kLanes, {b.f32Splat(kNoScore)},
                         [&](Value i, ValueRange m) -> SmallVector<Value> {
                           return {b.fmax(m[0], b.loadLanes(place(i)))};
                         })[0];
  largest = b.splat(b.maxLanes(largest));
  totals(row, largest, emitPowers(row, span, largest));
}

/// 16 numbers of bf16 as f32, whose upper half they are.
static Value widen(KernelBuilder &b, Value lanes) {
  Value halves = vector::BitCastOp::create(b, b.lanes(b.getI16Type()), lanes);
  Value words = arith::ExtUIOp::create(b, b.lanes(b.getI32Type()), halves);
  words = arith::ShLIOp::create(b, words, b.splat(b.i32(16)));
  return arith::BitcastOp::create(b, b.f32Lanes(), words);
}

Value SpanAttention::emitPowers(Value row, const SpanPositions &span,
                                Value largest) {
  Value sum = b.loop(span.begin, span.end, kLanes, {b.f32Splat(0.0f)},
                     [&](Value i, ValueRange s) -> SmallVector<Value> {
                       Value power = b.exp(
                           b.fsub(b.loadLanes(scoreAt(span, row, i)), largest));
                       Value to = powerAt(span, row, i);
                       if (cache.roundsRows()) {
                         Value rounded = arith::TruncFOp::create(
                             b, b.lanes(b.getBF16Type()), power);
                         b.store(rounded, to);
                         power = widen(b, rounded);
                       } else {
                         b.store(power, to);
                       }
                       return {b.fadd(s[0], power)};
                     })[0];
  return b.splat(b.sumLanes(sum));
}

void SpanAttention::forVectors(const SpanRows &rows,
                               function_ref<void(Value, int64_t)> body) {
  int64_t vectors = cache.valueVectors();
  int64_t atOnce = std::min(getVectorsAtOnce(b.target, rows.count), vectors);
  int64_t whole = vectors / atOnce * atOnce;
  b.loop(0, whole, atOnce, [&](Value v) { body(v, atOnce); });
  b.loop(whole, vectors, 1, [&](Value v) { body(v, 1); });
}

SmallVector<Value> SpanAttention::emitValuesOfPage(const SpanRows &rows,
                                                   const SpanPositions &page,
                                                   Value vector, int64_t count,
                                                   ValueRange before) {
  ProductTile tile;
  tile.rows = rows.count;
  tile.operand = {powerAt(page, rows.first, page.begin), scoreBytes, 4};
  Value at = b.at(cache.value(page.pages, kvHead, page.begin),
                  b.mul(vector, kLanes * 4));
  for (int64_t v = 0; v < count; ++v)
    tile.weights.push_back(b.at(at, v * kLanes * 4));
  tile.stepBytes = cache.valueStepBytes();
  // Behind the last step may stand what nobody wrote.
  tile.steps = b.ceilDiv(b.sub(page.end, page.begin), cache.depth);
  tile.sums.assign(before.begin(), before.end());
  Accumulators after = cache.emitProduct(tile);
  SmallVector<Value> sums;
  for (int64_t i = 0; i < rows.count * count; ++i)
    sums.push_back(after[i]);
  return sums;
}

void SpanAttention::emitValues(const SpanRows &rows, const SpanPositions &span,
                               Values store) {
  constexpr int64_t kPage = CacheLayout::kPagePositions;
  forVectors(rows, [&](Value vector, int64_t count) {
    SmallVector<Value> sums(rows.count * count, b.f32Splat(0.0f));
    sums = b.loop(b.mul(b.div(span.begin, kPage), kPage), span.end, kPage, sums,
                  [&](Value page, ValueRange before) {
                    SpanPositions some = span;
                    some.begin = b.max(page, span.begin);
                    some.end = b.min(b.add(page, kPage), span.end);
                    return emitValuesOfPage(rows, some, vector, count, before);
                  });
    for (int64_t r = 0; r < rows.count; ++r)
      for (int64_t v = 0; v < count; ++v)
        store(b.i64(r), b.add(vector, v), sums[r * count + v]);
  });
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
