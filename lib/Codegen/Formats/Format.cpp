//===- Format.cpp - What formats share ------------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Formats/Format.h"

using namespace mlir;
using namespace fpmoe;

const Format &fpmoe::getFormat(Type element) {
  if (element.isBF16())
    return getBF16Format();
  if (element.isF16())
    return getF16Format();
  if (isa<Int8Type>(element))
    return getInt8Format();
  if (isa<Int4Type>(element))
    return getInt4Format();
  if (isa<UInt4Type>(element))
    return getUInt4Format();
  assert(element.isF32() && "weights are of a format");
  return getF32Format();
}

const Format &fpmoe::getRowsFormat(const Format &format) {
  return format.takesIntegers() ? getF32Format() : format;
}

Type Format::getOperandElement(mega::TargetAttr target) const {
  return Float32Type::get(target.getContext());
}

Value Format::emitPeak(KernelBuilder &b, Value iterations, int64_t &ops) const {
  int64_t accumulators = b.target.getAccumulators();
  ops = accumulators * kLanes * 2;
  // A factor that depends on the argument, so that nothing can be folded.
  Value x =
      arith::SIToFPOp::create(b, b.f32Lanes(), b.splat(b.toI32(iterations)));
  SmallVector<Value> sums(accumulators, b.f32Splat(0.0f));
  sums = b.loop(b.i64(0), iterations, 1, sums, [&](Value, ValueRange carried) {
    SmallVector<Value> next(carried);
    for (Value &sum : next)
      sum = b.fma(x, x, sum);
    return next;
  });
  Value total = sums.front();
  for (Value sum : ArrayRef<Value>(sums).drop_front())
    total = b.fadd(total, sum);
  return total;
}

int64_t Format::getVectorsAtOnce(mega::TargetAttr target, int64_t rows) const {
  int64_t fit = std::max<int64_t>(getAccumulators(target) / rows, 1);
  return fit >= 4 ? 4 : fit >= 2 ? 2 : 1;
}

int64_t fpmoe::getVectorsAtOnce(mega::TargetAttr target, int64_t rows) {
  return getF32Format().getVectorsAtOnce(target, rows);
}

int64_t fpmoe::getRowsAtOnce(mega::TargetAttr target, int64_t rows) {
  int64_t accumulators = target.getAccumulators();
  int64_t most = accumulators < 8 ? accumulators : accumulators / 2;
  return llvm::divideCeil(rows, llvm::divideCeil(rows, most));
}

bool fpmoe::attendsWithTiles(mega::TargetAttr target, Value cache) {
  return target.getDot() == mega::DotInstruction::AmxBf16 &&
         cast<MemRefType>(cache.getType()).getElementType().isBF16();
}

void fpmoe::emitPrefetch(KernelBuilder &b, const ProductTile &tile,
                         Value from) {
  // The first-level cache need not have what is used once, or later.
  if (tile.ahead)
    LLVM::Prefetch::create(b, b.at(from, tile.ahead), /*rw=*/0, /*hint=*/2,
                           /*cache=*/1);
}

void fpmoe::emitRowsPrefetch(KernelBuilder &b, const ProductTile &tile,
                             Value from, int64_t steps) {
  if (!tile.rowsAhead)
    return;
  const OperandRows &rows = tile.operand;
  Value place = b.at(from, tile.rowsAhead);
  int64_t bytes = (steps - 1) * rows.stepBytes + tile.rows * rows.rowBytes;
  for (int64_t line = 0; line < bytes; line += kCacheLine)
    LLVM::Prefetch::create(b, b.at(place, line), /*rw=*/0, /*hint=*/2,
                           /*cache=*/1);
}

Accumulators fpmoe::emitF32Product(KernelBuilder &b, const ProductTile &tile,
                                   int64_t depth,
                                   function_ref<Value(Value, int64_t)> load) {
  size_t vectors = tile.weights.size();
  SmallVector<Value> first(tile.sums);
  if (first.empty())
    first.assign(tile.rows * vectors, b.f32Splat(0.0f));
  return b.loop(b.i64(0), tile.steps, 1, first, [&](Value k, ValueRange sums) {
    SmallVector<Value> next(sums), from;
    Value offset = b.mul(k, tile.stepBytes);
    for (Value weights : tile.weights) {
      from.push_back(b.at(weights, offset));
      emitPrefetch(b, tile, from.back());
    }
    Value element =
        b.at(tile.operand.base, b.mul(k, depth * tile.operand.stepBytes));
    emitRowsPrefetch(b, tile, element, depth);
    auto loadRow = [&](int64_t i, int64_t r) {
      return b.splat(
          b.load(b.getF32Type(), b.at(element, i * tile.operand.stepBytes +
                                                   r * tile.operand.rowBytes)));
    };
    auto add = [&](int64_t r, size_t v, Value weight, Value x) {
      Value &sum = next[r * vectors + v];
      sum = b.fma(weight, x, sum);
    };
    // What is loaded once needs registers up to its last use: better the step
    // of a single row than those of all vectors.
    if (tile.rows == 1) {
      SmallVector<Value> row;
      for (int64_t i = 0; i < depth; ++i)
        row.push_back(loadRow(i, 0));
      for (size_t v = 0; v < vectors; ++v)
        for (int64_t i = 0; i < depth; ++i)
          add(0, v, load(from[v], i), row[i]);
      return next;
    }
    // Of many rows, the weights of one element while the rows pass.
    for (int64_t i = 0; i < depth; ++i) {
      SmallVector<Value> weights;
      for (Value place : from)
        weights.push_back(load(place, i));
      for (int64_t r = 0; r < tile.rows; ++r) {
        Value x = loadRow(i, r);
        for (size_t v = 0; v < vectors; ++v)
          add(r, v, weights[v], x);
      }
    }
    return next;
  });
}
