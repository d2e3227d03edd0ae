//===- Quantize.cpp - Rows rounded to integers ----------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A warp rounds a group, a lane an element of it; some groups are on their way
// together.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CUDA/Emit.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;
using mega::kGroupElements;

static_assert(kGroupElements == kWarpLanes);

namespace {

class Quantize {
public:
  Quantize(BlockContext &block, mega::QuantizeOp op)
      : block(block), op(op), b(block.b) {}

  void emit(Value number) {
    OperandBlock from = block.block(op.getRows(), number);
    OperandBlock to = block.block(op.getOperand(), number);
    int64_t shards = op.getShards();
    int64_t tail = mega::padColumns(op.getTail());
    int64_t main = from.getColumns() / shards - tail;
    int64_t groups = llvm::divideCeil(op.getColumns(), kGroupElements);
    int64_t firstOfTail = llvm::divideCeil(main, kGroupElements);
    int64_t ofShard = firstOfTail + llvm::divideCeil(tail, kGroupElements);
    for (int64_t shard = 0; shard < shards; ++shard) {
      int64_t column = shard * (main + tail), group = shard * ofShard;
      emitGroups(from, to.rows, column, op.getColumns(), group, groups);
      if (tail)
        emitGroups(from, to.rows, column + main, op.getTail(),
                   group + firstOfTail,
                   llvm::divideCeil(op.getTail(), kGroupElements));
    }
  }

private:
  /// Columns of all rows from `column` on, as groups from `group` on.
  void emitGroups(const OperandBlock &from, const OperandRows &to,
                  int64_t column, int64_t columns, int64_t group,
                  int64_t groups) {
    int64_t rows = dim(op.getRows(), 2);
    auto load = [&](Value i) -> Value {
      Value row = b.div(i, groups), g = b.rem(i, groups);
      Value number = b.add(b.mul(g, kGroupElements), block.lane);
      // Whatever stands behind the last column counts as zero.
      Value last = b.min(number, b.i64(columns - 1));
      Value x = b.load(b.getF32Type(),
                       block.elementAt(from, row, b.add(last, column)));
      return b.select(b.less(number, b.i64(columns)), x, b.f32(0.0f));
    };
    auto emitSome = [&](Value first, int64_t some) {
      SmallVector<Value> loaded;
      for (int64_t u = 0; u < some; ++u)
        loaded.push_back(load(b.add(first, u * kWarps)));
      for (int64_t u = 0; u < some; ++u) {
        Value i = b.add(first, u * kWarps);
        Value row = b.div(i, groups), g = b.rem(i, groups);
        emitGroup(loaded[u], b.at(b.at(to.base, b.mul(row, to.rowBytes)),
                                  b.mul(b.add(g, group), to.stepBytes)));
      }
    };
    constexpr int64_t kGroups = 8;
    int64_t all = rows * groups, lot = kGroups * kWarps;
    int64_t whole = all / lot * lot;
    b.loop(block.warp, b.i64(whole), lot,
           [&](Value first) { emitSome(first, kGroups); });
    b.loop(b.add(block.warp, whole), b.i64(all), kWarps,
           [&](Value first) { emitSome(first, 1); });
  }

  void emitGroup(Value x, Value to) {
    // The largest, by the bits: what is no number is larger than all that are.
    Value bits = arith::AndIOp::create(
        b, arith::BitcastOp::create(b, b.getI32Type(), x), b.i32(INT32_MAX));
    bits = block.overWarp(bits, [&](Value p, Value q) -> Value {
      return arith::MaxUIOp::create(b, p, q);
    });
    Value most = arith::BitcastOp::create(b, b.getF32Type(), bits);
    // Ordered: false of what is no number.
    Value isUsual = arith::CmpFOp::create(b, arith::CmpFPredicate::OGE, most,
                                          b.f32(0x1p-100f));
    Value inverse = b.select(isUsual, b.fdiv(b.f32(127.0f), most), b.f32(0.0f));
    // Adding 1.5 * 2^23 rounds to the nearest integer, in the lower bits.
    Value shifted = b.fadd(b.fmul(x, inverse), b.f32(12582912.0f));
    Value q = b.sub(arith::BitcastOp::create(b, b.getI32Type(), shifted),
                    b.i32(0x4b400000));
    b.store(arith::TruncIOp::create(b, b.getI8Type(), q), b.at(to, block.lane),
            /*align=*/1);
    Value sum =
        block.overWarp(q, [&](Value p, Value q) { return b.add(p, q); });
    block.oncePerWarp([&] {
      b.store(b.fmul(most, b.f32(1.0f / 127.0f)),
              b.at(to, mega::kGroupScaleAt));
      b.store(arith::ShLIOp::create(b, sum, b.i32(3)),
              b.at(to, mega::kGroupSumAt));
    });
  }

  BlockContext &block;
  mega::QuantizeOp op;
  KernelBuilder &b;
};

} // namespace

void cuda::emit(BlockContext &block, mega::QuantizeOp op, Tile tile) {
  Quantize quantize(block, op);
  if (!tile.empty())
    return quantize.emit(tile[0]);
  block.b.loop(0, dim(op.getRows(), 0), 1,
               [&](Value number) { quantize.emit(number); });
}
