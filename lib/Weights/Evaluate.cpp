//===- Evaluate.cpp - weight recipes, a window at a time --------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pulls a window through a recipe: each op turns it into windows of its
// operands. Rounding to bf16 commutes with every op that only moves elements,
// so a bf16 value is pulled as bf16 down to its sources; a bf16 checkpoint is
// then copied, not converted.
//
//===----------------------------------------------------------------------===//

#include "lib/Weights/Evaluate.h"

#include "llvm/ADT/bit.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/xxhash.h"

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

/// The finaliser of splitmix64.
static uint64_t mix(uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

namespace {

/// One evaluation. T is how the caller wants elements: float, or uint16_t for
/// the bits of a bf16.
class Puller {
public:
  Puller(const Checkpoint *checkpoint, int64_t layer)
      : checkpoint(checkpoint), layer(layer) {}

  template <typename T>
  Error pull(Value value, int64_t first, MutableArrayRef<T> out) {
    if (out.empty())
      return Error::success();
    if (first < 0 || first > elementsOf(value) ||
        static_cast<int64_t>(out.size()) > elementsOf(value) - first)
      return createStringError(Twine("elements from ") + Twine(first) + " to " +
                               Twine(first + out.size()) + " of a value of " +
                               Twine(elementsOf(value)) + " were asked for");
    return dispatch<LoadOp, RandomOp, RopeTableOp, StackOp, ConcatOp, SliceOp,
                    SelectOp, ReshapeOp, ConvertOp, InterleaveOp, PackOp>(
        value.getDefiningOp(), first, out);
  }

private:
  template <typename... Ops, typename T>
  Error dispatch(Operation *op, int64_t first, MutableArrayRef<T> out) {
    Error result = Error::success();
    bool known = ((isa<Ops>(op) &&
                   ((result = visit(cast<Ops>(op), first, out)), true)) ||
                  ...);
    if (!known)
      return createStringError("'" + op->getName().getStringRef() +
                               "' is not an op of recipes");
    return result;
  }

  //===--------------------------------------------------------------------===//
  // Sources
  //===--------------------------------------------------------------------===//

  Error visit(LoadOp op, int64_t first, MutableArrayRef<float> out) {
    Expected<LoadedTensor> from = resolveLoad(op, layer, checkpoint);
    if (!from)
      return from.takeError();
    if (Error e = checkpoint->read(*from->tensor, from->first + first, out))
      return e;
    roundIfBF16(op.getType(), out);
    return Error::success();
  }

  Error visit(LoadOp op, int64_t first, MutableArrayRef<uint16_t> out) {
    Expected<LoadedTensor> from = resolveLoad(op, layer, checkpoint);
    if (!from)
      return from.takeError();
    if (from->tensor->dtype != DType::BF16)
      return roundWindows(op, first, out);
    auto bytes = MutableArrayRef<uint8_t>(
        reinterpret_cast<uint8_t *>(out.data()), out.size() * 2);
    if (Error e = checkpoint->readRaw(*from->tensor, (from->first + first) * 2,
                                      bytes))
      return e;
    if constexpr (llvm::endianness::native == llvm::endianness::big)
      for (uint16_t &bits : out)
        bits = llvm::byteswap(bits);
    return Error::success();
  }

  /// Element i is made of 64 hashed bits. The sum of their four 16-bit fields
  /// stands for a normal distribution: right in mean, deviation and symmetry,
  /// and cut off at 3.5 deviations.
  Error visit(RandomOp op, int64_t first, MutableArrayRef<float> out) {
    uint64_t name = xxh3_64bits(formatTensorName(op.getName(), layer));
    uint64_t key = mix(name ^ mix(op.getSeed() + 0x9e3779b97f4a7c15u));
    // Deviation of the sum of four uniform integers below 2^16.
    constexpr double deviation = 37837.227;
    float mean = op.getMean().convertToDouble();
    float scale = op.getStddev().convertToDouble() / deviation;
    for (size_t i = 0; i < out.size(); ++i) {
      uint64_t x = mix(key + (first + i) * 0x9e3779b97f4a7c15u);
      // Two fields a lane of 32 bits, then both lanes.
      uint64_t pairs =
          (x & 0x0000ffff0000ffffu) + (x >> 16 & 0x0000ffff0000ffffu);
      auto sum = static_cast<int32_t>(static_cast<uint32_t>(pairs) +
                                      static_cast<uint32_t>(pairs >> 32));
      out[i] = mean + scale * static_cast<float>(sum - 2 * 65535);
    }
    roundIfBF16(op.getType(), out);
    return Error::success();
  }

  /// All steps in f32, in the order of transformers.
  Error visit(RopeTableOp op, int64_t first, MutableArrayRef<float> out) {
    int64_t columns = shapeOf(op.getResult())[1], half = columns / 2;
    float theta = op.getTheta().convertToDouble();
    SmallVector<float, 128> frequencies(half);
    for (int64_t i = 0; i < half; ++i)
      frequencies[i] = 1.0f / std::pow(theta, static_cast<float>(2 * i) /
                                                  static_cast<float>(columns));
    for (size_t i = 0; i < out.size(); ++i) {
      int64_t column = (first + i) % columns;
      float angle = static_cast<float>((first + i) / columns) *
                    frequencies[column % half];
      out[i] = column < half ? std::cos(angle) : std::sin(angle);
    }
    roundIfBF16(op.getType(), out);
    return Error::success();
  }

  Error visit(RandomOp op, int64_t first, MutableArrayRef<uint16_t> out) {
    return roundWindows(op, first, out);
  }
  Error visit(RopeTableOp op, int64_t first, MutableArrayRef<uint16_t> out) {
    return roundWindows(op, first, out);
  }

  /// A source of bf16, made in f32 windows.
  template <typename Source>
  Error roundWindows(Source op, int64_t first, MutableArrayRef<uint16_t> out) {
    float window[4096];
    while (!out.empty()) {
      size_t count = std::min(out.size(), std::size(window));
      if (Error e = visit(op, first, MutableArrayRef<float>(window, count)))
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

  const Checkpoint *checkpoint;
  int64_t layer;
};

} // namespace

Error RecipeEvaluator::evaluate(Value value, int64_t layer, int64_t first,
                                MutableArrayRef<float> out) const {
  return Puller(checkpoint, layer).pull(value, first, out);
}

Error RecipeEvaluator::evaluate(Value value, int64_t layer, int64_t first,
                                MutableArrayRef<uint16_t> out) const {
  return Puller(checkpoint, layer).pull(value, first, out);
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
