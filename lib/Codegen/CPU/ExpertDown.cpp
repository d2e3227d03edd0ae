//===- ExpertDown.cpp - Second product of the experts ---------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A tile owns columns of the activations and adds to them what every expert
// gives, the shared one first, then the routed ones in their order, each some
// of K at a time: sums have one order, and no tile waits.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/ChosenExperts.h"
#include "lib/Codegen/CPU/GroupTable.h"
#include "lib/Codegen/CPU/Product.h"

#include <numeric>

using namespace mlir;
using namespace fpmoe;

namespace {

class ExpertDown {
public:
  ExpertDown(PhaseContext &phase, mega::ExpertDownOp op, Value tile)
      : phase(phase), op(op), b(phase.b), width(dim(op.getX(), -1)),
        shards(getShards(op.getX())), x(phase.base(op.getX())) {
    int64_t vectors = width / kLanes;
    TileOfShard of =
        getTileOfShard(phase, shards, vectors, op.getVectors(), tile);
    shard = of.shard;
    if (shard)
      x = b.at(x, b.mul(shard, dim(op.getX(), 1) * width * 4));
    firstVector = b.mul(of.number, op.getVectors());
    lastVector = b.min(b.add(firstVector, op.getVectors()), b.i64(vectors));
  }

  void emit() {
    if (shard)
      clear();
    op.getGroups() ? emitMany() : emitOne();
  }

private:
  static int64_t depthOf(Value weight) {
    mega::PackedLayout layout(cast<RankedTensorType>(weight.getType()));
    return layout.depth * layout.k;
  }

  /// Sums of shards begin with zero.
  void clear() {
    b.loop(b.i64(0), phase.count, 1, [&](Value token) {
      Value row = b.at(x, b.mul(token, width * 4));
      b.loop(firstVector, lastVector, 1, [&](Value vector) {
        b.store(b.f32Splat(0.0f), b.at(row, b.mul(vector, kLanes * 4)));
      });
    });
  }

  /// One token: the experts that it has chosen, the lowest number first.
  void emitOne() {
    int64_t slots = dim(op.getAct(), 0);
    int64_t topK = slots - (op.getSharedDown() ? 1 : 0);
    auto addOf = [&](Value weight, Value expert, Value slot) {
      emitDepths(weight, [&](Product &product, const Product::Columns &part) {
        add(product, slot, b.i64(1), expert, part,
            [&](Value) { return b.i64(0); });
      });
    };
    if (op.getSharedDown())
      addOf(op.getSharedDown(), {}, b.i64(topK));
    if (!topK)
      return;
    emitInOrder(phase, op.getExperts(), topK, [&](Value expert, Value slot) {
      addOf(op.getDown(), expert, slot);
    });
  }

  /// Many tokens: expert by expert, block by block.
  void emitMany() {
    int64_t experts = op.getDown() ? dim(op.getDown(), 0) : 0;
    GroupTable table(phase, op.getGroups(),
                     mega::GroupTableLayout::withGroups(
                         op.getGroups(), experts + (op.getSharedDown() ? 1 : 0),
                         phase.blockRows));
    if (op.getSharedDown())
      emitGroup(table, op.getSharedDown(), b.i64(experts), {});
    if (op.getDown())
      b.loop(0, experts, 1, [&](Value expert) {
        emitGroup(table, op.getDown(), expert, expert);
      });
  }

  void emitGroup(GroupTable &table, Value weight, Value group, Value expert) {
    Value firstSlot = b.loadIndex(table.first, group);
    Value lastSlot = b.loadIndex(table.first, b.add(group, 1));
    // Weights of a part of K stay in the cache while all blocks pass.
    emitDepths(weight, [&](Product &product, const Product::Columns &part) {
      b.loop(firstSlot, lastSlot, 1, [&](Value slot) {
        Value tokens = b.at(table.token, b.mul(slot, phase.blockRows * 4));
        add(product, slot, b.loadIndex(table.count, slot), expert, part,
            [&](Value row) { return b.loadIndex(tokens, row); });
      });
    });
  }

  /// Emits the code of a part of K, for one part after the other.
  void
  emitDepths(Value weight,
             function_ref<void(Product &, const Product::Columns &)> emitPart) {
    int64_t depth = depthOf(weight), most = op.getDepth();
    Product product(phase, op.getAct(), weight);
    int64_t multiple = most;
    for (Value any : {op.getDown(), op.getSharedDown()})
      if (any)
        multiple = std::gcd(multiple, depthOf(any));
    product.setDepthMultiple(multiple);
    b.loop(0, depth, most, [&](Value first) {
      emitPart(product,
               {firstVector, lastVector, /*unit=*/1, int64_t(op.getVectors()),
                first, b.min(b.i64(most), b.sub(b.i64(depth), first)), most,
                shard ? b.mul(shard, depth) : Value()});
    });
  }

  void add(Product &product, Value block, Value count, Value expert,
           const Product::Columns &columns,
           function_ref<Value(Value)> tokenOf) {
    Value matrix = expert;
    if (shard)
      matrix = expert ? b.add(b.mul(expert, shards), shard) : shard;
    product.emit(block, count, matrix, columns,
                 [&](Value row, Value vector, ArrayRef<Value> sums) {
                   Value to = b.at(x, b.mul(b.add(b.mul(tokenOf(row), width),
                                                  b.mul(vector, kLanes)),
                                            4));
                   for (auto [v, sum] : llvm::enumerate(sums)) {
                     Value place = b.at(to, v * kLanes * 4);
                     b.store(b.fadd(b.loadLanes(place), sum), place);
                   }
                 });
  }

  PhaseContext &phase;
  mega::ExpertDownOp op;
  KernelBuilder &b;
  int64_t width, shards;
  Value x, firstVector, lastVector;
  Value shard; ///< null where weights are whole
};

} // namespace

void fpmoe::emit(PhaseContext &phase, mega::ExpertDownOp op, Tile tile) {
  ExpertDown(phase, op, tile[0]).emit();
}
