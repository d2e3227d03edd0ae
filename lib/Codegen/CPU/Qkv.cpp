//===- Qkv.cpp - Projections of q, k and v --------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A tile makes one head of a group of blocks: the product goes to scratch,
// where it is finished, and from there to where the attention wants it.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Heads.h"
#include "lib/Codegen/CPU/Product.h"

using namespace mlir;
using namespace fpmoe;

void fpmoe::emit(PhaseContext &phase, mega::QkvOp op, Tile tile) {
  KernelBuilder &b = phase.b;
  Product product(phase, op.getOperand(), op.getWeight());
  int64_t rows = dim(op.getOperand(), 2), headDim = op.getHeadDim();
  int64_t heads = op.getHeads(), kvHeads = op.getKvHeads();
  int64_t vectors = product.getLayout().vectors();
  int64_t padded = vectors * kLanes;
  Value head = tile[0];
  Value made = phase.base(op.getHead());
  Value table = phase.base(op.getTable());
  HeadStore store(phase, op.getQuery(), op.getCache(), op.getPositions(), heads,
                  headDim);
  Value firstBlock = b.mul(tile[1], op.getGroup());
  Value lastBlock = b.min(b.add(firstBlock, op.getGroup()), phase.blocks());

  auto clip = [&](Value row) {
    if (op.getClip())
      emitClamp(b, row, headDim, op.getClip()->convertToDouble());
  };
  /// Finishes a row of the product and stores it.
  auto finishRow = [&](Value row, Value token) {
    if (op.getBias()) {
      Value bias = b.at(phase.weight(op.getBias()), b.mul(head, headDim * 4));
      b.loop(0, headDim, 1, [&](Value i) {
        b.storeF32(b.fadd(b.loadF32(row, i), b.loadF32(bias, i)), row, i);
      });
    }
    auto finish = [&](Value norm) {
      if (norm)
        emitHeadNorm(b, row, headDim, phase.weight(norm),
                     op.getEps()->convertToDouble());
      clip(row);
      emitRope(b, row, b.at(table, b.mul(token, headDim * 4)), headDim,
               headDim);
    };
    b.ifThen(
        b.less(head, b.i64(heads)),
        [&] {
          finish(op.getQNorm());
          store.storeQuery(row, head, token);
        },
        [&] {
          Value kvHead = b.sub(head, b.i64(heads));
          b.ifThen(
              b.less(kvHead, b.i64(kvHeads)),
              [&] {
                finish(op.getKNorm());
                store.storeKey(row, kvHead, token);
              },
              [&] {
                clip(row);
                store.storeValue(row, b.sub(kvHead, b.i64(kvHeads)), token);
              });
        });
  };
  b.loop(firstBlock, lastBlock, 1, [&](Value block) {
    Value first = b.mul(block, rows);
    Value count = b.min(b.sub(phase.count, first), b.i64(rows));
    Product::Columns all{b.i64(0), b.i64(vectors), /*unit=*/1, vectors, {}, {},
                         0};
    product.emit(
        block, count, head, all,
        [&](Value row, Value vector, ArrayRef<Value> sums) {
          Value to = b.at(
              made, b.mul(b.add(b.mul(row, padded), b.mul(vector, kLanes)), 4));
          for (auto [v, sum] : llvm::enumerate(sums))
            b.store(sum, b.at(to, v * kLanes * 4));
        });
    b.loop(b.i64(0), count, 1, [&](Value r) {
      finishRow(b.at(made, b.mul(r, padded * 4)), b.add(first, r));
    });
  });
}
