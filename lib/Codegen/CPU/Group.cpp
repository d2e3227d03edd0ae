//===- Group.cpp - Groups tokens by expert --------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/GroupTable.h"

using namespace mlir;
using namespace fpmoe;

void fpmoe::emit(PhaseContext &phase, mega::GroupOp op, Tile) {
  KernelBuilder &b = phase.b;
  int64_t rows = phase.blockRows, experts = op.getNumExperts();
  int64_t topK = dim(op.getWeights(), 1) - 1;
  int64_t columns = dim(op.getExperts(), 1), weightColumns = topK + 1;
  GroupTable table(phase, op.getGroups(),
                   mega::GroupTableLayout::withGroups(
                       op.getGroups(), experts + op.getShared(), rows));
  Value chosen = phase.base(op.getExperts());
  Value weights = phase.base(op.getWeights());

  auto append = [&](Value slot, Value n, Value token, Value weight) {
    Value place = b.add(b.mul(slot, rows), n);
    b.storeIndex(token, table.token, place);
    b.storeF32(weight, table.weight, place);
  };
  // Ends a group of n tokens that starts at `slot`; returns the next slot.
  auto finish = [&](Value slot, Value n) {
    Value end = b.add(slot, b.ceilDiv(n, rows));
    b.loop(slot, end, 1, [&](Value s) {
      Value left = b.sub(n, b.mul(b.sub(s, slot), rows));
      b.storeIndex(b.min(left, b.i64(rows)), table.count, s);
    });
    return end;
  };

  Value slot = b.i64(0);
  if (experts)
    slot = b.loop(
        b.i64(0), b.i64(experts), 1, {slot},
        [&](Value expert, ValueRange carried) -> SmallVector<Value> {
          b.storeIndex(carried[0], table.first, expert);
          Value n = b.i64(0);
          for (int64_t j = 0; j < topK; ++j)
            n = b.loop(
                b.i64(0), phase.count, 1, {n},
                [&](Value token, ValueRange number) -> SmallVector<Value> {
                  Value e =
                      b.loadIndex(chosen, b.add(b.mul(token, columns), j));
                  Value mine = b.equal(e, expert);
                  b.ifThen(mine, [&] {
                    append(carried[0], number[0], token,
                           b.loadF32(weights,
                                     b.add(b.mul(token, weightColumns), j)));
                  });
                  return {b.add(number[0], b.select(mine, b.i64(1), b.i64(0)))};
                })[0];
          return {finish(carried[0], n)};
        })[0];
  b.storeIndex(slot, table.first, b.i64(experts));
  if (!op.getShared())
    return;
  b.loop(b.i64(0), phase.count, 1, [&](Value token) {
    append(slot, token, token,
           b.loadF32(weights, b.add(b.mul(token, weightColumns), topK)));
  });
  b.storeIndex(finish(slot, phase.count), table.first, b.i64(experts + 1));
}
