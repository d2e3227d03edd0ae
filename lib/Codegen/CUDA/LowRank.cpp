//===- LowRank.cpp - Low-rank activations behind an operand ---------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// All languages are computed, and those that a row does not have are zeroed.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CUDA/Emit.h"
#include "lib/Codegen/CUDA/Product.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

/// The product of a shard's columns, which begin at `from`, from column
/// `behind` of `out` on.
static void emitProduct(BlockContext &block, mega::LowRankOp op, Value number,
                        const OperandBlock &out, Value shard = {},
                        Value from = {}) {
  KernelBuilder &b = block.b;
  Product product(block, op.getOperand(), op.getWeight());
  int64_t rows = dim(op.getOperand(), 2);
  int64_t behind = mega::padColumns(dim(op.getWeight(), -1));
  int64_t vectors = product.getLayout().vectors();
  Value first = b.mul(number, rows);
  Value count = b.min(b.sub(block.count, first), b.i64(rows));
  block.clear(out, count, b.i64(rows), behind, behind + vectors * kLanes);
  Product::Columns all{b.i64(0), b.i64(vectors), /*unit=*/1,
                       vectors,  /*apart=*/1,    from};
  product.emit(
      number, count, shard, all,
      [&](Value row, Value vector, Value lane, ArrayRef<Value> sums) {
        Value column = b.add(b.mul(vector, kLanes), lane);
        Value language =
            block.elementOrNone(op.getLanguages(), b.add(first, row));
        // The first columns are every token's.
        Value kept = b.less(column, b.i64(op.getRanks().front()));
        int64_t at = op.getRanks().front();
        for (auto [i, rank] : llvm::enumerate(op.getRanks().drop_front())) {
          Value inRange =
              arith::AndIOp::create(b, b.less(b.i64(at - 1), column),
                                    b.less(column, b.i64(at + rank)));
          kept = arith::OrIOp::create(
              b, kept,
              arith::AndIOp::create(b, inRange, b.equal(language, b.i64(i))));
          at += rank;
        }
        block.store(b.select(kept, sums[0], b.f32(0.0f)), out, row,
                    b.add(column, behind));
      });
}

void cuda::emit(BlockContext &block, mega::LowRankOp op, Tile tile) {
  KernelBuilder &b = block.b;
  Value number = tile.empty() ? b.i64(0) : tile[0];
  OperandBlock operand = block.block(op.getOperand(), number);
  if (!op.getWidened())
    return emitProduct(block, op, number, operand);
  OperandBlock widened = block.block(op.getWidened(), number);
  int64_t shards = dim(op.getWeight(), 0);
  int64_t columns = mega::padColumns(dim(op.getWeight(), -1));
  int64_t steps = widened.getColumns() / shards / widened.getTogether();
  Type element = operand.getElement();
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  b.loop(0, shards, 1, [&](Value shard) {
    OperandBlock out = widened;
    out.rows.base =
        b.at(out.rows.base, b.mul(shard, steps * out.rows.stepBytes));
    Value from = b.mul(shard, columns);
    block.forThreads(columns * dim(op.getOperand(), 2), [&](Value i) {
      Value row = b.div(i, columns), column = b.rem(i, columns);
      Value x = b.load(
          element, block.elementAt(operand, row, b.add(column, from)), bytes);
      b.store(x, block.elementAt(out, row, column), bytes);
    });
    emitProduct(block, op, number, out, shard, from);
  });
}
