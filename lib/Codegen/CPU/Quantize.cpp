//===- Quantize.cpp - Rows rounded to integers ----------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Phase.h"
#include "lib/Codegen/Formats/Integers.h"

using namespace mlir;
using namespace fpmoe;
using mega::kGroupElements;

namespace {

class Quantize {
public:
  Quantize(PhaseContext &phase, mega::QuantizeOp op)
      : phase(phase), op(op), b(phase.b) {}

  void emit(Value number) {
    OperandBlock from = phase.block(op.getRows(), number);
    OperandBlock to = phase.block(op.getOperand(), number);
    int64_t tail = mega::padColumns(op.getTail());
    int64_t main = from.getColumns() / op.getShards() - tail;
    int64_t first = llvm::divideCeil(main, kGroupElements);
    int64_t groups = first + llvm::divideCeil(tail, kGroupElements);
    auto emitShard = [&](Value row, Value shard) {
      Value source = b.at(from.rows.base, b.mul(row, from.rows.rowBytes));
      Value place = b.at(to.rows.base, b.mul(row, to.rows.rowBytes));
      if (shard) {
        source =
            b.at(source, b.mul(shard, (main + tail) * from.rows.stepBytes));
        place = b.at(place, b.mul(shard, groups * to.rows.stepBytes));
      }
      emitGroups(source, from.rows.stepBytes, op.getColumns(), place,
                 to.rows.stepBytes);
      if (tail)
        emitGroups(b.at(source, main * from.rows.stepBytes),
                   from.rows.stepBytes, op.getTail(),
                   b.at(place, first * to.rows.stepBytes), to.rows.stepBytes);
    };
    b.loop(0, dim(op.getRows(), 2), 1, [&](Value row) {
      if (op.getShards() == 1)
        return emitShard(row, {});
      b.loop(0, op.getShards(), 1, [&](Value shard) { emitShard(row, shard); });
    });
  }

private:
  /// Columns of a row from the start of a group on.
  void emitGroups(Value source, int64_t columnBytes, int64_t columns, Value to,
                  int64_t groupBytes) {
    int64_t whole = columns / kGroupElements;
    auto load = [&](Value group, int64_t at) -> Value {
      Value from = b.at(source, b.mul(group, kGroupElements * columnBytes));
      from = b.at(from, at * columnBytes);
      if (columnBytes == 4)
        return b.loadLanes(from);
      Value lanes = b.f32Splat(0.0f);
      for (int64_t i = 0; i < kLanes; ++i)
        lanes = vector::InsertOp::create(
            b, b.load(b.getF32Type(), b.at(from, i * columnBytes)), lanes, i);
      return lanes;
    };
    b.loop(0, whole, 1, [&](Value group) {
      emitGroup(load(group, 0), load(group, kLanes),
                b.at(to, b.mul(group, groupBytes)));
    });
    int64_t left = columns % kGroupElements;
    if (!left)
      return;
    // 16 columns from `at` on, zeros behind the last.
    auto loadLast = [&](int64_t at) {
      return left > at ? keep(load(b.i64(whole), at), left - at)
                       : b.f32Splat(0.0f);
    };
    emitGroup(loadLast(0), loadLast(kLanes), b.at(to, whole * groupBytes));
  }

  /// The first `count` lanes; the others become zero, whatever they are.
  Value keep(Value lanes, int64_t count) {
    SmallVector<bool> kept;
    for (int64_t i = 0; i < kLanes; ++i)
      kept.push_back(i < count);
    Value mask = arith::ConstantOp::create(
        b, DenseElementsAttr::get(b.lanes(b.getI1Type()), kept));
    return b.select(mask, lanes, b.f32Splat(0.0f));
  }

  void emitGroup(Value low, Value high, Value to) {
    // The largest, by the bits: what is no number is larger than all that are.
    VectorType lanes = b.lanes(b.getI32Type());
    auto splat = [&](int32_t value) -> Value {
      return arith::ConstantOp::create(b, DenseElementsAttr::get(lanes, value));
    };
    auto magnitude = [&](Value x) -> Value {
      return arith::AndIOp::create(b, arith::BitcastOp::create(b, lanes, x),
                                   splat(INT32_MAX));
    };
    Value largest = arith::MaxUIOp::create(b, magnitude(low), magnitude(high));
    Value bits =
        vector::ReductionOp::create(b, vector::CombiningKind::MAXUI, largest);
    Value most = arith::BitcastOp::create(b, b.getF32Type(), bits);
    // Ordered: false of what is no number.
    Value isUsual = arith::CmpFOp::create(b, arith::CmpFPredicate::OGE, most,
                                          b.f32(0x1p-100f));
    Value inverse =
        b.splat(b.select(isUsual, b.fdiv(b.f32(127.0f), most), b.f32(0.0f)));
    // Adding 1.5 * 2^23 rounds to the nearest integer, in the lower bits.
    auto round = [&](Value x) -> Value {
      Value sum = b.fadd(b.fmul(x, inverse), b.f32Splat(12582912.0f));
      return arith::SubIOp::create(b, arith::BitcastOp::create(b, lanes, sum),
                                   splat(0x4b400000));
    };
    Value first = round(low), second = round(high);
    auto store = [&](Value q, int64_t at) {
      b.store(arith::TruncIOp::create(b, b.lanes(b.getI8Type()), q),
              b.at(to, at), /*align=*/4);
    };
    store(first, 0);
    store(second, kLanes);
    b.store(b.fmul(most, b.f32(1.0f / 127.0f)), b.at(to, mega::kGroupScaleAt));
    Value sum = vector::ReductionOp::create(
        b, vector::CombiningKind::ADD, arith::AddIOp::create(b, first, second));
    if (!WordDot::isShort(b.target))
      return b.store(arith::ShLIOp::create(b, sum, b.i32(3)),
                     b.at(to, mega::kGroupSumAt));
    Value half =
        arith::TruncIOp::create(b, b.getI16Type(), b.mul(sum, b.i32(-4)));
    b.store(vector::BroadcastOp::create(b, VectorType::get({2}, b.getI16Type()),
                                        half),
            b.at(to, mega::kGroupSumAt));
  }

  PhaseContext &phase;
  mega::QuantizeOp op;
  KernelBuilder &b;
};

} // namespace

void fpmoe::emit(PhaseContext &phase, mega::QuantizeOp op, Tile tile) {
  Quantize quantize(phase, op);
  if (!tile.empty())
    return quantize.emit(tile[0]);
  phase.b.loop(0, dim(op.getRows(), 0), 1,
               [&](Value number) { quantize.emit(number); });
}
