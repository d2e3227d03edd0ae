//===- LowRank.cpp - Low-rank activations behind an operand ---------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// All languages are computed, and those that a row does not have are zeroed:
// together they are a few panels, and so no row waits for another.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Heads.h"
#include "lib/Codegen/CPU/Product.h"

using namespace mlir;
using namespace fpmoe;

namespace {

class LowRank {
public:
  LowRank(PhaseContext &phase, mega::LowRankOp op, Tile tile)
      : phase(phase), op(op), b(phase.b),
        product(phase, op.getOperand(), op.getWeight()),
        number(tile.empty() ? b.i64(0) : tile[0]),
        operand(phase.block(op.getOperand(), number)) {}

  void emit() {
    int64_t behind = mega::padColumns(dim(op.getWeight(), -1));
    if (!op.getWidened())
      return emitProduct(operand, behind);
    OperandBlock widened = phase.block(op.getWidened(), number);
    int64_t shards = dim(op.getWeight(), 0);
    int64_t bytes = widened.getColumns() / shards / widened.getTogether() *
                    widened.rows.stepBytes;
    b.loop(0, shards, 1, [&](Value shard) {
      OperandBlock out = widened;
      out.rows.base = b.at(widened.rows.base, b.mul(shard, bytes));
      copyShard(out, shard, behind);
      emitProduct(out, behind, shard, b.mul(shard, behind));
    });
  }

private:
  /// The product of a shard's columns, which begin at `from`, from column
  /// `behind` on.
  void emitProduct(const OperandBlock &out, int64_t behind, Value shard = {},
                   Value from = {}) {
    int64_t rows = dim(op.getOperand(), 2);
    Value first = b.mul(number, rows);
    Value count = b.min(b.sub(phase.count, first), b.i64(rows));
    // Rows without a token have no sums; those of a token have whole vectors.
    int64_t vectors = product.getLayout().vectors();
    out.clear(count, b.i64(rows), behind, behind + vectors * kLanes);
    Product::Columns all{
        b.i64(0), b.i64(vectors), /*unit=*/1, vectors, {}, {}, 0, from};
    product.emit(number, count, shard, all,
                 [&](Value row, Value vector, ArrayRef<Value> sums) {
                   auto [begin, end] = findRange(b.add(first, row));
                   for (auto [v, sum] : llvm::enumerate(sums)) {
                     Value column = b.mul(b.add(vector, v), kLanes);
                     Value kept =
                         isKept(b.add(b.splat(column), b.iota()), begin, end);
                     out.store(b.select(kept, sum, b.f32Splat(0.0f)), row,
                               b.add(column, behind));
                   }
                 });
  }

  /// Copies a shard's columns, of all rows: either these lie together, or each
  /// does.
  void copyShard(const OperandBlock &out, Value shard, int64_t columns) {
    int64_t rows = dim(op.getOperand(), 2);
    int64_t stepBytes = operand.rows.stepBytes;
    int64_t steps = columns / operand.getTogether();
    Value from = b.at(operand.rows.base, b.mul(shard, steps * stepBytes));
    bool areTogether = operand.rows.rowBytes * rows == stepBytes;
    b.loop(0, areTogether ? 1 : rows, 1, [&](Value row) {
      Value offset = b.mul(row, operand.rows.rowBytes);
      emitCopy(b, b.at(from, offset),
               b.at(out.rows.base, b.mul(row, out.rows.rowBytes)),
               steps * stepBytes / 4);
    });
  }

  /// Whether columns are every token's, or in the range of the language.
  Value isKept(Value columns, Value begin, Value end) {
    auto below = [&](Value bound) -> Value {
      return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, columns,
                                   b.splat(bound));
    };
    auto from = [&](Value bound) -> Value {
      return arith::CmpIOp::create(b, arith::CmpIPredicate::sge, columns,
                                   b.splat(bound));
    };
    Value own = arith::AndIOp::create(b, from(begin), below(end));
    return arith::OrIOp::create(b, own, below(b.i64(op.getRanks().front())));
  }

  /// The range of columns that the token's language has.
  std::pair<Value, Value> findRange(Value token) {
    Value language = phase.elementOrNone(op.getLanguages(), token);
    Value begin = b.i64(0), end = b.i64(0);
    int64_t at = 0;
    for (auto [i, rank] : llvm::enumerate(op.getRanks())) {
      if (i > 0) {
        Value mine = b.equal(language, b.i64(i - 1));
        begin = b.select(mine, b.i64(at), begin);
        end = b.select(mine, b.i64(at + rank), end);
      }
      at += rank;
    }
    return {begin, end};
  }

  PhaseContext &phase;
  mega::LowRankOp op;
  KernelBuilder &b;
  Product product;
  Value number;
  OperandBlock operand;
};

} // namespace

void fpmoe::emit(PhaseContext &phase, mega::LowRankOp op, Tile tile) {
  LowRank(phase, op, tile).emit();
}
