//===- WeightsAhead.cpp - Weights of tiles to come ------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// What is asked for is whole panels, which lie together.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/WeightsAhead.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace fpmoe;

static mega::PackedLayout layoutOf(Value weight) {
  return mega::PackedLayout(cast<RankedTensorType>(weight.getType()));
}

/// Of the panels that hold so many vectors; 0 where there is no weight.
static int64_t bytesOf(Value weight, int64_t vectors) {
  if (!weight)
    return 0;
  mega::PackedLayout layout = layoutOf(weight);
  return llvm::divideCeil(vectors * kLanes, layout.n) * layout.panelBytes();
}

/// Experts of a token beside the shared one.
static int64_t topKOf(mega::ExpertDownOp op) {
  return dim(op.getAct(), 0) - (op.getSharedDown() ? 1 : 0);
}

/// Of all that a tile reads.
static int64_t bytesOfTile(Operation &tile) {
  return TypeSwitch<Operation *, int64_t>(&tile)
      .Case([](mega::QkvOp op) {
        return layoutOf(op.getWeight()).matrixBytes() / op.getParts();
      })
      .Case([](mega::LowRankOp op) {
        return layoutOf(op.getWeight()).matrixBytes();
      })
      .Case([](mega::LinearOp op) {
        return bytesOf(op.getWeight(), op.getVectors());
      })
      .Case([](mega::ExpertUpOp op) {
        return std::max(bytesOf(op.getGateUp(), 2 * op.getPairs()),
                        bytesOf(op.getSharedGateUp(), 2 * op.getPairs()));
      })
      .Case([](mega::ExpertDownOp op) {
        return bytesOf(op.getSharedDown(), op.getVectors()) +
               topKOf(op) * bytesOf(op.getDown(), op.getVectors());
      });
}

WeightsAhead::WeightsAhead(PhaseContext &phase, mega::PhaseOp op,
                           Request request)
    : phase(phase), b(phase.b), op(op.getBody().front().front()),
      request(std::move(request)),
      tiles(cast<IntegerAttr>((*op.getTiles())[0]).getInt()),
      ahead(phase.i64Field(offsetof(FpmoeStep, ahead))),
      room(b.max(b.div(ahead, bytesOfTile(this->op)), b.i64(1))) {}

void WeightsAhead::emit(Value tile) {
  TypeSwitch<Operation *>(&op)
      .Case([&](mega::QkvOp op) { emitQkv(op, tile); })
      .Case([&](mega::LowRankOp op) {
        ask(op.getWeight(), {}, tile, layoutOf(op.getWeight()).vectors(),
            ahead);
      })
      .Case([&](mega::LinearOp op) {
        TileOfShard of = getTileOfShard(phase, getShards(op.getOut()),
                                        layoutOf(op.getWeight()).vectors(),
                                        op.getVectors(), tile);
        ask(op.getWeight(), of.shard, b.mul(of.number, op.getVectors()),
            op.getVectors(), ahead);
      })
      .Case([&](mega::ExpertUpOp op) { emitUp(op, tile); })
      .Case([&](mega::ExpertDownOp op) { emitDown(op, tile); });
}

void WeightsAhead::emitQkv(mega::QkvOp op, Value tile) {
  int64_t vectors = layoutOf(op.getWeight()).vectors();
  if (!op.getPairs()) {
    ask(op.getWeight(), tile, b.i64(0), vectors, ahead);
    return;
  }
  Value head = b.div(tile, op.getParts()), first = b.rem(tile, op.getParts());
  Value left = ask(op.getWeight(), head, first, 1, ahead);
  ask(op.getWeight(), head, b.add(first, vectors / 2), 1, left);
}

/// Tiles of the shared expert, then of each that is chosen.
void WeightsAhead::emitUp(mega::ExpertUpOp op, Value tile) {
  int64_t vectors = 2 * op.getPairs();
  auto tilesOf = [&](Value weight) -> int64_t {
    return weight ? llvm::divideCeil(layoutOf(weight).vectors(), vectors) : 0;
  };
  int64_t shared = tilesOf(op.getSharedGateUp());
  int64_t routed = tilesOf(op.getGateUp());
  b.ifThen(
      b.less(tile, b.i64(shared)),
      [&] {
        if (shared)
          ask(op.getSharedGateUp(), {}, b.mul(tile, vectors), vectors, ahead);
      },
      [&] {
        if (!routed)
          return;
        Value number = b.sub(tile, b.i64(shared));
        askRouted(op.getGateUp(), op.getExperts(), b.div(number, routed),
                  b.mul(b.rem(number, routed), vectors), vectors, ahead);
      });
}

/// Of the shared expert, then of those that are chosen.
void WeightsAhead::emitDown(mega::ExpertDownOp op, Value tile) {
  TileOfShard of =
      getTileOfShard(phase, getShards(op.getX()), dim(op.getX(), -1) / kLanes,
                     op.getVectors(), tile);
  Value first = b.mul(of.number, op.getVectors()), left = ahead;
  if (Value shared = op.getSharedDown())
    left = ask(shared, of.shard, first, op.getVectors(), left);
  if (!op.getDown())
    return;
  b.loop(b.i64(0), b.i64(topKOf(op)), 1, {left},
         [&](Value slot, ValueRange before) -> SmallVector<Value> {
           return {askRouted(op.getDown(), op.getExperts(), slot, first,
                             op.getVectors(), before[0], of.shard)};
         });
}

Value WeightsAhead::askRouted(Value weight, Value experts, Value slot,
                              Value first, int64_t vectors, Value left,
                              Value shard) {
  Value expert = b.loadIndex(phase.base(experts), slot);
  // A negative expert is none.
  Value isNone = b.less(expert, b.i64(0));
  Value matrix = b.max(expert, b.i64(0));
  if (shard)
    matrix = b.add(b.mul(matrix, dim(weight, 1)), shard);
  Value after =
      ask(weight, matrix, first, vectors, b.select(isNone, b.i64(0), left));
  return b.select(isNone, left, after);
}

Value WeightsAhead::ask(Value weight, Value matrix, Value first,
                        int64_t vectors, Value left) {
  mega::PackedLayout layout = layoutOf(weight);
  Value offset = b.mul(b.div(first, layout.n / kLanes), layout.panelBytes());
  // The last tile may be smaller.
  Value size = b.min(b.sub(b.i64(layout.matrixBytes()), offset),
                     b.i64(bytesOf(weight, vectors)));
  if (matrix)
    offset = b.add(offset, b.mul(matrix, layout.matrixBytes()));
  size = b.min(size, left);
  request(b.at(phase.weight(weight), offset), size);
  return b.sub(left, size);
}
