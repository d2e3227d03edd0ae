//===- Product.cpp - Blocks of rows times columns of a weight -------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CUDA/Product.h"
#include "lib/Codegen/Formats/Format.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

/// Memory of the device, as products read it.
static LLVM::LLVMPointerType globalPointer(KernelBuilder &b) {
  return LLVM::LLVMPointerType::get(
      b.getContext(), static_cast<unsigned>(NVVM::NVVMMemorySpace::Global));
}

Value cuda::loadWeight(KernelBuilder &b, Type type, Value from,
                       unsigned align) {
  return LLVM::LoadOp::create(b, type, from, align, /*isVolatile=*/false,
                              /*isNonTemporal=*/false, /*isInvariant=*/true);
}

Product::Product(BlockContext &block, Value operand, Value weight)
    : block(block), b(block.b), operand(operand),
      weights(LLVM::AddrSpaceCastOp::create(b, globalPointer(b),
                                            block.weight(weight))),
      element(cast<ShapedType>(weight.getType()).getElementType()),
      layout(cast<RankedTensorType>(weight.getType())), rows(dim(operand, 2)) {}

Value Product::vectorAt(Value matrix, Value vector) {
  int64_t perPanel = layout.n / kLanes;
  Value offset = b.mul(b.div(vector, perPanel), layout.panelBytes());
  if (perPanel > 1)
    offset = b.add(offset, b.mul(b.rem(vector, perPanel), layout.vectorBytes));
  if (matrix)
    offset = b.add(offset, b.mul(matrix, layout.matrixBytes()));
  return b.at(weights, offset);
}

void Product::emit(Value number, Value count, Value matrix,
                   const Columns &columns, Epilogue epilogue) {
  OperandRows from = block.block(operand, number).rows;
  auto make = getFormat(element).takesIntegers() ? makeIntegerProduct
                                                 : makeFloatProduct;
  std::unique_ptr<LaneProduct> lanes = make(block, layout, element, from, rows);
  // Loads of some vectors together hide each other's latency; registers hold
  // the sums of as many.
  constexpr int64_t kSums = 8;
  int64_t atOnce = std::min(std::max(kSums / rows, columns.unit), columns.most);
  atOnce = std::min<int64_t>(atOnce, 4) / columns.unit * columns.unit;
  Value whole =
      b.add(columns.first,
            b.mul(b.div(b.sub(columns.last, columns.first), atOnce), atOnce));
  b.loop(columns.first, whole, atOnce, [&](Value vector) {
    emitVectors(*lanes, matrix, vector, atOnce, columns.unit, count, epilogue);
  });
  if (atOnce > columns.unit)
    b.loop(whole, columns.last, columns.unit, [&](Value vector) {
      emitVectors(*lanes, matrix, vector, columns.unit, columns.unit, count,
                  epilogue);
    });
}

void Product::emitVectors(LaneProduct &lanes, Value matrix, Value vector,
                          int64_t vectors, int64_t unit, Value count,
                          Epilogue epilogue) {
  SmallVector<Value> starts;
  for (int64_t v = 0; v < vectors; ++v)
    starts.push_back(vectorAt(matrix, b.add(vector, v)));
  // Some parts at once, loads first; then those that are left.
  int64_t perRow = kLaneColumns, perVector = rows * perRow;
  int64_t unroll = std::max<int64_t>((rows == 1 ? 8 : 4) / vectors, 1);
  auto emitParts = [&](Value part, int64_t parts, ValueRange before) {
    SmallVector<Value> sums(before);
    SmallVector<SmallVector<Value>> loaded, elements;
    for (int64_t u = 0; u < parts; ++u) {
      Value at = b.add(part, u * kWarps);
      for (Value start : starts)
        loaded.push_back(lanes.loadWeights(start, at));
      elements.push_back(lanes.loadRows(at));
    }
    for (int64_t u = 0; u < parts; ++u)
      for (int64_t v = 0; v < vectors; ++v)
        lanes.multiply(loaded[u * vectors + v], elements[u],
                       MutableArrayRef(sums).slice(v * perVector, perVector));
    return sums;
  };
  SmallVector<Value> sums(vectors * perVector, b.f32(0.0f));
  Value parts = b.i64(lanes.getParts()), from = block.warp;
  if (unroll > 1) {
    // The warp's parts are warp + 8 i; of these, the whole lots.
    int64_t lot = unroll * kWarps;
    Value end = b.sub(parts, b.i64((unroll - 1) * kWarps));
    sums = b.loop(from, end, lot, sums, [&](Value part, ValueRange before) {
      return emitParts(part, unroll, before);
    });
    Value mine = b.max(b.sub(end, from), b.i64(0));
    from = b.add(from, b.mul(b.ceilDiv(mine, lot), lot));
  }
  sums = b.loop(from, parts, kWarps, sums, [&](Value part, ValueRange before) {
    return emitParts(part, 1, before);
  });

  for (Value &sum : sums)
    sum = block.overWarp(
        sum, [&](Value x, Value y) { return b.fadd(x, y); }, kColumnLanes);
  // [warps, vectors, rows, columns]
  int64_t perWarp = vectors * rows * kLanes;
  assert(kWarps * perWarp <= kScratchFloats);
  b.ifThen(b.less(block.lane, b.i64(kColumnLanes)), [&] {
    Value to =
        b.at(block.partials, b.mul(b.add(b.mul(block.warp, perWarp),
                                         b.mul(block.lane, kLaneColumns)),
                                   4));
    for (int64_t i = 0; i < vectors * rows; ++i)
      for (int64_t c = 0; c < kLaneColumns; ++c)
        b.store(sums[i * kLaneColumns + c], b.at(to, (i * kLanes + c) * 4));
  });
  block.sync();
  int64_t perUnit = rows * kLanes;
  block.forThreads(vectors / unit * perUnit, [&](Value i) {
    Value lot = b.mul(b.div(i, perUnit), unit);
    Value row = b.div(b.rem(i, perUnit), kLanes), lane = b.rem(i, kLanes);
    b.ifThen(b.less(row, count), [&] {
      SmallVector<Value> totals;
      for (int64_t u = 0; u < unit; ++u) {
        Value place =
            b.add(b.mul(b.add(b.mul(b.add(lot, u), rows), row), kLanes), lane);
        Value total = b.loadF32(block.partials, place);
        for (int64_t w = 1; w < kWarps; ++w)
          total = b.fadd(total,
                         b.loadF32(block.partials, b.add(place, w * perWarp)));
        totals.push_back(total);
      }
      epilogue(row, b.add(vector, lot), lane, totals);
    });
  });
  block.sync();
}
