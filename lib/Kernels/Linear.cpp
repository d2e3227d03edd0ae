//===- Linear.cpp - Products of the output and the logits -----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Dot.h"
#include "lib/Kernels/Phase.h"

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

void fpmoe::emitLinear(PhaseContext &phase, mega::LinearOp op, Tile tile) {
  KernelBuilder &b = phase.b;
  int64_t rows = phase.info.rows, width = dim(op.getOut(), 1);
  int64_t panels = dim(op.getWeight(), 0), steps = dim(op.getWeight(), 1);
  int64_t panelBytes = steps * kPanelStepBytes;
  bool isLogits = mega::getSpace(op.getOut()) == mega::BufferSpace::Logits;
  // Rows of logits have no padding.
  int64_t lastValid =
      isLogits ? op.getColumns() - (panels - 1) * kLanes : kLanes;
  Value count = isLogits ? b.sub(phase.count, phase.logitsFrom()) : phase.count;
  Value weight = phase.weight(op.getWeight());
  Value out = phase.base(op.getOut());
  Value firstPanel = b.mul(tile[0], op.getPanels());
  Value lastPanel = b.min(b.add(firstPanel, op.getPanels()), b.i64(panels));
  Value firstBlock = b.mul(tile[1], op.getSpan());
  Value lastBlock =
      b.min(b.add(firstBlock, op.getSpan()), b.ceilDiv(count, rows));

  // Adds or writes `n` panels from `panel` on, `r` rows of a block.
  auto emitPanels = [&](Value block, Value panel, int64_t n, int64_t r) {
    Value token = b.mul(block, rows);
    SmallVector<Value> bases;
    for (int64_t p = 0; p < n; ++p)
      bases.push_back(b.at(weight, b.mul(b.add(panel, p), panelBytes)));
    DotRows source = phase.rowsOfBlock(op.getOperand(), block, steps);
    DotSums sums = emitDot(b, phase.info.bf16, r, source, bases, b.i64(steps));
    Value to =
        b.at(out, b.mul(b.add(b.mul(token, width), b.mul(panel, kLanes)), 4));
    for (int64_t i = 0; i < r; ++i)
      b.ifThen(b.less(b.add(token, i), count), [&] {
        for (int64_t p = 0; p < n; ++p) {
          Value sum = sums[i * n + p];
          // Weights lie at multiples of 64 bytes, with zeros between them.
          if (op.getBias())
            sum = b.fadd(sum,
                         b.loadLanes(b.at(phase.weight(op.getBias()),
                                          b.mul(b.add(panel, p), kLanes * 4))));
          if (op.getMultiplier())
            sum =
                b.fmul(sum, b.f32Splat(op.getMultiplier()->convertToDouble()));
          Value place = b.at(to, (i * width + p * kLanes) * 4);
          if (op.getAccumulate())
            b.store(b.fadd(b.loadLanes(place), sum), place);
          else if (lastValid == kLanes)
            b.store(sum, place);
          else
            b.ifThen(
                b.equal(b.add(panel, p), b.i64(panels - 1)),
                [&] { storeValid(b, sum, place, lastValid); },
                [&] { b.store(sum, place); });
        }
      });
  };
  b.loop(firstBlock, lastBlock, 1, [&](Value block) {
    Value left = b.sub(count, b.mul(block, rows));
    phase.withRows(left, rows, [&](int64_t r) {
      int64_t unit = rows == 1 ? op.getPanels() : 2;
      phase.withPanels(
          firstPanel, lastPanel, unit, panels % unit,
          [&](Value panel, int64_t n) { emitPanels(block, panel, n, r); });
    });
  });
}
