//===- Packing.cpp - Where the elements of packed weights are -------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/FPMoE/Storage.h"
#include "dialects/Mega/Mega.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mega;

PackedLayout::PackedLayout(RankedTensorType type) {
  auto packed = cast<PackedAttr>(type.getEncoding());
  ArrayRef<int64_t> shape = type.getShape();
  rows = shape[shape.size() - 2];
  columns = shape.back();
  matrices = type.getNumElements() / (rows * columns);
  n = packed.getN();
  k = packed.getK();
  halves = packed.getHalves();
  tail = packed.getTail();
  panels = llvm::divideCeil(vectors() * kVectorColumns, n);
  depth = padDepth(columns - tail) / k + padDepth(tail) / k;
  auto groups = fpmoe::getGroupFormat(type.getElementType());
  vectorBytes =
      kVectorColumns *
      (groups ? groups->getBytes() : k * type.getElementTypeBitWidth() / 8);
}

int64_t PackedLayout::padDepth(int64_t elements) const {
  return llvm::alignTo(elements, std::max(k, kVectorColumns));
}

int64_t PackedLayout::vectors() const {
  return halves ? 2 * llvm::divideCeil(rows / 2, kVectorColumns)
                : llvm::divideCeil(rows, kVectorColumns);
}

int64_t PackedLayout::getRow(int64_t panel, int64_t lane) const {
  int64_t column = panel * n + lane;
  if (!halves)
    return column < rows ? column : -1;
  int64_t vector = column / kVectorColumns, half = rows / 2;
  int64_t row = vector / 2 * kVectorColumns + column % kVectorColumns;
  return row < half ? vector % 2 * half + row : -1;
}

int64_t PackedLayout::getColumn(int64_t place) const {
  int64_t first = columns - tail, start = padDepth(first);
  if (place < start)
    return place < first ? place : -1;
  place -= start;
  return place < tail ? first + place : -1;
}

LogicalResult PackedAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t n, int64_t k, bool halves,
                                 int64_t tail) {
  if ((n != 16 && n != 32 && n != 64) ||
      (k != 1 && k != 2 && k != 4 && k != kGroupElements))
    return emitError() << "packs n = " << n << " columns and k = " << k
                       << " elements together; n must be 16, 32 or 64, k 1, "
                          "2, 4 or 32 (packed_c1)";
  return success();
}

LogicalResult
PackedAttr::verifyEncoding(ArrayRef<int64_t> shape, Type element,
                           function_ref<InFlightDiagnostic()> emitError) const {
  bool fits = getK() == kGroupElements;
  std::optional<fpmoe::GroupFormat> groups = fpmoe::getGroupFormat(element);
  if (!groups) {
    int64_t bits = getK() * element.getIntOrFloatBitWidth();
    fits = bits == 16 || bits == 32;
  }
  if (shape.size() < 2 || !fits || llvm::any_of(shape, ShapedType::isDynamic) ||
      (getHalves() && shape[shape.size() - 2] % 2) || getTail() < 0 ||
      getTail() >= shape.back())
    return emitError() << "packs a tensor of " << element << " whose shape is ["
                       << shape << "] with " << *this
                       << ", which it does not fit (packed_c2)";
  return success();
}

int64_t PackedAttr::getInstanceBytes(RankedTensorType type) const {
  PackedLayout layout(type);
  return layout.matrices * layout.matrixBytes();
}

LogicalResult TargetAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 StringRef cpu, DotInstruction dot,
                                 int64_t rows, int64_t accumulators,
                                 int64_t columns, int64_t tileRows,
                                 int64_t prefetch, IntDotInstruction intDot,
                                 int64_t span, int64_t threads) {
  bool tiles =
      dot == DotInstruction::AmxBf16 || intDot == IntDotInstruction::AmxInt8;
  if (rows < 1 || accumulators < 1 || prefetch < 0 || threads < 1 || span < 1 ||
      span % kVectorColumns ||
      (columns != 16 && columns != 32 && columns != 64) ||
      (tiles ? tileRows < 16 || tileRows % 16 : tileRows != 0))
    return emitError() << "describes '" << cpu << "' by rows = " << rows
                       << ", accumulators = " << accumulators
                       << ", columns = " << columns
                       << ", tile_rows = " << tileRows
                       << ", prefetch = " << prefetch << ", span = " << span
                       << ", threads = " << threads << " (target_c1)";
  return success();
}
