//===- Evaluate.cpp - weight recipes, a window at a time --------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pulls a window through a recipe: each op turns it into windows of its
// operands. Rounding to bf16 commutes with every op that only moves elements,
// so a bf16 value is pulled as bf16 down to its sources; a bf16 checkpoint is
// then copied, not converted. Arithmetic is in f32 and rounded at the end.
//
//===----------------------------------------------------------------------===//

#include "lib/Weights/Evaluate.h"

#include "lib/Weights/Cache.h"
#include "lib/Weights/Generate.h"
#include "lib/Weights/Merge.h"

#include "llvm/ADT/bit.h"
#include "llvm/Support/Endian.h"

#include <cmath>
#include <cstring>

using namespace llvm;
using namespace mlir;

namespace fpmoe {

static uint16_t roundToBF16(float value) {
  uint32_t bits = bit_cast<uint32_t>(value);
  // A NaN must not round to infinity.
  if ((bits & 0x7fffffff) > 0x7f800000)
    return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static float fromBF16(uint16_t bits) {
  return bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

static int64_t elementsOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getNumElements();
}

/// Elements of one index of the first `drop` dimensions.
static int64_t elementsBelow(ArrayRef<int64_t> shape, size_t drop) {
  int64_t elements = 1;
  for (int64_t extent : shape.drop_front(drop))
    elements *= extent;
  return elements;
}

namespace {

/// One evaluation. T is how the caller wants elements: float, or uint16_t for
/// the bits of a bf16.
class Puller {
public:
  Puller(const Sources &sources, RecipeCache &cache, int64_t layer)
      : sources(sources), cache(cache), layer(layer) {}

  template <typename T>
  Error pull(Value value, int64_t first, MutableArrayRef<T> out) {
    if (out.empty())
      return Error::success();
    if (first < 0 || first > elementsOf(value) ||
        static_cast<int64_t>(out.size()) > elementsOf(value) - first)
      return createStringError(Twine("elements from ") + Twine(first) + " to " +
                               Twine(first + out.size()) + " of a value of " +
                               Twine(elementsOf(value)) + " were asked for");
    Operation *op = value.getDefiningOp();
    Error result = Error::success();
    if (dispatch<LoadOp, StackOp, ConcatOp, SliceOp, SelectOp, ReshapeOp,
                 ConvertOp, DeinterleaveOp, InterleaveOp, AppendColumnsOp,
                 PackOp, ByLayerOp>(
            op, result, [&](auto op) { return visit(op, first, out); }))
      return result;
    if (dispatch<RandomOp, RopeTableOp, FillOp, TransposeOp, ProductOp,
                 WeightedSumOp, TaskArithmeticOp, TiesOp, SumRowsOp,
                 PromptStateOp, UnitOp>(op, result, [&](auto op) {
          if constexpr (std::is_same_v<T, uint16_t>)
            return roundWindows(op, first, out);
          else
            return visit(op, first, out);
        }))
      return result;
    return createStringError("'" + op->getName().getStringRef() +
                             "' is not an op of recipes");
  }

private:
  /// Calls `visit` with the op if it is one of Ops; says whether it is.
  template <typename... Ops, typename Visit>
  bool dispatch(Operation *op, Error &result, Visit visit) {
    return ((isa<Ops>(op) && ((result = visit(cast<Ops>(op))), true)) || ...);
  }

  //===--------------------------------------------------------------------===//
  // Sources
  //===--------------------------------------------------------------------===//

  Error visit(LoadOp op, int64_t first, MutableArrayRef<float> out) {
    Expected<LoadedTensor> from = resolveLoad(op, layer, sources);
    if (!from)
      return from.takeError();
    if (Error e =
            from->checkpoint->read(*from->tensor, from->first + first, out))
      return e;
    roundIfBF16(op.getType(), out);
    return Error::success();
  }

  Error visit(LoadOp op, int64_t first, MutableArrayRef<uint16_t> out) {
    Expected<LoadedTensor> from = resolveLoad(op, layer, sources);
    if (!from)
      return from.takeError();
    if (from->tensor->dtype != DType::BF16)
      return roundWindows(op, first, out);
    auto bytes = MutableArrayRef<uint8_t>(
        reinterpret_cast<uint8_t *>(out.data()), out.size() * 2);
    if (Error e = from->checkpoint->readRaw(*from->tensor,
                                            (from->first + first) * 2, bytes))
      return e;
    if constexpr (llvm::endianness::native == llvm::endianness::big)
      for (uint16_t &bits : out)
        bits = llvm::byteswap(bits);
    return Error::success();
  }

  Error visit(RandomOp op, int64_t first, MutableArrayRef<float> out) {
    generateRandom(op, layer, first, out);
    roundIfBF16(op.getType(), out);
    return Error::success();
  }

  Error visit(RopeTableOp op, int64_t first, MutableArrayRef<float> out) {
    generateRopeTable(op, first, out);
    roundIfBF16(op.getType(), out);
    return Error::success();
  }

  Error visit(FillOp op, int64_t, MutableArrayRef<float> out) {
    std::fill(out.begin(), out.end(), op.getValue().convertToDouble());
    roundIfBF16(op.getType(), out);
    return Error::success();
  }

  /// What is made in f32, as bf16.
  template <typename Source>
  Error roundWindows(Source op, int64_t first, MutableArrayRef<uint16_t> out) {
    std::vector<float> window(std::min(out.size(), windowElements));
    while (!out.empty()) {
      size_t count = std::min(out.size(), window.size());
      if (Error e = visit(op, first, MutableArrayRef(window).take_front(count)))
        return e;
      for (size_t i = 0; i < count; ++i)
        out[i] = roundToBF16(window[i]);
      first += count;
      out = out.drop_front(count);
    }
    return Error::success();
  }

  static void roundIfBF16(Type type, MutableArrayRef<float> out) {
    if (cast<ShapedType>(type).getElementType().isBF16())
      for (float &value : out)
        value = fromBF16(roundToBF16(value));
  }

  //===--------------------------------------------------------------------===//
  // Arrangements
  //===--------------------------------------------------------------------===//

  /// Cuts the window at multiples of `extent`: fetch(i, at, part) gets the part
  /// inside the i-th stretch of that length, which starts at element `at` of
  /// it.
  template <typename T, typename Fetch>
  static Error cut(int64_t first, MutableArrayRef<T> out, int64_t extent,
                   Fetch fetch) {
    while (!out.empty()) {
      int64_t i = first / extent, at = first % extent;
      size_t count = std::min<int64_t>(out.size(), extent - at);
      if (Error e = fetch(i, at, out.take_front(count)))
        return e;
      first += count;
      out = out.drop_front(count);
    }
    return Error::success();
  }

  template <typename T>
  Error visit(StackOp op, int64_t first, MutableArrayRef<T> out) {
    return cut(first, out, elementsOf(op.getInputs().front()),
               [&](int64_t i, int64_t at, MutableArrayRef<T> part) {
                 return pull(op.getInputs()[i], at, part);
               });
  }

  template <typename T>
  Error visit(ConcatOp op, int64_t first, MutableArrayRef<T> out) {
    for (Value input : op.getInputs()) {
      int64_t size = elementsOf(input);
      if (first >= size) {
        first -= size;
        continue;
      }
      size_t count = std::min<int64_t>(out.size(), size - first);
      if (Error e = pull(input, first, out.take_front(count)))
        return e;
      out = out.drop_front(count);
      first = 0;
      if (out.empty())
        break;
    }
    return Error::success();
  }

  template <typename T>
  Error visit(SliceOp op, int64_t first, MutableArrayRef<T> out) {
    ArrayRef<int64_t> in = shapeOf(op.getInput());
    size_t batch = in.size() - 2;
    int64_t stride = elementsBelow(in, batch);
    int64_t skipped = op.getFirst() * in.back();
    return cut(first, out, elementsBelow(shapeOf(op.getResult()), batch),
               [&](int64_t i, int64_t at, MutableArrayRef<T> part) {
                 return pull(op.getInput(), i * stride + skipped + at, part);
               });
  }

  template <typename T>
  Error visit(SelectOp op, int64_t first, MutableArrayRef<T> out) {
    int64_t extent = elementsBelow(shapeOf(op.getInput()), 1);
    return cut(first, out, extent,
               [&](int64_t i, int64_t at, MutableArrayRef<T> part) {
                 return pull(op.getInput(), op.getIndices()[i] * extent + at,
                             part);
               });
  }

  template <typename T>
  Error visit(ReshapeOp op, int64_t first, MutableArrayRef<T> out) {
    return pull(op.getInput(), first, out);
  }

  Error visit(ConvertOp op, int64_t first, MutableArrayRef<float> out) {
    if (Error e = pull(op.getInput(), first, out))
      return e;
    roundIfBF16(op.getType(), out);
    return Error::success();
  }
  Error visit(ConvertOp op, int64_t first, MutableArrayRef<uint16_t> out) {
    return pull(op.getInput(), first, out);
  }

  template <typename T>
  Error visit(DeinterleaveOp op, int64_t first, MutableArrayRef<T> out) {
    ArrayRef<int64_t> shape = shapeOf(op.getInput());
    int64_t columns = elementsBelow(shape, 1), headDim = op.getHeadDim();
    int64_t width = op.getWidth(), start = headDim - width;
    return cut(
        first, out, columns,
        [&](int64_t row, int64_t at, MutableArrayRef<T> part) {
          int64_t place = row % headDim - start;
          int64_t from = place < 0           ? place
                         : place < width / 2 ? 2 * place
                                             : 2 * (place - width / 2) + 1;
          return pull(op.getInput(), (row - place + from) * columns + at, part);
        });
  }

  template <typename T>
  Error visit(InterleaveOp op, int64_t first, MutableArrayRef<T> out) {
    ArrayRef<int64_t> in = shapeOf(op.getFirst());
    int64_t rows = in[in.size() - 2], columns = in.back();
    int64_t blocks = 2 * roundUpToPanel(rows) / kPanelRows;
    // Stretches are blocks of 16 rows, by turns of the first and the second.
    return cut(first, out, kPanelRows * columns,
               [&](int64_t i, int64_t at, MutableArrayRef<T> part) -> Error {
                 int64_t matrix = i / blocks, block = i % blocks;
                 int64_t start = block / 2 * kPanelRows * columns + at;
                 int64_t left = std::max<int64_t>(rows * columns - start, 0);
                 size_t count = std::min<int64_t>(part.size(), left);
                 std::fill(part.begin() + count, part.end(), T(0));
                 if (count == 0)
                   return Error::success();
                 return pull(block % 2 ? op.getSecond() : op.getFirst(),
                             matrix * rows * columns + start,
                             part.take_front(count));
               });
  }

  template <typename T>
  Error visit(AppendColumnsOp op, int64_t first, MutableArrayRef<T> out) {
    int64_t columns = shapeOf(op.getFirst()).back();
    int64_t padded = roundUpToPanel(columns);
    int64_t added = shapeOf(op.getSecond()).back();
    // A row is a stretch: columns of the first, zeros, columns of the second.
    return cut(first, out, padded + added,
               [&](int64_t row, int64_t at, MutableArrayRef<T> part) -> Error {
                 while (!part.empty()) {
                   int64_t end = at < columns  ? columns
                                 : at < padded ? padded
                                               : padded + added;
                   size_t count = std::min<int64_t>(part.size(), end - at);
                   Error error = Error::success();
                   if (at < columns)
                     error = pull(op.getFirst(), row * columns + at,
                                  part.take_front(count));
                   else if (at < padded)
                     std::fill_n(part.begin(), count, T(0));
                   else
                     error = pull(op.getSecond(), row * added + at - padded,
                                  part.take_front(count));
                   if (error)
                     return error;
                   at += count;
                   part = part.drop_front(count);
                 }
                 return Error::success();
               });
  }

  /// Element by element, in runs of the `s` columns that stand together: the
  /// plain meaning. Programs are written by writeWeights(), panel by panel.
  template <typename T>
  Error visit(PackOp op, int64_t first, MutableArrayRef<T> out) {
    ArrayRef<int64_t> in = shapeOf(op.getInput());
    ArrayRef<int64_t> result = shapeOf(op.getResult());
    int64_t rows = in[in.size() - 2], columns = in.back();
    int64_t panels = result[in.size() - 2], steps = result[in.size() - 1];
    int64_t step = result.back();
    auto fetch = [&](int64_t i, int64_t at, MutableArrayRef<T> part) -> Error {
      int64_t row = i % kPanelRows, column = i / kPanelRows % steps * step + at;
      int64_t panel = i / kPanelRows / steps;
      row += panel % panels * kPanelRows;
      int64_t left = row < rows ? std::max<int64_t>(columns - column, 0) : 0;
      size_t count = std::min<int64_t>(part.size(), left);
      std::fill(part.begin() + count, part.end(), T(0));
      if (count == 0)
        return Error::success();
      return pull(op.getInput(),
                  (panel / panels * rows + row) * columns + column,
                  part.take_front(count));
    };
    if (Error e = cut(first, out, step, fetch))
      return e;
    if constexpr (std::is_same_v<T, float>)
      roundIfBF16(op.getType(), out);
    return Error::success();
  }

  //===--------------------------------------------------------------------===//
  // Arithmetic
  //===--------------------------------------------------------------------===//

  template <typename T>
  Error visit(ByLayerOp op, int64_t first, MutableArrayRef<T> out) {
    return pull(op.getInputOf(layer), first, out);
  }

  /// Matrix `index` of a value, kept if that is worth it.
  Expected<RecipeCache::Matrix> getMatrix(Value value, int64_t index) {
    int64_t elements = elementsBelow(shapeOf(value), shapeOf(value).size() - 2);
    auto make = [&](MutableArrayRef<float> out) {
      return pull(value, index * elements, out);
    };
    if (elements * sizeof(float) <= RecipeCache::maxMatrixBytes)
      return cache.matrix(value, index, layer, elements, make);
    auto matrix = std::make_shared<std::vector<float>>(elements);
    if (Error e = make(*matrix))
      return std::move(e);
    return RecipeCache::Matrix(matrix);
  }

  Error visit(TransposeOp op, int64_t first, MutableArrayRef<float> out) {
    ArrayRef<int64_t> in = shapeOf(op.getInput());
    int64_t rows = in[in.size() - 2], columns = in.back();
    return cut(
        first, out, rows * columns,
        [&](int64_t i, int64_t at, MutableArrayRef<float> part) -> Error {
          Expected<RecipeCache::Matrix> all = getMatrix(op.getInput(), i);
          if (!all)
            return all.takeError();
          for (size_t e = 0; e < part.size(); ++e) {
            int64_t to = at + static_cast<int64_t>(e);
            part[e] = (**all)[to % rows * columns + to / rows];
          }
          return Error::success();
        });
  }

  Error visit(ProductOp op, int64_t first, MutableArrayRef<float> out) {
    ArrayRef<int64_t> shape = shapeOf(op.getLeft());
    int64_t rows = shape[shape.size() - 2], inner = shape.back();
    int64_t columns = shapeOf(op.getRight()).back();
    // Stretches are rows of the result.
    Error result =
        cut(first, out, columns,
            [&](int64_t row, int64_t at, MutableArrayRef<float> part) -> Error {
              Expected<RecipeCache::Matrix> right =
                  getMatrix(op.getRight(), row / rows);
              if (!right)
                return right.takeError();
              Expected<RecipeCache::Matrix> left =
                  getMatrix(op.getLeft(), row / rows);
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
      roundIfBF16(op.getType(), out);
    return result;
  }

  /// Pulls the same window of all inputs.
  Error pullAll(ValueRange inputs, int64_t first, size_t size, Windows &out) {
    out.resize(inputs.size());
    for (auto [input, window] : llvm::zip(inputs, out)) {
      window.resize(size);
      if (Error e = pull(input, first, MutableArrayRef<float>(window)))
        return e;
    }
    return Error::success();
  }

  /// Calls merge(first, part) for windows that leave room for one of each
  /// operand.
  template <typename Op, typename Merge>
  Error mergeWindows(Op op, int64_t first, MutableArrayRef<float> out,
                     Merge merge) {
    while (!out.empty()) {
      MutableArrayRef<float> part =
          out.take_front(std::min(out.size(), windowElements));
      if (Error e = merge(first, part))
        return e;
      roundIfBF16(op.getType(), part);
      first += part.size();
      out = out.drop_front(part.size());
    }
    return Error::success();
  }

  Error visit(WeightedSumOp op, int64_t first, MutableArrayRef<float> out) {
    Windows inputs;
    return mergeWindows(
        op, first, out, [&](int64_t at, MutableArrayRef<float> part) -> Error {
          if (Error e = pullAll(op.getInputs(), at, part.size(), inputs))
            return e;
          mergeWeightedSum(op, inputs, part);
          return Error::success();
        });
  }

  /// As mergeWindows; merge(first, inputs, part) finds the base in `part`.
  template <typename Op, typename Merge>
  Error mergeWithBase(Op op, int64_t first, MutableArrayRef<float> out,
                      Merge merge) {
    Windows inputs;
    return mergeWindows(
        op, first, out, [&](int64_t at, MutableArrayRef<float> part) -> Error {
          if (Error e = pull(op.getBase(), at, part))
            return e;
          if (Error e = pullAll(op.getInputs(), at, part.size(), inputs))
            return e;
          merge(at, inputs, part);
          return Error::success();
        });
  }

  Error visit(TaskArithmeticOp op, int64_t first, MutableArrayRef<float> out) {
    return mergeWithBase(
        op, first, out,
        [&](int64_t, const Windows &inputs, MutableArrayRef<float> part) {
          mergeTaskArithmetic(op, inputs, part);
        });
  }

  /// What of the difference of an operand to the base is kept.
  Expected<Selection> getSelection(TiesOp op, int64_t operand) {
    int64_t elements = elementsOf(op.getResult());
    return cache.select(op, operand, layer, [&] {
      return selectLargest(
          elements,
          countKept(op.getForm(), op.getDensities()[operand], elements),
          [&](int64_t first, MutableArrayRef<float> out) -> Error {
            std::vector<float> base(out.size());
            if (Error e =
                    pull(op.getBase(), first, MutableArrayRef<float>(base)))
              return e;
            if (Error e = pull(op.getInputs()[operand], first, out))
              return e;
            for (size_t e = 0; e < out.size(); ++e)
              out[e] -= base[e];
            return Error::success();
          });
    });
  }

  Error visit(TiesOp op, int64_t first, MutableArrayRef<float> out) {
    SmallVector<Selection> kept;
    for (size_t i = 0; i < op.getInputs().size(); ++i) {
      Expected<Selection> selection = getSelection(op, i);
      if (!selection)
        return selection.takeError();
      kept.push_back(*selection);
    }
    return mergeWithBase(
        op, first, out,
        [&](int64_t at, Windows &inputs, MutableArrayRef<float> part) {
          mergeTies(op, kept, at, inputs, part);
        });
  }

  Error visit(SumRowsOp op, int64_t first, MutableArrayRef<float> out) {
    std::fill(out.begin(), out.end(), 0.0f);
    std::vector<float> row(out.size());
    for (int64_t number : op.getRows()) {
      if (Error e = pull(op.getTable(),
                         number * shapeOf(op.getTable()).back() + first,
                         MutableArrayRef<float>(row)))
        return e;
      for (size_t e = 0; e < out.size(); ++e)
        out[e] += row[e];
    }
    roundIfBF16(op.getType(), out);
    return Error::success();
  }

  Error visit(PromptStateOp op, int64_t first, MutableArrayRef<float> out) {
    ArrayRef<float> state = sources.findState(op, layer);
    if (state.empty())
      return createStringError("a prompt state is not known");
    llvm::copy(state.slice(first, out.size()), out.begin());
    roundIfBF16(op.getType(), out);
    return Error::success();
  }

  Error visit(UnitOp op, int64_t first, MutableArrayRef<float> out) {
    std::vector<float> all(elementsOf(op.getInput()));
    if (Error e = pull(op.getInput(), 0, MutableArrayRef<float>(all)))
      return e;
    double squares = 0;
    for (float value : all)
      squares += static_cast<double>(value) * value;
    float length = std::max(std::sqrt(squares), 1e-8);
    for (size_t e = 0; e < out.size(); ++e)
      out[e] = all[first + e] / length;
    roundIfBF16(op.getType(), out);
    return Error::success();
  }

  /// Elements that are computed at once where others are needed for them.
  static constexpr size_t windowElements = 16384;

  const Sources &sources;
  RecipeCache &cache;
  int64_t layer;
};

} // namespace

RecipeEvaluator::RecipeEvaluator(Sources sources)
    : sources(std::move(sources)), cache(std::make_shared<RecipeCache>()) {}

Error RecipeEvaluator::evaluate(Value value, int64_t layer, int64_t first,
                                MutableArrayRef<float> out) const {
  return Puller(sources, *cache, layer).pull(value, first, out);
}

Error RecipeEvaluator::evaluate(Value value, int64_t layer, int64_t first,
                                MutableArrayRef<uint16_t> out) const {
  return Puller(sources, *cache, layer).pull(value, first, out);
}

void packPanel(const uint32_t *rows, int64_t words, uint32_t *out) {
  // Squares of 16 by 16 words: a cache line of each row at a time.
  for (int64_t from = 0; from < words; from += kPanelRows) {
    int64_t to = std::min(words, from + kPanelRows);
    for (int64_t row = 0; row < kPanelRows; ++row)
      for (int64_t word = from; word < to; ++word)
        out[word * kPanelRows + row] = rows[row * words + word];
  }
}

} // namespace fpmoe
