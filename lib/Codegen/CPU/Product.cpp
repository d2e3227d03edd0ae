//===- Product.cpp - Blocks of rows times columns of a weight -------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Product.h"

using namespace mlir;
using namespace fpmoe;

Product::Product(PhaseContext &phase, Value operand, Value weight)
    : phase(phase), b(phase.b), operand(operand),
      layout(cast<RankedTensorType>(weight.getType())),
      format(getFormat(cast<ShapedType>(weight.getType()).getElementType())),
      weights(phase.weight(weight)), blockRows(dim(operand, 2)),
      multiple(layout.depth * layout.k) {}

void Product::withRows(Value count, function_ref<void(int64_t, int64_t)> emit) {
  SmallVector<int64_t> sizes;
  if (!format.usesTiles(b.target))
    sizes = {1, 2, 4, 8};
  sizes.push_back(16);
  llvm::erase_if(sizes, [&](int64_t size) { return size >= blockRows; });
  sizes.push_back(blockRows);
  auto next = [&](auto &self, size_t i) -> void {
    int64_t sure = i ? sizes[i - 1] + 1 : 1;
    if (i + 1 == sizes.size())
      return emit(sizes[i], sure);
    b.ifThen(
        b.less(count, b.i64(sizes[i] + 1)), [&] { emit(sizes[i], sure); },
        [&] { self(self, i + 1); });
  };
  next(next, 0);
}

int64_t Product::getVectorsAtOnce(int64_t rows) {
  if (format.usesTiles(b.target)) // four sums of up to 16 rows
    return std::max<int64_t>(4 * 16 / llvm::alignTo(rows, 16), 1);
  return fpmoe::getVectorsAtOnce(b.target, rows);
}

Value Product::vectorAt(Value matrix, Value vector) {
  int64_t perPanel = layout.n / kLanes;
  Value offset = b.mul(b.div(vector, perPanel), layout.panelBytes());
  if (perPanel > 1)
    offset = b.add(offset, b.mul(b.rem(vector, perPanel), layout.vectorBytes));
  if (matrix)
    offset = b.add(offset, b.mul(matrix, layout.matrixBytes()));
  return b.at(weights, offset);
}

void Product::emit(Value block, Value count, Value matrix,
                   const Columns &columns, Epilogue epilogue) {
  OperandBlock source = phase.block(operand, block);
  Value steps = b.i64(layout.depth), firstStep;
  if (columns.depth) {
    steps = b.div(columns.depth, layout.k);
    firstStep = b.div(columns.firstDepth, layout.k);
    int64_t operandDepth = format.getOperandDepth(b.target);
    source.rows.base =
        b.at(source.rows.base, b.mul(b.div(columns.firstDepth, operandDepth),
                                     source.rows.stepBytes));
  }

  // Some vectors of columns, and all rows in runs that registers hold.
  auto emitVectors = [&](int64_t rows, int64_t sure, Value vector,
                         int64_t vectors) {
    ProductTile tile;
    tile.stepBytes = layout.stepBytes();
    tile.steps = steps;
    tile.multiple = (multiple & -multiple) / layout.k;
    for (int64_t v = 0; v < vectors; ++v) {
      Value place = vectorAt(matrix, v ? b.add(vector, v) : vector);
      tile.weights.push_back(
          firstStep ? b.at(place, b.mul(firstStep, tile.stepBytes)) : place);
    }
    // Rather one vector after the other than fewer rows: each is read once.
    int64_t accumulators = format.getAccumulators(b.target), together = vectors;
    if (!format.usesTiles(b.target))
      together = std::min(format.getVectorsAtOnce(b.target, rows), vectors);
    int64_t most = format.usesTiles(b.target)
                       ? rows
                       : std::max<int64_t>(accumulators / together, 1);
    int64_t run = llvm::divideCeil(rows, llvm::divideCeil(rows, most));
    SmallVector<Value> all = tile.weights;
    for (int64_t row = 0; row < rows; row += run) {
      tile.rows = std::min(run, rows - row);
      tile.operand = source.rows;
      tile.operand.base = b.at(source.rows.base, row * source.rows.rowBytes);
      SmallVector<Accumulators> sums;
      for (int64_t v = 0; v < vectors; v += together) {
        tile.weights.assign(all.begin() + v,
                            all.begin() + std::min(v + together, vectors));
        sums.push_back(format.emitProduct(b, tile));
      }
      for (int64_t i = 0; i < tile.rows; ++i) {
        auto finish = [&] {
          SmallVector<Value> lanes;
          for (int64_t v = 0; v < vectors; ++v) {
            int64_t part = v / together;
            int64_t width = std::min(together, vectors - part * together);
            lanes.push_back(sums[part][i * width + v % together]);
          }
          epilogue(row + i, vector, lanes);
        };
        if (row + i < sure)
          finish();
        else
          b.ifThen(b.less(b.i64(row + i), count), finish);
      }
    }
  };
  withRows(count, [&](int64_t rows, int64_t sure) {
    int64_t atOnce = std::max(getVectorsAtOnce(rows), columns.unit);
    atOnce = std::min(atOnce, columns.perTile);
    // What is left where tiles, or the last of them, are no multiple of that.
    bool canBeLeft = columns.perTile % atOnce || layout.vectors() % atOnce;
    Value whole = columns.last;
    if (canBeLeft)
      whole = b.sub(columns.last,
                    b.rem(b.sub(columns.last, columns.first), atOnce));
    b.loop(columns.first, whole, atOnce,
           [&](Value vector) { emitVectors(rows, sure, vector, atOnce); });
    if (canBeLeft)
      b.loop(whole, columns.last, columns.unit, [&](Value vector) {
        emitVectors(rows, sure, vector, columns.unit);
      });
  });
}
