//===- ExpertDown.cpp - Second product of the experts ---------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A tile owns columns of the activations and adds to them what every expert
// gives, the shared one first, then the routed ones in their order. The whole
// of K is summed at once: the op's `depth` is for caches.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/ChosenExperts.h"
#include "lib/Codegen/CPU/GroupTable.h"
#include "lib/Codegen/CUDA/Emit.h"
#include "lib/Codegen/CUDA/Product.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

namespace {

class ExpertDown {
public:
  ExpertDown(BlockContext &block, mega::ExpertDownOp op, Value tile)
      : block(block), op(op), b(block.b), width(dim(op.getX(), -1)),
        shards(getShards(op.getX())), x(block.base(op.getX())) {
    int64_t vectors = width / kLanes;
    TileOfShard of =
        getTileOfShard(block, shards, vectors, op.getVectors(), tile);
    shard = of.shard;
    if (shard)
      x = b.at(x, b.mul(shard, dim(op.getX(), 1) * width * 4));
    columns.first = b.mul(of.number, op.getVectors());
    columns.last = b.min(b.add(columns.first, op.getVectors()), b.i64(vectors));
    columns.unit = 1;
    columns.most = std::min<int64_t>(op.getVectors(), vectors);
  }

  void emit() {
    if (shard)
      clear();
    op.getGroups() ? emitMany() : emitOne();
  }

private:
  /// Sums of shards begin with zero.
  void clear() {
    Value first = b.mul(columns.first, kLanes);
    Value some = b.sub(b.mul(columns.last, kLanes), first);
    b.loop(b.i64(0), block.count, 1, [&](Value token) {
      Value row = b.add(b.mul(token, width), first);
      block.forThreads(
          some, [&](Value i) { b.storeF32(b.f32(0.0f), x, b.add(row, i)); });
    });
    block.sync();
  }

  /// One token: the experts that it has chosen, the lowest number first.
  void emitOne() {
    int64_t slots = dim(op.getAct(), 0);
    int64_t topK = slots - (op.getSharedDown() ? 1 : 0);
    auto addOf = [&](Value weight, Value expert, Value slot) {
      Product product = makeProduct(weight);
      add(product, slot, b.i64(1), expert, [&](Value) { return b.i64(0); });
    };
    if (op.getSharedDown())
      addOf(op.getSharedDown(), {}, b.i64(topK));
    if (!topK)
      return;
    emitInOrder(block, op.getExperts(), topK, [&](Value expert, Value slot) {
      addOf(op.getDown(), expert, slot);
    });
  }

  /// Many tokens: expert by expert, block by block.
  void emitMany() {
    int64_t experts = op.getDown() ? dim(op.getDown(), 0) : 0;
    GroupTable table(block, op.getGroups(),
                     mega::GroupTableLayout::withGroups(
                         op.getGroups(), experts + (op.getSharedDown() ? 1 : 0),
                         block.blockRows));
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
    Product product = makeProduct(weight);
    b.loop(firstSlot, lastSlot, 1, [&](Value slot) {
      Value tokens = b.at(table.token, b.mul(slot, block.blockRows * 4));
      add(product, slot, b.loadIndex(table.count, slot), expert,
          [&](Value row) { return b.loadIndex(tokens, row); });
    });
  }

  /// Of the tile's shard, if there are some.
  Product makeProduct(Value weight) {
    Product product(block, op.getAct(), weight);
    const mega::PackedLayout &layout = product.getLayout();
    if (shard)
      columns.operandDepth = b.mul(shard, layout.depth * layout.k);
    return product;
  }

  void add(Product &product, Value number, Value count, Value expert,
           function_ref<Value(Value)> tokenOf) {
    Value matrix = expert;
    if (shard)
      matrix = expert ? b.add(b.mul(expert, shards), shard) : shard;
    product.emit(
        number, count, matrix, columns,
        [&](Value row, Value vector, Value lane, ArrayRef<Value> sums) {
          Value column = b.add(b.mul(vector, kLanes), lane);
          Value place =
              b.at(x, b.mul(b.add(b.mul(tokenOf(row), width), column), 4));
          b.store(b.fadd(b.load(b.getF32Type(), place), sums[0]), place);
        });
  }

  BlockContext &block;
  mega::ExpertDownOp op;
  KernelBuilder &b;
  int64_t width, shards = 1;
  Value x, shard;
  Product::Columns columns;
};

} // namespace

void cuda::emit(BlockContext &block, mega::ExpertDownOp op, Tile tile) {
  ExpertDown(block, op, tile[0]).emit();
}
