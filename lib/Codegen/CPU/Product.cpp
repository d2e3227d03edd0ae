//===- Product.cpp - Blocks of rows times columns of a weight -------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Product.h"

#include <numeric>

using namespace mlir;
using namespace fpmoe;

Product::Product(PhaseContext &phase, Value operand, Value weight)
    : phase(phase), b(phase.b), operand(operand),
      layout(cast<RankedTensorType>(weight.getType())),
      format(getFormat(cast<ShapedType>(weight.getType()).getElementType())),
      weights(phase.weight(weight)), blockRows(dim(operand, 2)),
      multiple(layout.depth * layout.k) {}

bool Product::usesTiles(int64_t rows) {
  return format.usesTiles(b.target) &&
         rows > format.getMostVectorRows(b.target);
}

/// Every one of few. Those of tile registers are multiplied 16 at a time.
SmallVector<int64_t> Product::getSizes(int64_t most) {
  SmallVector<int64_t> sizes = {1, 2, 3, 4, 6, 8, 12, 16};
  llvm::erase_if(sizes, [&](int64_t size) {
    return size >= most || (usesTiles(size) && size < 16);
  });
  sizes.push_back(most);
  return sizes;
}

void Product::withRows(Value count, ArrayRef<int64_t> sizes, int64_t least,
                       function_ref<void(int64_t, int64_t)> emit) {
  auto next = [&](auto &self, size_t i) -> void {
    int64_t sure = i ? sizes[i - 1] + 1 : least;
    if (i + 1 == sizes.size())
      return emit(sizes[i], sure);
    b.ifThen(
        b.less(count, b.i64(sizes[i] + 1)), [&] { emit(sizes[i], sure); },
        [&] { self(self, i + 1); });
  };
  next(next, 0);
}

int64_t Product::getVectorsAtOnce(int64_t rows) {
  if (usesTiles(rows)) // four sums of up to 16 rows
    return std::max<int64_t>(4 * 16 / llvm::alignTo(rows, 16), 1);
  return fpmoe::getVectorsAtOnce(b.target, rows);
}

int64_t Product::getRowsAtOnce() {
  if (format.usesTiles(b.target))
    return blockRows;
  int64_t together = format.getVectorsAtOnce(b.target, blockRows);
  int64_t most = format.getAccumulators(b.target) / together;
  return std::min(std::max<int64_t>(most, 1), blockRows);
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

int64_t Product::getAhead(int64_t rows, int64_t vectors,
                          const Columns &columns) {
  // A tile register that is loaded with weights is many lines, and many rows
  // are many blocks.
  if (!b.target.getPrefetch() || (format.takesRowMajor(b.target) && rows > 16))
    return 0;
  // Weights that are read together, and what follows them, fit into a cache.
  constexpr int64_t kNextBytes = 64 << 10;
  int64_t steps = layout.depth;
  if (columns.depth)
    steps = std::min(steps, columns.mostDepth / layout.k);
  if (layout.n == kLanes && vectors * steps * layout.vectorBytes <= kNextBytes)
    return vectors * layout.panelBytes();
  return b.target.getPrefetch();
}

void Product::emit(Value block, Value count, Value matrix,
                   const Columns &columns, Epilogue epilogue) {
  OperandBlock source = phase.block(operand, block);
  Value steps = b.i64(layout.depth), firstStep;
  auto skip = [&](Value elements) {
    int64_t operandDepth = format.getOperandDepth(b.target);
    source.rows.base =
        b.at(source.rows.base,
             b.mul(b.div(elements, operandDepth), source.rows.stepBytes));
  };
  if (columns.operandDepth)
    skip(columns.operandDepth);
  if (columns.depth) {
    steps = b.div(columns.depth, layout.k);
    firstStep = b.div(columns.firstDepth, layout.k);
    skip(columns.firstDepth);
  }

  /// Rows [row, row + rows), of which the first `sure` hold a token and those
  /// from `end` on do not, times some vectors of columns.
  auto emitRows = [&](int64_t rows, int64_t sure, Value row, Value end,
                      Value vector, int64_t vectors) {
    ProductTile tile;
    tile.rows = rows;
    tile.operand = source.rows;
    tile.operand.base =
        b.at(source.rows.base, b.mul(row, source.rows.rowBytes));
    tile.stepBytes = layout.stepBytes();
    tile.steps = steps;
    tile.multiple = (multiple & -multiple) / layout.k;
    tile.ahead = getAhead(rows, vectors, columns);
    // A few vectors do not hide that rows come from a far cache: the last of
    // them asks for those of the next block. (Row-major ones are tile
    // registers', or few.)
    bool isRowMajor = tile.operand.rowBytes > tile.operand.stepBytes;
    if (rows == getRowsAtOnce() && rows > 1 && dim(operand, 0) > 1 &&
        !isRowMajor)
      tile.rowsAhead = b.select(
          b.less(b.add(vector, vectors), columns.last), b.i64(0),
          b.i64(OperandBlock::getBytes(cast<MemRefType>(operand.getType()))));
    /// The sums of `count` vectors from `first` on.
    auto multiply = [&](Value first, int64_t count) {
      tile.weights.clear();
      for (int64_t v = 0; v < count; ++v) {
        Value place = vectorAt(matrix, v ? b.add(first, v) : first);
        tile.weights.push_back(
            firstStep ? b.at(place, b.mul(firstStep, tile.stepBytes)) : place);
      }
      return format.emitProduct(b, tile);
    };
    // Rather one vector after the other than fewer rows: each is read once.
    // Sums wait in memory, as registers have no room for them.
    int64_t fit = format.getVectorsAtOnce(b.target, rows), together = vectors;
    if (!usesTiles(rows) && fit < vectors)
      together = std::gcd(fit, vectors);
    auto multiplyInTurn = [&]() -> Accumulators {
      constexpr int64_t kBytes = kLanes * 4;
      Value stack = b.getStack(rows * vectors * kBytes);
      b.loop(0, vectors, together, [&](Value v) {
        Accumulators some = multiply(b.add(vector, v), together);
        Value to = b.at(stack, b.mul(v, kBytes));
        for (int64_t i = 0; i < rows; ++i)
          for (int64_t w = 0; w < together; ++w)
            b.store(some[i * together + w],
                    b.at(to, (i * vectors + w) * kBytes));
      });
      return {b, stack};
    };
    Accumulators sums =
        together == vectors ? multiply(vector, vectors) : multiplyInTurn();
    for (int64_t i = 0; i < rows; ++i) {
      Value number = b.add(row, i);
      auto finish = [&] {
        SmallVector<Value> lanes;
        for (int64_t v = 0; v < vectors; ++v)
          lanes.push_back(sums[i * vectors + v]);
        epilogue(number, vector, lanes);
      };
      if (i < sure)
        finish();
      else
        b.ifThen(b.less(number, end), finish);
    }
  };
  /// Code of vectors of columns, as many at a time as go with `rows` rows.
  auto emitVectors = [&](int64_t rows,
                         function_ref<void(Value vector, int64_t)> emit) {
    int64_t atOnce = std::max(getVectorsAtOnce(rows), columns.unit);
    atOnce = std::min(atOnce, columns.perTile);
    // What is left where tiles, or the last of them, are no multiple of that.
    bool canBeLeft = columns.perTile % atOnce || layout.vectors() % atOnce;
    Value whole = columns.last;
    if (canBeLeft)
      whole = b.sub(columns.last,
                    b.rem(b.sub(columns.last, columns.first), atOnce));
    b.loop(columns.first, whole, atOnce,
           [&](Value vector) { emit(vector, atOnce); });
    if (canBeLeft)
      b.loop(whole, columns.last, columns.unit,
             [&](Value vector) { emit(vector, columns.unit); });
  };
  auto emitAll = [&](int64_t rows, int64_t sure) {
    emitVectors(rows, [&](Value vector, int64_t vectors) {
      emitRows(rows, sure, b.i64(0), count, vector, vectors);
    });
  };

  int64_t most = getRowsAtOnce();
  SmallVector<int64_t> sizes = getSizes(most);
  if (blockRows == most)
    return withRows(count, sizes, 1, emitAll);

  // More rows than registers hold sums of: runs of them as equal as can be,
  // none below half of the largest, while a vector's weights are in a cache.
  int64_t least = (most + 1) / 2;
  SmallVector<int64_t> few, many;
  if (least > 1) // the last of them has room for all that are fewer
    few = getSizes(least - 1);
  llvm::copy_if(sizes, std::back_inserter(many),
                [&](int64_t size) { return size >= least; });
  auto emitRuns = [&] {
    Value runs = b.ceilDiv(count, most);
    emitVectors(most, [&](Value vector, int64_t vectors) {
      b.loop(b.i64(0), runs, 1, [&](Value run) {
        auto firstOf = [&](Value number) -> Value {
          return arith::DivUIOp::create(b, b.mul(number, count), runs);
        };
        Value first = firstOf(run), end = firstOf(b.add(run, 1));
        withRows(b.sub(end, first), many, least,
                 [&](int64_t rows, int64_t sure) {
                   emitRows(rows, sure, first, end, vector, vectors);
                 });
      });
    });
  };
  if (few.empty())
    return emitRuns();
  b.ifThen(
      b.less(count, b.i64(least)), [&] { withRows(count, few, 1, emitAll); },
      emitRuns);
}
