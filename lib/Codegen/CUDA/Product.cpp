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
  if (columns.operandDepth) {
    int64_t depth = getFormat(element).getOperandDepth(b.target);
    from.base = b.at(from.base,
                     b.mul(b.div(columns.operandDepth, depth), from.stepBytes));
  }
  if (rows <= kFewRows)
    return emitRows(from, rows, count, matrix, columns, epilogue);
  auto emitSome = [&](Value first, int64_t some) {
    OperandRows part = from;
    part.base = b.at(from.base, b.mul(first, from.rowBytes));
    emitRows(part, some, b.sub(count, first), matrix, columns,
             [&](Value row, Value vector, Value lane, ArrayRef<Value> sums) {
               epilogue(b.add(row, first), vector, lane, sums);
             });
  };
  auto emitAll = [&](int64_t atOnce) {
    b.loop(b.i64(0), count, atOnce,
           [&](Value first) { emitSome(first, atOnce); });
  };
  if (isFloat())
    return emitAll(kFewRows);
  int64_t most = element.isBF16() ? kMostRows : kMostIntegerRows;
  b.ifThen(
      b.less(b.i64(kFewRows), count),
      [&] { rows > most ? emitAll(most) : emitSome(b.i64(0), rows); },
      [&] { emitSome(b.i64(0), kFewRows); });
}

void Product::emitRows(OperandRows from, int64_t count, Value valid,
                       Value matrix, const Columns &columns,
                       Epilogue epilogue) {
  auto make = isFloat()          ? makeFloatProduct
              : element.isBF16() ? makeBF16Product
                                 : makeIntegerProduct;
  std::unique_ptr<WarpProduct> product =
      make(block, layout, element, from, count);
  // Loads of some vectors together hide each other's latency, and rows are
  // loaded once for all of them.
  int64_t atOnce = std::min(product->getVectorsAtOnce(), columns.most) /
                   columns.unit * columns.unit;
  Value whole =
      b.add(columns.first,
            b.mul(b.div(b.sub(columns.last, columns.first), atOnce), atOnce));
  auto emitFrom = [&](Value vector, int64_t vectors) {
    emitVectors(*product, count, matrix, vector, vectors, columns, valid,
                epilogue);
  };
  b.loop(columns.first, whole, atOnce,
         [&](Value vector) { emitFrom(vector, atOnce); });
  if (atOnce > columns.unit)
    b.loop(whole, columns.last, columns.unit,
           [&](Value vector) { emitFrom(vector, columns.unit); });
}

/// The sums of the warp: its parts of K are `warp` + 8 i.
SmallVector<Value> Product::emitSums(WarpProduct &product, int64_t count,
                                     ArrayRef<Value> vectors) {
  int64_t perVector = product.getSums();
  Value parts = b.i64(product.getParts()), from = block.warp;
  SmallVector<Value> sums(vectors.size() * perVector, b.f32(0.0f));
  /// Weights of all vectors, then rows.
  using Loaded = SmallVector<SmallVector<Value>>;
  auto loadWeights = [&](Value part) {
    Loaded loaded;
    for (Value vector : vectors)
      loaded.push_back(product.loadWeights(vector, part));
    return loaded;
  };
  auto load = [&](Value part) {
    Loaded loaded = loadWeights(part);
    loaded.push_back(product.loadRows(part));
    return loaded;
  };
  auto multiply = [&](const Loaded &loaded, MutableArrayRef<Value> sums) {
    for (size_t v = 0; v < vectors.size(); ++v)
      product.multiply(loaded[v], loaded.back(),
                       sums.slice(v * perVector, perVector));
  };

  if (count > kFewRows) {
    // Much is done with what is loaded: meanwhile the next part comes.
    Value last = b.sub(parts, b.i64(1));
    Loaded shape = load(b.min(from, last));
    SmallVector<Value> carried(sums);
    for (ArrayRef<Value> values : shape)
      llvm::append_range(carried, values);
    carried = b.loop(
        from, parts, kWarps, carried, [&](Value part, ValueRange before) {
          Loaded next = load(b.min(b.add(part, kWarps), last)), here;
          SmallVector<Value> after(before.take_front(sums.size()));
          ValueRange rest = before.drop_front(sums.size());
          for (ArrayRef<Value> values : shape) {
            here.emplace_back(rest.take_front(values.size()));
            rest = rest.drop_front(values.size());
          }
          multiply(here, after);
          for (ArrayRef<Value> values : next)
            llvm::append_range(after, values);
          return after;
        });
    carried.truncate(sums.size());
    return carried;
  }

  // Some parts at once, loads first; then half as many of those that are left,
  // and so on.
  int64_t unroll =
      std::max<int64_t>(product.getPartsAtOnce() / int64_t(vectors.size()), 1);
  auto emitParts = [&](Value part, int64_t some, ValueRange before) {
    SmallVector<Value> after(before);
    SmallVector<Loaded> loaded;
    auto partOf = [&](int64_t u) { return b.add(part, u * kWarps); };
    for (int64_t u = 0; u < some; ++u)
      loaded.push_back(count == 1 ? loadWeights(partOf(u)) : load(partOf(u)));
    for (int64_t u = 0; u < some; ++u) {
      // One row is near, and would take registers that weights on their way
      // want.
      if (count == 1)
        loaded[u].push_back(product.loadRows(partOf(u)));
      multiply(loaded[u], after);
    }
    return after;
  };
  for (; unroll > 0; unroll /= 2) {
    int64_t lot = unroll * kWarps;
    Value end = b.sub(parts, b.i64((unroll - 1) * kWarps));
    sums = b.loop(from, end, lot, sums, [&](Value part, ValueRange before) {
      return emitParts(part, unroll, before);
    });
    Value mine = b.max(b.sub(end, from), b.i64(0));
    from = b.add(from, b.mul(b.ceilDiv(mine, lot), lot));
  }
  return sums;
}

void Product::emitVectors(WarpProduct &product, int64_t count, Value matrix,
                          Value vector, int64_t vectors, const Columns &columns,
                          Value valid, Epilogue epilogue) {
  int64_t unit = columns.unit;
  assert(columns.apart == 1 || vectors == unit);
  SmallVector<Value> starts;
  for (int64_t v = 0; v < vectors; ++v)
    starts.push_back(vectorAt(matrix, b.add(vector, v * columns.apart)));
  SmallVector<Value> sums = emitSums(product, count, starts);

  // Warps leave their sums as [warps, vectors, rows, columns], of as many
  // vectors as scratch has room for; threads add them.
  int64_t perLane = product.getSums(), perVector = count * kLanes;
  int64_t atOnce = std::min(kScratchFloats / (kWarps * perVector), vectors);
  assert(atOnce > 0);
  auto scratchAt = [&](Value place) {
    return b.at(block.partials, b.mul(place, 4));
  };
  auto storeSums = [&](int64_t first) {
    for (int64_t v = 0; v < std::min(atOnce, vectors - first); ++v)
      product.store(ArrayRef(sums).slice((first + v) * perLane, perLane),
                    scratchAt(b.add(b.mul(block.warp, atOnce * perVector),
                                    v * perVector)));
    block.sync();
  };
  auto totalAt = [&](Value place) {
    Value total = b.loadF32(block.partials, place);
    for (int64_t w = 1; w < kWarps; ++w)
      total = b.fadd(total, b.loadF32(block.partials,
                                      b.add(place, w * atOnce * perVector)));
    return total;
  };
  auto forResults = [&](function_ref<Value(Value)> resultAt) {
    block.forThreads(vectors / unit * perVector, [&](Value i) {
      Value lot = b.mul(b.div(i, perVector), unit);
      Value place = b.rem(i, perVector);
      Value row = b.div(place, kLanes), lane = b.rem(place, kLanes);
      b.ifThen(b.less(row, valid), [&] {
        SmallVector<Value> results;
        for (int64_t u = 0; u < unit; ++u)
          results.push_back(
              resultAt(b.add(b.mul(b.add(lot, u), perVector), place)));
        epilogue(row, b.add(vector, lot), lane, results);
      });
    });
    block.sync();
  };
  if (atOnce == vectors) {
    storeSums(0);
    return forResults(totalAt);
  }
  assert(perVector % kThreads == 0);
  SmallVector<Value> totals;
  for (int64_t v = 0; v < vectors; v += atOnce) {
    storeSums(v);
    int64_t some = std::min(atOnce, vectors - v);
    for (int64_t first = 0; first < some * perVector; first += kThreads)
      totals.push_back(totalAt(b.add(block.thread, first)));
    block.sync();
  }
  for (auto [i, total] : llvm::enumerate(totals))
    b.storeF32(total, block.partials, b.add(block.thread, i * kThreads));
  block.sync();
  forResults([&](Value place) { return b.loadF32(block.partials, place); });
}
