//===- Qkv.cpp - Projections of q, k and v --------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A tile makes one head of a group of blocks: the product goes to scratch,
// where a warp finishes each row, and from there to where the attention wants
// it. Of one token it may be two vectors of a head, whose columns turn each
// other: a thread finishes a pair of them, as a warp would.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CUDA/Emit.h"
#include "lib/Codegen/CUDA/Heads.h"
#include "lib/Codegen/CUDA/Product.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

/// A pair of vectors, of one token.
static void emitPair(BlockContext &block, mega::QkvOp op, Value tile) {
  KernelBuilder &b = block.b;
  Product product(block, op.getOperand(), op.getWeight());
  int64_t headDim = op.getHeadDim(), half = headDim / 2;
  int64_t heads = op.getHeads(), kvHeads = op.getKvHeads();
  Value head = b.div(tile, op.getParts()), first = b.rem(tile, op.getParts());
  Value token = b.i64(0), table = block.base(op.getTable());
  HeadStore store(block, op.getQuery(), op.getCache(), op.getPositions(), heads,
                  headDim);
  Product::Columns pair{first, b.add(first, 2), /*unit=*/2, /*most=*/2,
                        /*apart=*/half / kLanes};
  product.emit(
      token, b.i64(1), head, pair,
      [&](Value, Value vector, Value lane, ArrayRef<Value> sums) {
        Value i = b.add(b.mul(vector, kLanes), lane), j = b.add(i, half);
        SmallVector<Value> x(sums);
        auto finish = [&](Value &element, Value column) {
          if (op.getBias())
            element =
                b.fadd(element, b.loadF32(block.weight(op.getBias()),
                                          b.add(b.mul(head, headDim), column)));
          if (op.getClip())
            element = emitClamped(b, element, op.getClip()->convertToDouble());
        };
        finish(x[0], i);
        finish(x[1], j);
        auto turned = [&] { return emitTurn(b, x[0], x[1], table, i, half); };
        auto emitQuery = [&] {
          auto [x0, x1] = turned();
          Value to = store.queryAt(head, token);
          b.storeF32(x0, to, i);
          b.storeF32(x1, to, j);
        };
        Value keyHead = b.sub(head, b.i64(heads));
        auto emitKey = [&] {
          auto [x0, x1] = turned();
          Value to = store.keyAt(keyHead, token);
          store.storeKeyElement(x0, to, i);
          store.storeKeyElement(x1, to, j);
        };
        auto emitValue = [&] {
          Value to = store.valueAt(b.sub(keyHead, b.i64(kvHeads)), token);
          store.storeValueElement(x[0], to, i);
          store.storeValueElement(x[1], to, j);
        };
        b.ifThen(b.less(head, b.i64(heads)), emitQuery, [&] {
          b.ifThen(b.less(keyHead, b.i64(kvHeads)), emitKey, emitValue);
        });
      });
}

void cuda::emit(BlockContext &block, mega::QkvOp op, Tile tile) {
  if (op.getPairs())
    return emitPair(block, op, tile[0]);
  KernelBuilder &b = block.b;
  Product product(block, op.getOperand(), op.getWeight());
  int64_t rows = dim(op.getOperand(), 2), headDim = op.getHeadDim();
  int64_t heads = op.getHeads(), kvHeads = op.getKvHeads();
  int64_t vectors = product.getLayout().vectors();
  int64_t padded = vectors * kLanes;
  Value head = tile[0];
  Value made = block.base(op.getHead()), table = block.base(op.getTable());
  HeadStore store(block, op.getQuery(), op.getCache(), op.getPositions(), heads,
                  headDim);
  Value firstBlock = b.mul(tile[1], op.getGroup());
  Value lastBlock = b.min(b.add(firstBlock, op.getGroup()), block.blocks());

  auto clip = [&](Value row) {
    if (op.getClip())
      emitClamp(block, row, headDim, op.getClip()->convertToDouble());
  };
  /// Finishes a row of the product and stores it.
  auto finishRow = [&](Value row, Value token) {
    auto finish = [&](Value norm) {
      if (norm)
        emitHeadNorm(block, row, headDim, block.weight(norm),
                     op.getEps()->convertToDouble());
      clip(row);
      emitRope(block, row, b.at(table, b.mul(token, headDim * 4)), headDim,
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
  b.loop(firstBlock, lastBlock, 1, [&](Value number) {
    Value first = b.mul(number, rows);
    Value count = b.min(b.sub(block.count, first), b.i64(rows));
    Product::Columns all{b.i64(0), b.i64(vectors), /*unit=*/1, vectors};
    product.emit(
        number, count, head, all,
        [&](Value row, Value vector, Value lane, ArrayRef<Value> sums) {
          Value column = b.add(b.mul(vector, kLanes), lane), sum = sums[0];
          if (op.getBias()) {
            Value bias =
                b.at(block.weight(op.getBias()), b.mul(head, headDim * 4));
            // Behind the head stands another one's.
            Value last = b.min(column, b.i64(headDim - 1));
            sum = b.select(b.less(column, b.i64(headDim)),
                           b.fadd(sum, b.loadF32(bias, last)), sum);
          }
          b.storeF32(sum, made, b.add(b.mul(row, padded), column));
        });
    block.forWarps(count, [&](Value r) {
      finishRow(b.at(made, b.mul(r, padded * 4)), b.add(first, r));
    });
    // The next block's product takes their place.
    block.sync();
  });
}
