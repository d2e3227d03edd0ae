//===- Linear.cpp - Products of the output and the logits -----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Product.h"

using namespace mlir;
using namespace fpmoe;

/// Stores the first `valid` of 16 lanes.
static void storeValid(KernelBuilder &b, Value lanes, Value to, int64_t valid) {
  if (valid == kLanes)
    return b.store(lanes, to);
  SmallVector<bool> mask(kLanes);
  std::fill_n(mask.begin(), valid, true);
  Value maskValue = arith::ConstantOp::create(
      b, DenseElementsAttr::get(b.lanes(b.getI1Type()), mask));
  LLVM::MaskedStoreOp::create(b, lanes, to, maskValue, /*alignment=*/4);
}

void fpmoe::emit(PhaseContext &phase, mega::LinearOp op, Tile tile) {
  KernelBuilder &b = phase.b;
  Product product(phase, op.getOperand(), op.getWeight());
  const mega::PackedLayout &layout = product.getLayout();
  int64_t rows = dim(op.getOperand(), 2), width = dim(op.getOut(), -1);
  int64_t vectors = layout.vectors();
  // Rows of logits have no padding.
  int64_t lastValid = std::min(kLanes, width - (vectors - 1) * kLanes);
  Value count = op.getLogitsRows()
                    ? phase.i64Field(offsetof(FpmoeStep, logits_count))
                    : phase.count;
  Value out = phase.base(op.getOut());
  TileOfShard of = getTileOfShard(phase, getShards(op.getOut()), vectors,
                                  op.getVectors(), tile[0]);
  Value operandDepth;
  if (of.shard) {
    operandDepth = b.mul(of.shard, layout.depth * layout.k);
    out = b.at(out, b.mul(of.shard, dim(op.getOut(), 1) * width * 4));
  }
  Value firstVector = b.mul(of.number, op.getVectors());
  Value lastVector = b.min(b.add(firstVector, op.getVectors()), b.i64(vectors));
  Value firstBlock = b.mul(tile[1], op.getGroup());
  Value lastBlock =
      b.min(b.add(firstBlock, op.getGroup()), b.ceilDiv(count, rows));

  /// Finishes the sums of a vector of columns, and writes or adds them.
  auto finish = [&](Value sum, Value vector, Value place) {
    // Weights lie at multiples of 64 bytes, with zeros between them.
    if (op.getBias())
      sum = b.fadd(sum, b.loadLanes(b.at(phase.weight(op.getBias()),
                                         b.mul(vector, kLanes * 4))));
    if (op.getMultiplier())
      sum = b.fmul(sum, b.f32Splat(op.getMultiplier()->convertToDouble()));
    if (op.getAccumulate())
      return b.store(b.fadd(b.loadLanes(place), sum), place);
    if (lastValid == kLanes)
      return b.store(sum, place);
    b.ifThen(
        b.equal(vector, b.i64(vectors - 1)),
        [&] { storeValid(b, sum, place, lastValid); },
        [&] { b.store(sum, place); });
  };
  b.loop(firstBlock, lastBlock, 1, [&](Value block) {
    Value token = b.mul(block, rows);
    Product::Columns columns{
        firstVector, lastVector, /*unit=*/1, int64_t(op.getVectors()),
        {},          {},         0,          operandDepth};
    Value ofBlock = b.min(b.sub(count, token), b.i64(rows));
    product.emit(block, ofBlock, of.shard, columns,
                 [&](Value row, Value vector, ArrayRef<Value> sums) {
                   Value to =
                       b.at(out, b.mul(b.add(b.mul(b.add(token, row), width),
                                             b.mul(vector, kLanes)),
                                       4));
                   for (auto [v, sum] : llvm::enumerate(sums))
                     finish(sum, v ? b.add(vector, v) : vector,
                            b.at(to, v * kLanes * 4));
                 });
  });
}
