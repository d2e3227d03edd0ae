//===- ExpertUp.cpp - First product of the experts ------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Tiles of the shared expert and of the routed ones form one space.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/GroupTable.h"
#include "lib/Codegen/CUDA/Emit.h"
#include "lib/Codegen/CUDA/Product.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

namespace {

class ExpertUp {
public:
  ExpertUp(BlockContext &block, mega::ExpertUpOp op, Value tile)
      : block(block), op(op), b(block.b), tile(tile),
        sharedTiles(tilesOf(op.getSharedGateUp())),
        routedTiles(tilesOf(op.getGateUp())) {}

  void emit() {
    if (!sharedTiles || !routedTiles)
      return emitExperts(/*shared=*/routedTiles == 0, tile);
    b.ifThen(
        b.less(tile, b.i64(sharedTiles)), [&] { emitExperts(true, tile); },
        [&] { emitExperts(false, b.sub(tile, b.i64(sharedTiles))); });
  }

private:
  static int64_t vectorsOf(Value weight) {
    return mega::PackedLayout(cast<RankedTensorType>(weight.getType()))
        .vectors();
  }
  int64_t tilesOf(Value weight) {
    return weight ? llvm::divideCeil(vectorsOf(weight), 2 * op.getPairs()) : 0;
  }

  /// A tile of the shared expert, or of the routed ones.
  void emitExperts(bool shared, Value number) {
    Value weight = shared ? op.getSharedGateUp() : op.getGateUp();
    int64_t vectors = vectorsOf(weight), perTile = 2 * op.getPairs();
    Value turn, chunk = number;
    if (!shared) {
      turn = b.div(number, routedTiles);
      chunk = b.rem(number, routedTiles);
    }
    Value first = b.mul(chunk, perTile);
    Product::Columns columns{first,
                             b.min(b.add(first, perTile), b.i64(vectors)),
                             /*unit=*/2, std::min(perTile, vectors)};
    Product product(block, op.getOperand(), weight);
    if (op.getGroups())
      return emitMany(product, turn, columns);
    emitOne(product, turn, columns);
  }

  /// One token: block j is its j-th expert's, the last one the shared one's.
  void emitOne(Product &product, Value turn, const Product::Columns &columns) {
    int64_t topK = dim(op.getWeights(), 1) - 1;
    Value slot = turn ? turn : b.i64(topK), expert;
    auto emitProduct = [&] {
      Value weight = b.loadF32(block.base(op.getWeights()), slot);
      OperandBlock act = block.block(op.getAct(), slot);
      emitRows(product, b.i64(0), b.i64(1), expert, columns, act,
               [&](Value) { return weight; });
      clearBehind(product, columns, act, 1);
    };
    if (!turn)
      return emitProduct();
    // A negative expert is none: its block is not read either.
    expert = b.loadIndex(block.base(op.getExperts()), turn);
    b.ifThen(b.less(b.i64(-1), expert), emitProduct);
  }

  /// Many tokens: the tile goes over the blocks of its expert.
  void emitMany(Product &product, Value expert,
                const Product::Columns &columns) {
    int64_t rows = block.blockRows;
    int64_t experts = op.getGateUp() ? dim(op.getGateUp(), 0) : 0;
    GroupTable table(
        block, op.getGroups(),
        mega::GroupTableLayout::withGroups(
            op.getGroups(), experts + (op.getSharedGateUp() ? 1 : 0), rows));
    Value group = expert ? expert : b.i64(experts);
    Value firstSlot = b.loadIndex(table.first, group);
    Value lastSlot = b.loadIndex(table.first, b.add(group, 1));
    b.loop(firstSlot, lastSlot, 1, [&](Value slot) {
      Value weights = b.at(table.weight, b.mul(slot, rows * 4));
      OperandBlock act = block.block(op.getAct(), slot);
      Value count = b.loadIndex(table.count, slot);
      emitRows(product, slot, count, expert, columns, act,
               [&](Value row) { return b.loadF32(weights, row); });
      // The next product reads rows that have no token, too.
      Value width = b.mul(b.div(b.sub(columns.last, columns.first), 2), kLanes);
      Value from = b.mul(b.div(columns.first, 2), kLanes);
      block.forThreads(b.mul(b.sub(b.i64(rows), count), width), [&](Value i) {
        Value row = b.add(count, arith::DivUIOp::create(b, i, width));
        Value column = arith::RemUIOp::create(b, i, width);
        block.store(b.f32(0.0f), act, row, b.add(from, column));
      });
      clearBehind(product, columns, act, rows);
    });
  }

  /// Sets to zero what follows behind the last columns of an expert that is
  /// narrower than others: the rows become integers as wide as the widest.
  void clearBehind(Product &product, const Product::Columns &columns,
                   const OperandBlock &act, int64_t rows) {
    int64_t vectors = product.getLayout().vectors();
    int64_t width = vectors / 2 * kLanes, end = act.getColumns();
    if (end > width)
      b.ifThen(b.equal(columns.last, b.i64(vectors)),
               [&] { block.clear(act, b.i64(0), b.i64(rows), width, end); });
  }

  void emitRows(Product &product, Value number, Value count, Value expert,
                const Product::Columns &columns, const OperandBlock &act,
                function_ref<Value(Value)> weightOf) {
    product.emit(
        number, count, expert, columns,
        [&](Value row, Value vector, Value lane, ArrayRef<Value> sums) {
          Value gate = sums[0], up = sums[1];
          Value active = b.fmul(b.fmul(gate, b.sigmoid(gate)), up);
          Value column = b.add(b.mul(b.div(vector, 2), kLanes), lane);
          block.store(b.fmul(active, weightOf(row)), act, row, column);
        });
  }

  BlockContext &block;
  mega::ExpertUpOp op;
  KernelBuilder &b;
  Value tile;
  int64_t sharedTiles, routedTiles; ///< of one expert
};

} // namespace

void cuda::emit(BlockContext &block, mega::ExpertUpOp op, Tile tile) {
  ExpertUp(block, op, tile[0]).emit();
}
