//===- Embed.cpp - Rows of the embedding ---------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A token's row is a column of a packed table.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Phase.h"

using namespace mlir;
using namespace fpmoe;

/// An element of a weight as f32.
static Value loadElement(KernelBuilder &b, Type type, Value from) {
  if (!type.isBF16()) {
    Value element = b.load(type, from, type.getIntOrFloatBitWidth() / 8);
    return type.isF32()
               ? element
               : arith::ExtFOp::create(b, b.getF32Type(), element).getResult();
  }
  // The upper half of an f32.
  Value bits = arith::ExtUIOp::create(b, b.getI32Type(),
                                      b.load(b.getIntegerType(16), from, 2));
  bits = arith::ShLIOp::create(b, bits, b.i32(16));
  return arith::BitcastOp::create(b, b.getF32Type(), bits);
}

void fpmoe::emitEmbed(PhaseContext &phase, mega::EmbedOp op, Tile tile) {
  KernelBuilder &b = phase.b;
  auto type = cast<RankedTensorType>(op.getTable().getType());
  mega::PackedLayout layout(type);
  Value id = b.loadIndex(phase.base(op.getTokens()), tile[0]);
  Value source =
      b.at(phase.weight(op.getTable()),
           b.add(b.mul(b.div(id, layout.n), layout.panelBytes()),
                 b.mul(b.rem(id, layout.n), layout.k * layout.elementBytes)));
  Value x = b.at(phase.base(op.getX()), b.mul(tile[0], dim(op.getX(), 1) * 4));
  b.loop(0, layout.depth, 1, [&](Value step) {
    Value from = b.at(source, b.mul(step, layout.stepBytes()));
    Value to = b.at(x, b.mul(step, layout.k * 4));
    for (int64_t i = 0; i < layout.k; ++i) {
      Value element = loadElement(b, type.getElementType(),
                                  b.at(from, i * layout.elementBytes));
      if (op.getMultiplier())
        element = b.fmul(element, b.f32(op.getMultiplier()->convertToDouble()));
      b.store(element, b.at(to, i * 4));
    }
  });
}
