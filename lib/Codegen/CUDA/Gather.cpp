//===- Gather.cpp - Packs the rows of expert blocks -----------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/GroupTable.h"
#include "lib/Codegen/CUDA/Emit.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

void cuda::emit(BlockContext &block, mega::GatherOp op, Tile tile) {
  KernelBuilder &b = block.b;
  auto type = op.getOperand().getType();
  int64_t rows = type.getDimSize(2), depth = type.getDimSize(1);
  GroupTable table(block, op.getGroups(),
                   mega::GroupTableLayout::withBlocks(
                       op.getGroups(), dim(op.getOperand(), 0), rows));
  Value slot = tile[0], count = b.loadIndex(table.count, slot);
  OperandRows to = block.block(op.getOperand(), slot).rows;
  // Of what stands together of a row, 32 bits at a time; rows without a token
  // are zero.
  int64_t words = type.getDimSize(3) * type.getElementTypeBitWidth() / 32;
  b.loop(b.i64(0), b.i64(rows), 1, [&](Value r) {
    auto forWords = [&](function_ref<void(Value, Value, Value)> body) {
      block.forThreads(depth * words, [&](Value i) {
        Value step = b.div(i, words), word = b.mul(b.rem(i, words), 4);
        body(step, word,
             b.at(b.at(to.base, b.mul(r, to.rowBytes)),
                  b.add(b.mul(step, to.stepBytes), word)));
      });
    };
    b.ifThen(
        b.less(r, count),
        [&] {
          Value token = b.loadIndex(table.token, b.add(b.mul(slot, rows), r));
          OperandRows from = block.block(op.getRows(), token).rows;
          forWords([&](Value step, Value word, Value place) {
            Value source =
                b.at(from.base, b.add(b.mul(step, from.stepBytes), word));
            b.store(b.load(b.getI32Type(), source), place);
          });
        },
        [&] {
          forWords(
              [&](Value, Value, Value place) { b.store(b.i32(0), place); });
        });
  });
}
