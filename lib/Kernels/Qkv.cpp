//===- Qkv.cpp - Projections of q, k and v --------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A tile makes one head of a span of blocks: the product goes to scratch, from
// where it is turned and stored as the attention wants it.
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Attention.h"
#include "lib/Kernels/Dot.h"
#include "lib/Kernels/Phase.h"

using namespace mlir;
using namespace fpmoe;

/// Turns the first `headDim` elements of a row by the table's row, in place:
/// (x0, x1) becomes (x0 c - x1 s, x1 c + x0 s).
static void emitRope(KernelBuilder &b, Value row, Value table,
                     int64_t headDim) {
  int64_t half = headDim / 2;
  int64_t width = 1;
  while (width < kLanes && half % (2 * width) == 0)
    width *= 2;
  Type type = width == 1 ? Type(b.getF32Type())
                         : VectorType::get({width}, b.getF32Type());
  b.loop(b.i64(0), b.i64(half), width, [&](Value i) {
    Value low = b.at(row, b.mul(i, 4)), high = b.at(low, half * 4);
    Value cosine = b.at(table, b.mul(i, 4)), sine = b.at(cosine, half * 4);
    Value x0 = b.load(type, low), x1 = b.load(type, high);
    Value c = b.load(type, cosine), s = b.load(type, sine);
    b.store(b.fsub(b.fmul(x0, c), b.fmul(x1, s)), low);
    b.store(b.fadd(b.fmul(x1, c), b.fmul(x0, s)), high);
  });
}

void fpmoe::emitQkv(PhaseContext &phase, mega::QkvOp op, Tile tile) {
  KernelBuilder &b = phase.b;
  int64_t rows = phase.info.rows, headDim = op.getHeadDim();
  int64_t heads = op.getHeads(), kvHeads = op.getKvHeads();
  int64_t panels = dim(op.getWeight(), 1), steps = dim(op.getWeight(), 2);
  int64_t padded = panels * kLanes, panelBytes = steps * kPanelStepBytes;
  Value head = tile[0];
  Value weight =
      b.at(phase.weight(op.getWeight()), b.mul(head, panels * panelBytes));
  Value operand = phase.base(op.getOperand()), made = phase.base(op.getHead());
  Value query = phase.base(op.getQuery()), table = phase.weight(op.getTable());
  Value position = phase.position();
  CacheLayout cache(phase, op.getCache());
  Value firstBlock = b.mul(tile[1], op.getSpan());
  Value lastBlock = b.min(b.add(firstBlock, op.getSpan()), phase.blocks());

  b.loop(firstBlock, lastBlock, 1, [&](Value block) {
    Value first = b.mul(block, rows);
    Value left = b.min(b.sub(phase.count, first), b.i64(rows));
    DotRows source{
        b.at(operand, b.mul(block, PhaseContext::blockBytes(op.getOperand()))),
        kStepBytes, rows * kStepBytes};
    phase.withRows(left, rows, [&](int64_t r) {
      auto product = [&](Value panel, int64_t n) {
        SmallVector<Value> bases;
        for (int64_t p = 0; p < n; ++p)
          bases.push_back(b.at(weight, b.mul(b.add(panel, p), panelBytes)));
        SmallVector<Value> sums =
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
      b.ifThen(b.less(head, b.i64(heads + kvHeads)), [&] {
        emitRope(b, row, b.at(table, b.mul(place, headDim * 4)), headDim);
      });
      b.ifThen(
          b.less(head, b.i64(heads)),
          [&] {
            Value to = b.at(
                query, b.mul(b.add(b.mul(token, heads), head), padded * 4));
            b.loop(b.i64(0), b.i64(panels), 1, [&](Value p) {
              Value offset = b.mul(p, kLanes * 4);
              b.store(b.loadLanes(b.at(row, offset)), b.at(to, offset));
            });
          },
          [&] {
            b.ifThen(
                b.less(head, b.i64(heads + kvHeads)),
                [&] {
                  Value to = cache.key(b.sub(head, b.i64(heads)), place);
                  b.loop(b.i64(0), b.i64(headDim), 1, [&](Value i) {
                    b.store(b.loadF32(row, i),
                            b.at(to, b.mul(i, kPanelStepBytes)));
                  });
                },
                [&] {
                  Value to =
                      cache.value(b.sub(head, b.i64(heads + kvHeads)), place);
                  b.loop(b.i64(0), b.i64(panels), 1, [&](Value p) {
                    Value offset = b.mul(p, kLanes * 4);
                    b.store(b.loadLanes(b.at(row, offset)), b.at(to, offset));
                  });
                });
          });
    });
  });
}
