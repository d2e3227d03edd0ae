//===- Linear.cpp - Products of the output and the logits -----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CUDA/Emit.h"
#include "lib/Codegen/CUDA/Product.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

void cuda::emit(BlockContext &block, mega::LinearOp op, Tile tile) {
  KernelBuilder &b = block.b;
  Product product(block, op.getOperand(), op.getWeight());
  int64_t rows = dim(op.getOperand(), 2), width = dim(op.getOut(), -1);
  int64_t vectors = product.getLayout().vectors();
  Value count = op.getLogitsRows()
                    ? block.i64Field(offsetof(FpmoeStep, logits_count))
                    : block.count;
  Value out = block.base(op.getOut());
  TileOfShard of = getTileOfShard(block, getShards(op.getOut()), vectors,
                                  op.getVectors(), tile[0]);
  Value operandDepth;
  if (of.shard) {
    const mega::PackedLayout &layout = product.getLayout();
    operandDepth = b.mul(of.shard, layout.depth * layout.k);
    out = b.at(out, b.mul(of.shard, dim(op.getOut(), 1) * width * 4));
  }
  Value first = b.mul(of.number, op.getVectors());
  Product::Columns columns{
      first,       b.min(b.add(first, op.getVectors()), b.i64(vectors)),
      /*unit=*/1,  std::min<int64_t>(op.getVectors(), vectors),
      /*apart=*/1, operandDepth};
  Value firstBlock = b.mul(tile[1], op.getGroup());
  Value lastBlock =
      b.min(b.add(firstBlock, op.getGroup()), b.ceilDiv(count, rows));

  /// Finishes a sum, and writes or adds it.
  auto finish = [&](Value sum, Value column, Value place) {
    if (op.getBias())
      sum = b.fadd(sum, b.loadF32(block.weight(op.getBias()), column));
    if (op.getMultiplier())
      sum = b.fmul(sum, b.f32(op.getMultiplier()->convertToDouble()));
    if (op.getAccumulate())
      sum = b.fadd(b.load(b.getF32Type(), place), sum);
    b.store(sum, place);
  };
  b.loop(firstBlock, lastBlock, 1, [&](Value number) {
    Value token = b.mul(number, rows);
    product.emit(
        number, b.min(b.sub(count, token), b.i64(rows)), of.shard, columns,
        [&](Value row, Value vector, Value lane, ArrayRef<Value> sums) {
          Value column = b.add(b.mul(vector, kLanes), lane);
          Value place = b.at(
              out, b.mul(b.add(b.mul(b.add(token, row), width), column), 4));
          // Rows of logits have no padding.
          if (width % kLanes == 0)
            return finish(sums[0], column, place);
          b.ifThen(b.less(column, b.i64(width)),
                   [&] { finish(sums[0], column, place); });
        });
  });
}
