//===- Cache.cpp - Keys and values of the positions before ----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Cache.h"

using namespace mlir;
using namespace fpmoe;

static int64_t getDepth(Value cache) {
  return 32 / cast<MemRefType>(cache.getType()).getElementTypeBitWidth();
}

CacheLayout::CacheLayout(PhaseContext &phase, Value cache, int64_t headDim)
    : tiles(attendsWithTiles(phase.b.target, cache)), depth(getDepth(cache)),
      keyColumns(mega::padColumns(headDim)),
      valueColumns(dim(cache, 3) - keyColumns), b(phase.b), headDim(headDim),
      pageBytes(kPagePositions * dim(cache, 3) * 4 / depth),
      headBytes(
          b.mul(phase.i64Field(offsetof(FpmoeStep, cache_pages)), pageBytes)),
      base(b.at(phase.base(cache),
                b.mul(b.mul(phase.layer, dim(cache, 1)), headBytes))) {}

Value CacheLayout::page(Value pages, Value head, Value position) {
  Value number = b.loadIndex(pages, b.div(position, kPagePositions));
  return b.at(b.at(base, b.mul(head, headBytes)), b.mul(number, pageBytes));
}

Value CacheLayout::key(Value pages, Value head, Value position) {
  Value tile = b.mul(b.div(b.rem(position, kPagePositions), kLanes),
                     keyColumns / depth * kKeyStepBytes);
  return b.at(page(pages, head, position),
              b.add(tile, b.mul(b.rem(position, kLanes), 4)));
}

Value CacheLayout::value(Value pages, Value head, Value position) {
  Value values = b.at(page(pages, head, position),
                      kPagePositions * keyColumns * 4 / depth);
  Value inPage = b.rem(position, kPagePositions);
  Value offset = b.mul(b.div(inPage, depth), valueStepBytes());
  if (depth > 1)
    offset = b.add(offset, b.mul(b.rem(inPage, depth), 4 / depth));
  return b.at(values, offset);
}

bool CacheLayout::roundsRows() const {
  return depth == 2 && b.target.getDot() != mega::DotInstruction::None;
}

Accumulators CacheLayout::emitProduct(const ProductTile &tile) const {
  if (roundsRows())
    return emitDotProduct(b, tile);
  return depth == 1 ? emitF32Product(b, tile) : emitWidenedProduct(b, tile);
}

/// 16 numbers, rounded to bf16, as vectors of integers.
static Value roundTo(KernelBuilder &b, Value lanes, Type integer) {
  Value rounded = arith::TruncFOp::create(b, b.lanes(b.getBF16Type()), lanes);
  int64_t count = kLanes * 16 / integer.getIntOrFloatBitWidth();
  return vector::BitCastOp::create(b, VectorType::get({count}, integer),
                                   rounded);
}

void CacheLayout::storeKey(Value row, Value pages, Value head, Value position) {
  Value to = key(pages, head, position);
  if (depth == 1)
    return b.loop(0, headDim, 1, [&](Value i) {
      b.store(b.loadF32(row, i), b.at(to, b.mul(i, kKeyStepBytes)));
    });
  b.loop(0, keyColumns, kLanes, [&](Value i) {
    Value pairs =
        roundTo(b, b.loadLanes(b.at(row, b.mul(i, 4))), b.getI32Type());
    Value at = b.at(to, b.mul(i, kKeyStepBytes / depth));
    for (int64_t step = 0; step < kLanes / depth; ++step)
      b.store(vector::ExtractOp::create(b, pairs, step),
              b.at(at, step * kKeyStepBytes));
  });
}

void CacheLayout::storeValue(Value row, Value pages, Value head, Value position,
                             Value isLast) {
  Value to = value(pages, head, position);
  if (depth == 1)
    return b.loop(0, valueColumns * 4, kLanes * 4, [&](Value offset) {
      b.store(b.loadLanes(b.at(row, offset)), b.at(to, offset));
    });
  Value isFirst = b.equal(b.rem(position, depth), b.i64(0));
  Value isAlone = arith::AndIOp::create(b, isFirst, isLast);
  b.loop(0, valueColumns * 4, kLanes * 4, [&](Value offset) {
    Value halves = roundTo(b, b.loadLanes(b.at(row, offset)), b.getI16Type());
    Value at = b.at(to, offset);
    b.ifThen(
        isAlone,
        [&] {
          b.store(arith::ExtUIOp::create(b, b.lanes(b.getI32Type()), halves),
                  at);
        },
        [&] {
          for (int64_t i = 0; i < kLanes; ++i)
            b.store(vector::ExtractOp::create(b, halves, i), b.at(at, i * 4),
                    2);
        });
  });
  if (!tiles)
    return;
  // A product takes a page at once, and what another sequence left in it may be
  // no number.
  b.ifThen(isLast, [&] {
    Value inPage = b.rem(position, kPagePositions);
    Value first = value(pages, head, b.sub(position, inPage));
    Value behind = b.mul(b.add(b.div(inPage, depth), 1), valueStepBytes());
    b.loop(
        behind, b.i64(kPagePositions / depth * valueStepBytes()), kLanes * 4,
        [&](Value offset) { b.store(b.f32Splat(0.0f), b.at(first, offset)); });
  });
}
