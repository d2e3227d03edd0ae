//===- Embed.cpp - Rows of the embedding ---------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A token's row is a column of a packed table.
//===----------------------------------------------------------------------===//

#include "dialects/FPMoE/Storage.h"
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

/// Calls use(i, element) for the elements of a step of K that lie together, of
/// column `lane` of the 16 at `from`.
using Use = function_ref<void(int64_t, Value)>;
static void forEachElement(KernelBuilder &b, Type type,
                           const mega::PackedLayout &layout, Value from,
                           Value lane, Use use) {
  std::optional<GroupFormat> groups = getGroupFormat(type);
  int64_t columnBytes = layout.vectorBytes / kLanes;
  if (!groups) {
    from = b.at(from, b.mul(lane, columnBytes));
    for (int64_t i = 0; i < layout.k; ++i)
      use(i, loadElement(b, type, b.at(from, i * columnBytes / layout.k)));
    return;
  }
  // See #mega.packed: words of four elements, the scales behind them, and
  // perhaps minima.
  constexpr int64_t word = 4, vector = word * kLanes;
  Value column = b.at(from, b.mul(lane, word));
  auto loadScale = [&](int64_t index) {
    constexpr int64_t bytes = GroupFormat::kScaleBytes;
    int64_t at =
        kLanes * (GroupFormat::kElements * groups->bits / 8 + index * bytes);
    return loadElement(b, b.getF16Type(),
                       b.at(b.at(from, at), b.mul(lane, bytes)));
  };
  Value scale = loadScale(0), minimum;
  if (groups->hasMinimum)
    minimum = loadScale(1);
  for (int64_t i = 0; i < layout.k; ++i) {
    int64_t number = i / word;
    bool isHalf = groups->bits == 4;
    Value bits = arith::ExtUIOp::create(
        b, b.getI32Type(),
        b.load(b.getI8Type(),
               b.at(column, (isHalf ? number / 2 : number) * vector + i % word),
               /*align=*/1));
    if (isHalf && number % 2)
      bits = arith::ShRUIOp::create(b, bits, b.i32(4));
    else if (isHalf)
      bits = arith::AndIOp::create(b, bits, b.i32(15));
    Value q = arith::SubIOp::create(b, bits, b.i32(groups->zero));
    Value element =
        b.fmul(arith::SIToFPOp::create(b, b.getF32Type(), q), scale);
    use(i, groups->hasMinimum ? b.fadd(element, minimum) : element);
  }
}

/// Makes the row at `x` of row `id` of the table.
static void emitRow(PhaseContext &phase, mega::EmbedOp op, Value id, Value x) {
  KernelBuilder &b = phase.b;
  auto type = cast<RankedTensorType>(op.getTable().getType());
  mega::PackedLayout layout(type);
  Value lane = b.rem(id, layout.n);
  Value source = b.at(phase.weight(op.getTable()),
                      b.add(b.mul(b.div(id, layout.n), layout.panelBytes()),
                            b.mul(b.div(lane, kLanes), layout.vectorBytes)));
  lane = b.rem(lane, kLanes);
  int64_t width = dim(op.getX(), 1);
  /// Stores `columns` elements of a step; behind the first `valid`, zeros.
  auto emitStep = [&](Value step, int64_t columns, int64_t valid) {
    Value from = b.at(source, b.mul(step, layout.stepBytes()));
    Value to = b.at(x, b.mul(step, layout.k * 4));
    forEachElement(b, type.getElementType(), layout, from, lane,
                   [&](int64_t i, Value element) {
                     if (i >= columns)
                       return;
                     if (i >= valid)
                       element = b.f32(0.0f);
                     else if (op.getMultiplier())
                       element =
                           b.fmul(element,
                                  b.f32(op.getMultiplier()->convertToDouble()));
                     b.store(element, b.at(to, i * 4));
                   });
  };
  // The activations have vectors of 16 columns, the table perhaps groups of 32,
  // which are no zeros where they are filled up, if they have a minimum.
  bool isGroups = getGroupFormat(type.getElementType()).has_value();
  int64_t columns = isGroups ? layout.columns : width;
  int64_t whole = columns / layout.k, left = width - whole * layout.k;
  b.loop(0, whole, 1, [&](Value step) { emitStep(step, layout.k, layout.k); });
  if (left)
    emitStep(b.i64(whole), left, columns - whole * layout.k);
}

void fpmoe::emit(PhaseContext &phase, mega::EmbedOp op, Tile tile) {
  KernelBuilder &b = phase.b;
  int64_t width = dim(op.getX(), 1);
  Value id = b.loadIndex(phase.base(op.getTokens()), tile[0]);
  Value x = b.at(phase.base(op.getX()), b.mul(tile[0], width * 4));
  if (!op.getPart())
    return emitRow(phase, op, id, x);
  id = b.sub(id, phase.i64Field(offsetof(FpmoeStep, first_token)));
  // A negative one is larger than all without its sign.
  Value isHere = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, id,
                                       b.i64(dim(op.getTable(), 0)));
  b.ifThen(
      isHere, [&] { emitRow(phase, op, id, x); },
      [&] {
        b.loop(0, width, kLanes, [&](Value column) {
          b.store(b.f32Splat(-0.0f), b.at(x, b.mul(column, 4)));
        });
      });
}
