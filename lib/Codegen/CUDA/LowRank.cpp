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

void cuda::emit(BlockContext &block, mega::LowRankOp op, Tile tile) {
  KernelBuilder &b = block.b;
  Product product(block, op.getOperand(), op.getWeight());
  Value number = tile.empty() ? b.i64(0) : tile[0];
  int64_t rows = dim(op.getOperand(), 2);
  int64_t behind = mega::padColumns(dim(op.getWeight(), 1));
  int64_t vectors = product.getLayout().vectors();
  Value first = b.mul(number, rows);
  Value count = b.min(b.sub(block.count, first), b.i64(rows));
  OperandBlock operand = block.block(op.getOperand(), number);
  block.clear(operand, count, b.i64(rows), behind, operand.getColumns());
  Product::Columns all{b.i64(0), b.i64(vectors), /*unit=*/1, vectors};
  product.emit(
      number, count, /*matrix=*/{}, all,
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
        block.store(b.select(kept, sums[0], b.f32(0.0f)), operand, row,
                    b.add(column, behind));
      });
}
