//===- Embed.cpp - Rows of the embedding ----------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A token's row lies across a panel, one step of it every 64 bytes.
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Phase.h"

using namespace mlir;
using namespace fpmoe;

void fpmoe::emitEmbed(PhaseContext &phase, mega::EmbedOp op, Tile tile) {
  KernelBuilder &b = phase.b;
  Value token = tile[0], table = phase.weight(op.getTable());
  int64_t steps = dim(op.getTable(), 1);
  Value ids = phase.pointerField(offsetof(FpmoeStep, tokens));
  Value id = b.loadIndex(ids, token);
  Value panel = b.at(table, b.mul(b.div(id, kLanes), steps * kPanelStepBytes));
  Value source = b.at(panel, b.mul(b.rem(id, kLanes), kStepBytes));
  Value x = b.at(phase.base(op.getX()), b.mul(token, dim(op.getX(), 1) * 4));
  auto scaled = [&](Value number) {
    return op.getMultiplier()
               ? b.fmul(number, b.f32(op.getMultiplier()->convertToDouble()))
               : number;
  };
  b.loop(b.i64(0), b.i64(steps), 1, [&](Value k) {
    Value element = b.at(source, b.mul(k, kPanelStepBytes));
    if (!phase.info.bf16)
      return b.storeF32(scaled(b.load(b.getF32Type(), element)), x, k);
    // Two bf16 are the upper halves of two f32.
    Value pair = b.load(b.getI32Type(), element);
    Value low = arith::ShLIOp::create(b, pair, b.i32(16));
    Value high = arith::AndIOp::create(b, pair, b.i32(-65536));
    Value to = b.at(x, b.mul(k, 8));
    auto number = [&](Value bits) {
      return scaled(arith::BitcastOp::create(b, b.getF32Type(), bits));
    };
    b.store(number(low), to);
    b.store(number(high), b.at(to, 4));
  });
}
