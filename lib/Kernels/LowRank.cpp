//===- LowRank.cpp - Low-rank activations behind an operand ---------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// All languages are computed, and those that a row does not have are zeroed:
// together they are a few panels, and so no row waits for another.
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Dot.h"
#include "lib/Kernels/Phase.h"

using namespace mlir;
using namespace fpmoe;

namespace {

class LowRank {
public:
  LowRank(PhaseContext &phase, mega::LowRankOp op, Tile tile)
      : phase(phase), op(op), b(phase.b), rows(phase.info.rows),
        steps(dim(op.getWeight(), 1)), panels(dim(op.getWeight(), 0)),
        block(tile.empty() ? b.i64(0) : tile[0]), first(b.mul(block, rows)),
        operand(phase.rowsOfBlock(op.getOperand(), block, steps)) {}

  void emit() {
    fillUp();
    Value left = b.min(b.sub(phase.count, first), b.i64(rows));
    phase.withRows(left, rows, [&](int64_t r) { emitRows(left, r); });
  }

private:
  /// Between the columns and what stands behind them there are zeros: whoever
  /// made the operand may have left anything there.
  void fillUp() {
    int64_t step = phase.info.bf16 ? 2 : 1;
    int64_t from = llvm::divideCeil(op.getColumns(), step);
    int64_t to = roundUpToPanel(op.getColumns()) / step;
    if (from == to)
      return;
    b.loop(b.i64(0), b.i64(rows), 1, [&](Value r) {
      Value row = b.at(operand.base, b.mul(r, operand.rowBytes));
      for (int64_t i = from; i < to; ++i)
        b.store(b.i32(0), b.at(row, i * operand.stepBytes));
    });
  }

  void emitRows(Value left, int64_t r) {
    Value weight = phase.weight(op.getWeight());
    SmallVector<Value> begins, ends;
    for (int64_t i = 0; i < r; ++i)
      findRange(b.min(b.add(first, i), b.sub(phase.count, b.i64(1))), begins,
                ends);
    b.loop(b.i64(0), b.i64(panels), 1, [&](Value panel) {
      DotSums sums = emitDot(
          b, phase.info.bf16, r, operand,
          {b.at(weight, b.mul(panel, steps * kPanelStepBytes))}, b.i64(steps));
      Value columns = b.add(b.splat(b.mul(panel, kLanes)), iota());
      Value chunk = b.add(panel, roundUpToPanel(op.getColumns()) / kLanes);
      for (int64_t i = 0; i < r; ++i)
        b.ifThen(b.less(b.i64(i), left), [&] {
          Value kept = b.select(isKept(columns, begins[i], ends[i]), sums[i],
                                b.f32Splat(0.0f));
          storePacked(b, phase.info.bf16, kept,
                      b.at(operand.base, i * operand.rowBytes), chunk,
                      operand.stepBytes);
        });
    });
  }

  Value iota() {
    auto numbers = llvm::to_vector(llvm::seq<int64_t>(0, kLanes));
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(b.lanes(b.getI64Type()),
                                  ArrayRef<int64_t>(numbers)));
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

  /// Appends the range of columns that the token's language has.
  void findRange(Value token, SmallVectorImpl<Value> &begins,
                 SmallVectorImpl<Value> &ends) {
    Value languages = phase.pointerField(offsetof(FpmoeStep, languages));
    Value null = LLVM::ZeroOp::create(b, b.ptrType());
    Value known =
        LLVM::ICmpOp::create(b, LLVM::ICmpPredicate::ne, languages, null);
    auto load = scf::IfOp::create(b, TypeRange{b.getI64Type()}, known,
                                  /*withElseRegion=*/true);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(&load.getThenRegion().front());
      scf::YieldOp::create(b, ValueRange{b.loadIndex(languages, token)});
      b.setInsertionPointToStart(&load.getElseRegion().front());
      scf::YieldOp::create(b, ValueRange{b.i64(-1)});
    }
    Value language = load.getResult(0), begin = b.i64(0), end = b.i64(0);
    int64_t at = 0;
    for (auto [i, rank] : llvm::enumerate(op.getRanks())) {
      if (i > 0) {
        Value mine = b.equal(language, b.i64(i - 1));
        begin = b.select(mine, b.i64(at), begin);
        end = b.select(mine, b.i64(at + rank), end);
      }
      at += rank;
    }
    begins.push_back(begin);
    ends.push_back(end);
  }

  PhaseContext &phase;
  mega::LowRankOp op;
  KernelBuilder &b;
  int64_t rows, steps, panels;
  Value block, first;
  DotRows operand;
};

} // namespace

void fpmoe::emitLowRank(PhaseContext &phase, mega::LowRankOp op, Tile tile) {
  LowRank(phase, op, tile).emit();
}
