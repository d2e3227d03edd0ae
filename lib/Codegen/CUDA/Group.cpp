//===- Group.cpp - Groups tokens by expert --------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A warp counts the tokens of an expert, one thread gives all experts their
// blocks, and the warp puts the tokens there, in the order in which a CPU does:
// first those that have it as their best expert.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/GroupTable.h"
#include "lib/Codegen/CUDA/Emit.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

namespace {

class Group {
public:
  Group(BlockContext &block, mega::GroupOp op)
      : block(block), op(op), b(block.b), rows(block.blockRows),
        experts(op.getNumExperts()), topK(dim(op.getWeights(), 1) - 1),
        table(block, op.getGroups(),
              mega::GroupTableLayout::withGroups(
                  op.getGroups(), experts + op.getShared(), rows)),
        chosen(block.base(op.getExperts())),
        weights(block.base(op.getWeights())) {}

  void emit() {
    block.forWarps(experts, [&](Value expert) {
      Value tokens = forTokens(expert, [](Value, Value, Value, Value) {});
      block.oncePerWarp([&] { b.storeIndex(tokens, table.first, expert); });
    });
    block.sync();
    block.once([&] { assignBlocks(); });
    block.sync();
    block.forWarps(experts, [&](Value expert) {
      Value first = b.mul(b.loadIndex(table.first, expert), rows);
      forTokens(expert, [&](Value mine, Value number, Value token, Value slot) {
        b.ifThen(mine, [&] { store(b.add(first, number), token, slot); });
      });
    });
    if (!op.getShared())
      return;
    Value first = b.mul(b.loadIndex(table.first, b.i64(experts)), rows);
    block.forThreads(block.count, [&](Value token) {
      store(b.add(first, token), token, b.i64(topK));
    });
  }

private:
  /// use(whether it has the expert, its number among those that do, token, its
  /// slot in the list of experts) for all tokens and slots; returns how many
  /// have it.
  Value forTokens(Value expert,
                  function_ref<void(Value, Value, Value, Value)> use) {
    int64_t columns = dim(op.getExperts(), 1);
    return b.loop(
        b.i64(0), b.i64(topK), 1, {b.i64(0)},
        [&](Value slot, ValueRange before) -> SmallVector<Value> {
          return b.loop(
              b.i64(0), block.count, kWarpLanes, before,
              [&](Value first, ValueRange known) -> SmallVector<Value> {
                Value token = b.add(first, block.lane);
                Value isToken = b.less(token, block.count);
                Value last = b.min(token, b.sub(block.count, b.i64(1)));
                Value e =
                    b.loadIndex(chosen, b.add(b.mul(last, columns), slot));
                Value mine =
                    arith::AndIOp::create(b, isToken, b.equal(e, expert));
                Value all =
                    NVVM::VoteSyncOp::create(b, b.getI32Type(), b.i32(-1), mine,
                                             NVVM::VoteSyncKind::ballot);
                Value one =
                    arith::ShLIOp::create(b, b.i32(1), b.toI32(block.lane));
                Value below =
                    arith::AndIOp::create(b, all, b.sub(one, b.i32(1)));
                use(mine, b.add(known[0], countBits(below)), token, slot);
                return {b.add(known[0], countBits(all))};
              });
        })[0];
  }

  Value countBits(Value bits) {
    return b.toI64(LLVM::CtPopOp::create(b, bits));
  }

  /// From the numbers of tokens, the first block of each group, and how many
  /// rows of a block have a token.
  void assignBlocks() {
    auto assign = [&](Value slot, Value tokens) -> Value {
      Value end = b.add(slot, b.ceilDiv(tokens, rows));
      b.loop(slot, end, 1, [&](Value s) {
        Value left = b.sub(tokens, b.mul(b.sub(s, slot), rows));
        b.storeIndex(b.min(left, b.i64(rows)), table.count, s);
      });
      return end;
    };
    Value slot = b.loop(b.i64(0), b.i64(experts), 1, {b.i64(0)},
                        [&](Value expert, ValueRange at) -> SmallVector<Value> {
                          Value tokens = b.loadIndex(table.first, expert);
                          b.storeIndex(at[0], table.first, expert);
                          return {assign(at[0], tokens)};
                        })[0];
    b.storeIndex(slot, table.first, b.i64(experts));
    if (op.getShared())
      b.storeIndex(assign(slot, block.count), table.first, b.i64(experts + 1));
  }

  void store(Value place, Value token, Value slot) {
    b.storeIndex(token, table.token, place);
    b.storeF32(b.loadF32(weights, b.add(b.mul(token, topK + 1), slot)),
               table.weight, place);
  }

  BlockContext &block;
  mega::GroupOp op;
  KernelBuilder &b;
  int64_t rows, experts, topK;
  GroupTable table;
  Value chosen, weights;
};

} // namespace

void cuda::emit(BlockContext &block, mega::GroupOp op, Tile) {
  Group(block, op).emit();
}
