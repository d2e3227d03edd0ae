//===- Compute.cpp - recipe ops that do arithmetic --------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// In f32, rounded at the end where the value is bf16.
//
//===----------------------------------------------------------------------===//

#include "lib/Weights/Merge.h"
#include "lib/Weights/Puller.h"

#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace llvm;
using namespace mlir;

namespace fpmoe {

/// Matrix `index` of a value, kept if that is worth it.
static Expected<RecipeCache::Matrix> getMatrix(Puller &puller, Value value,
                                               int64_t index) {
  int64_t elements = elementsBelow(shapeOf(value), shapeOf(value).size() - 2);
  auto make = [&](MutableArrayRef<float> out) {
    return puller.pull(value, index * elements, out);
  };
  if (elements * sizeof(float) <= RecipeCache::maxMatrixBytes)
    return puller.cache.matrix(value, index, puller.layer, elements, make);
  auto matrix = std::make_shared<std::vector<float>>(elements);
  if (Error e = make(*matrix))
    return std::move(e);
  return RecipeCache::Matrix(matrix);
}

static Error visit(Puller &puller, TransposeOp op, int64_t first,
                   MutableArrayRef<float> out) {
  ArrayRef<int64_t> in = shapeOf(op.getInput());
  int64_t rows = in[in.size() - 2], columns = in.back();
  return cut(first, out, rows * columns,
             [&](int64_t i, int64_t at, MutableArrayRef<float> part) -> Error {
               Expected<RecipeCache::Matrix> all =
                   getMatrix(puller, op.getInput(), i);
               if (!all)
                 return all.takeError();
               for (size_t e = 0; e < part.size(); ++e) {
                 int64_t to = at + static_cast<int64_t>(e);
                 part[e] = (**all)[to % rows * columns + to / rows];
               }
               return Error::success();
             });
}

static Error visit(Puller &puller, ProductOp op, int64_t first,
                   MutableArrayRef<float> out) {
  ArrayRef<int64_t> shape = shapeOf(op.getLeft());
  int64_t rows = shape[shape.size() - 2], inner = shape.back();
  int64_t columns = shapeOf(op.getRight()).back();
  // Stretches are rows of the result.
  Error result =
      cut(first, out, columns,
          [&](int64_t row, int64_t at, MutableArrayRef<float> part) -> Error {
            Expected<RecipeCache::Matrix> right =
                getMatrix(puller, op.getRight(), row / rows);
            if (!right)
              return right.takeError();
            Expected<RecipeCache::Matrix> left =
                getMatrix(puller, op.getLeft(), row / rows);
            if (!left)
              return left.takeError();
            std::fill(part.begin(), part.end(), 0.0f);
            for (int64_t k = 0; k < inner; ++k) {
              float factor = (**left)[row % rows * inner + k];
              const float *from = (*right)->data() + k * columns + at;
              for (size_t e = 0; e < part.size(); ++e)
                part[e] += factor * from[e];
            }
            return Error::success();
          });
  if (!result)
    roundTo(op.getType(), out);
  return result;
}

/// Pulls the same window of all inputs.
static Error pullAll(Puller &puller, ValueRange inputs, int64_t first,
                     size_t size, Windows &out) {
  out.resize(inputs.size());
  for (auto [input, window] : llvm::zip(inputs, out)) {
    window.resize(size);
    if (Error e = puller.pull(input, first, MutableArrayRef<float>(window)))
      return e;
  }
  return Error::success();
}

/// Calls merge(first, part) for windows that leave room for one of each
/// operand.
template <typename Op, typename Merge>
static Error mergeWindows(Op op, int64_t first, MutableArrayRef<float> out,
                          Merge merge) {
  while (!out.empty()) {
    MutableArrayRef<float> part =
        out.take_front(std::min(out.size(), windowElements));
    if (Error e = merge(first, part))
      return e;
    roundTo(op.getType(), part);
    first += part.size();
    out = out.drop_front(part.size());
  }
  return Error::success();
}

static Error visit(Puller &puller, WeightedSumOp op, int64_t first,
                   MutableArrayRef<float> out) {
  Windows inputs;
  return mergeWindows(
      op, first, out, [&](int64_t at, MutableArrayRef<float> part) -> Error {
        if (Error e = pullAll(puller, op.getInputs(), at, part.size(), inputs))
          return e;
        mergeWeightedSum(op, inputs, part);
        return Error::success();
      });
}

/// As mergeWindows; merge(first, inputs, part) finds the base in `part`.
template <typename Op, typename Merge>
static Error mergeWithBase(Puller &puller, Op op, int64_t first,
                           MutableArrayRef<float> out, Merge merge) {
  Windows inputs;
  return mergeWindows(
      op, first, out, [&](int64_t at, MutableArrayRef<float> part) -> Error {
        if (Error e = puller.pull(op.getBase(), at, part))
          return e;
        if (Error e = pullAll(puller, op.getInputs(), at, part.size(), inputs))
          return e;
        merge(at, inputs, part);
        return Error::success();
      });
}

static Error visit(Puller &puller, TaskArithmeticOp op, int64_t first,
                   MutableArrayRef<float> out) {
  return mergeWithBase(
      puller, op, first, out,
      [&](int64_t, const Windows &inputs, MutableArrayRef<float> part) {
        mergeTaskArithmetic(op, inputs, part);
      });
}

/// What of the difference of an operand to the base is kept.
static Expected<Selection> getSelection(Puller &puller, TiesOp op,
                                        int64_t operand) {
  int64_t elements = elementsOf(op.getResult());
  return puller.cache.select(op, operand, puller.layer, [&] {
    return selectLargest(
        elements, countKept(op.getForm(), op.getDensities()[operand], elements),
        [&](int64_t first, MutableArrayRef<float> out) -> Error {
          std::vector<float> base(out.size());
          if (Error e = puller.pull(op.getBase(), first,
                                    MutableArrayRef<float>(base)))
            return e;
          if (Error e = puller.pull(op.getInputs()[operand], first, out))
            return e;
          for (size_t e = 0; e < out.size(); ++e)
            out[e] -= base[e];
          return Error::success();
        });
  });
}

static Error visit(Puller &puller, TiesOp op, int64_t first,
                   MutableArrayRef<float> out) {
  SmallVector<Selection> kept;
  for (size_t i = 0; i < op.getInputs().size(); ++i) {
    Expected<Selection> selection = getSelection(puller, op, i);
    if (!selection)
      return selection.takeError();
    kept.push_back(*selection);
  }
  return mergeWithBase(
      puller, op, first, out,
      [&](int64_t at, Windows &inputs, MutableArrayRef<float> part) {
        mergeTies(op, kept, at, inputs, part);
      });
}

static Error visit(Puller &puller, SumRowsOp op, int64_t first,
                   MutableArrayRef<float> out) {
  std::fill(out.begin(), out.end(), 0.0f);
  std::vector<float> row(out.size());
  for (int64_t number : op.getRows()) {
    if (Error e = puller.pull(op.getTable(),
                              number * shapeOf(op.getTable()).back() + first,
                              MutableArrayRef<float>(row)))
      return e;
    for (size_t e = 0; e < out.size(); ++e)
      out[e] += row[e];
  }
  roundTo(op.getType(), out);
  return Error::success();
}

static Error visit(Puller &puller, UnitOp op, int64_t first,
                   MutableArrayRef<float> out) {
  std::vector<float> all(elementsOf(op.getInput()));
  if (Error e = puller.pull(op.getInput(), 0, MutableArrayRef<float>(all)))
    return e;
  double squares = 0;
  for (float value : all)
    squares += static_cast<double>(value) * value;
  float length = std::max(std::sqrt(squares), 1e-8);
  for (size_t e = 0; e < out.size(); ++e)
    out[e] = all[first + e] / length;
  roundTo(op.getType(), out);
  return Error::success();
}

std::optional<Error> compute(Puller &puller, Operation *op, int64_t first,
                             MutableArrayRef<float> out) {
  return llvm::TypeSwitch<Operation *, std::optional<Error>>(op)
      .Case<TransposeOp, ProductOp, WeightedSumOp, TaskArithmeticOp, TiesOp,
            SumRowsOp, UnitOp>(
          [&](auto op) { return visit(puller, op, first, out); })
      .Default([](Operation *) { return std::nullopt; });
}

} // namespace fpmoe
