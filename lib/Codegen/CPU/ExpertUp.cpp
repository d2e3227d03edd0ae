//===- ExpertUp.cpp - First product of the experts ------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Tiles of the shared expert and of the routed ones form one space, so that no
// worker waits for an expert with few tokens.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/GroupTable.h"
#include "lib/Codegen/CPU/Product.h"

using namespace mlir;
using namespace fpmoe;

namespace {

class ExpertUp {
public:
  ExpertUp(PhaseContext &phase, mega::ExpertUpOp op, Value tile)
      : phase(phase), op(op), b(phase.b), tile(tile),
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
    Product::Columns columns{
        first,      b.min(b.add(first, perTile), b.i64(vectors)),
        /*unit=*/2, std::min(perTile, vectors),
        {},         {},
        0};
    Product product(phase, op.getOperand(), weight);
    if (op.getGroups())
      return emitMany(product, turn, columns);
    emitOne(product, turn, columns);
  }

  /// One token: block j is its j-th expert's, the last one the shared one's.
  void emitOne(Product &product, Value turn, const Product::Columns &columns) {
    int64_t topK = dim(op.getWeights(), 1) - 1;
    Value slot = turn ? turn : b.i64(topK), expert;
    auto emitProduct = [&] {
      Value weight = b.loadF32(phase.base(op.getWeights()), slot);
      OperandBlock act = phase.block(op.getAct(), slot);
      emitRows(product, b.i64(0), b.i64(1), expert, columns, act,
               [&](Value) { return weight; });
      clearBehind(product, columns, act, 1);
    };
    if (!turn)
      return emitProduct();
    // A negative expert is none: its block is not read either.
    expert = b.loadIndex(phase.base(op.getExperts()), turn);
    b.ifThen(b.less(b.i64(-1), expert), emitProduct);
  }

  /// Many tokens: the tile goes over the blocks of its expert.
  void emitMany(Product &product, Value expert,
                const Product::Columns &columns) {
    int64_t rows = phase.blockRows;
    int64_t experts = op.getGateUp() ? dim(op.getGateUp(), 0) : 0;
    GroupTable table(
        phase, op.getGroups(),
        mega::GroupTableLayout::withGroups(
            op.getGroups(), experts + (op.getSharedGateUp() ? 1 : 0), rows));
    Value group = expert ? expert : b.i64(experts);
    Value firstSlot = b.loadIndex(table.first, group);
    Value lastSlot = b.loadIndex(table.first, b.add(group, 1));
    b.loop(firstSlot, lastSlot, 1, [&](Value slot) {
      Value weights = b.at(table.weight, b.mul(slot, rows * 4));
      OperandBlock act = phase.block(op.getAct(), slot);
      Value count = b.loadIndex(table.count, slot);
      emitRows(product, slot, count, expert, columns, act,
               [&](Value row) { return b.loadF32(weights, row); });
      // The next product may read rows that have no token.
      Value zero = b.f32Splat(0.0f);
      b.loop(count, b.i64(rows), 1, [&](Value row) {
        b.loop(columns.first, columns.last, 2, [&](Value vector) {
          act.store(zero, row, b.mul(b.div(vector, 2), kLanes));
        });
      });
      clearBehind(product, columns, act, rows);
    });
  }

  /// Sets to zero what follows in a group of integers behind the last columns
  /// of an expert that is narrower than others.
  void clearBehind(Product &product, const Product::Columns &columns,
                   const OperandBlock &act, int64_t rows) {
    int64_t vectors = product.getLayout().vectors();
    int64_t width = vectors / 2 * kLanes;
    int64_t end = llvm::alignTo(width, mega::kGroupElements);
    if (end > width && end <= act.getColumns())
      b.ifThen(b.equal(columns.last, b.i64(vectors)),
               [&] { act.clear(b.i64(0), b.i64(rows), width, end); });
  }

  void emitRows(Product &product, Value block, Value count, Value expert,
                const Product::Columns &columns, const OperandBlock &act,
                function_ref<Value(Value)> weightOf) {
    product.emit(block, count, expert, columns,
                 [&](Value row, Value vector, ArrayRef<Value> sums) {
                   Value weight = b.splat(weightOf(row));
                   for (size_t v = 0; v < sums.size(); v += 2) {
                     Value gate = sums[v], up = sums[v + 1];
                     Value active = b.fmul(b.fmul(gate, b.sigmoid(gate)), up);
                     Value column = b.mul(b.div(b.add(vector, v), 2), kLanes);
                     act.store(b.fmul(active, weight), row, column);
                   }
                 });
  }

  PhaseContext &phase;
  mega::ExpertUpOp op;
  KernelBuilder &b;
  Value tile;
  int64_t sharedTiles, routedTiles; ///< of one expert
};

} // namespace

void fpmoe::emit(PhaseContext &phase, mega::ExpertUpOp op, Tile tile) {
  ExpertUp(phase, op, tile[0]).emit();
}
