//===- Qkv.cpp - Projections of q, k and v --------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A tile makes one head of a span of blocks: the product goes to scratch, where
// it is finished, and from there to where the attention wants it.
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Dot.h"
#include "lib/Kernels/Heads.h"

using namespace mlir;
using namespace fpmoe;

void fpmoe::emitQkv(PhaseContext &phase, mega::QkvOp op, Tile tile) {
  KernelBuilder &b = phase.b;
  int64_t rows = phase.info.rows, headDim = op.getHeadDim();
  int64_t heads = op.getHeads(), kvHeads = op.getKvHeads();
  int64_t panels = dim(op.getWeight(), 1), steps = dim(op.getWeight(), 2);
  int64_t padded = panels * kLanes, panelBytes = steps * kPanelStepBytes;
  Value head = tile[0];
  Value weight =
      b.at(phase.weight(op.getWeight()), b.mul(head, panels * panelBytes));
  Value made = phase.base(op.getHead());
  Value table = phase.weight(op.getTable()), position = phase.position();
  HeadStore store(phase, op.getQuery(), op.getCache(), heads, headDim);
  Value firstBlock = b.mul(tile[1], op.getSpan());
  Value lastBlock = b.min(b.add(firstBlock, op.getSpan()), phase.blocks());

  auto clip = [&](Value row) {
    if (op.getClip())
      emitClamp(b, row, headDim, op.getClip()->convertToDouble());
  };
  b.loop(firstBlock, lastBlock, 1, [&](Value block) {
    Value first = b.mul(block, rows);
    Value left = b.min(b.sub(phase.count, first), b.i64(rows));
    DotRows source = phase.rowsOfBlock(op.getOperand(), block, steps);
    phase.withRows(left, rows, [&](int64_t r) {
      auto product = [&](Value panel, int64_t n) {
        SmallVector<Value> bases;
        for (int64_t p = 0; p < n; ++p)
          bases.push_back(b.at(weight, b.mul(b.add(panel, p), panelBytes)));
        DotSums sums =
            emitDot(b, phase.info.bf16, r, source, bases, b.i64(steps));
        Value to = b.at(made, b.mul(panel, kLanes * 4));
        for (int64_t i = 0; i < r; ++i)
          for (int64_t p = 0; p < n; ++p)
            b.store(sums[i * n + p], b.at(to, (i * padded + p * kLanes) * 4));
      };
      int64_t unit = rows == 1 ? 1 : 2;
      b.loop(b.i64(0), b.i64(panels / unit * unit), unit,
             [&](Value panel) { product(panel, unit); });
      if (panels % unit)
        product(b.i64(panels - 1), 1);
    });
    b.loop(b.i64(0), left, 1, [&](Value r) {
      Value row = b.at(made, b.mul(r, padded * 4));
      Value token = b.add(first, r), place = b.add(position, token);
      if (op.getBias()) {
        Value bias = b.at(phase.weight(op.getBias()), b.mul(head, headDim * 4));
        b.loop(b.i64(0), b.i64(headDim), 1, [&](Value i) {
          b.storeF32(b.fadd(b.loadF32(row, i), b.loadF32(bias, i)), row, i);
        });
      }
      auto finish = [&](Value norm) {
        if (norm)
          emitHeadNorm(b, row, headDim, phase.weight(norm),
                       op.getEps()->convertToDouble());
        clip(row);
        emitRope(b, row, b.at(table, b.mul(place, headDim * 4)), headDim,
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
                  store.storeKey(row, kvHead, place);
                },
                [&] {
                  clip(row);
                  store.storeValue(row, b.sub(kvHead, b.i64(kvHeads)), place);
                });
          });
    });
  });
}
