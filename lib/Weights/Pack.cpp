//===- Pack.cpp - Panels of packed weights --------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Rows of the weight are read as they are, and what of them stands together in
// memory, a word, is moved to its place.
//===----------------------------------------------------------------------===//

#include "lib/Weights/Pack.h"
#include "lib/Checkpoint/Half.h"
#include "lib/Checkpoint/Input.h"
#include "lib/Weights/SplitGroups.h"

#include "llvm/Support/Endian.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace llvm;
using namespace mlir;
using mega::kVectorColumns;

namespace fpmoe {

/// Bytes of rows that are packed at once.
static constexpr int64_t blockBytes = int64_t(512) << 10;

int64_t PanelPacker::getBlockDepth() const {
  return blockBytes / layout.stepBytes();
}

/// Words of `n` rows that follow one another become groups of n, word by word.
template <typename Word>
static void transpose(const void *rows, int64_t n, int64_t words, void *out) {
  auto *from = static_cast<const Word *>(rows);
  auto *to = static_cast<Word *>(out);
  // Squares: a cache line of each row at a time.
  constexpr int64_t square = 16;
  for (int64_t first = 0; first < words; first += square)
    for (int64_t row = 0; row < n; ++row)
      for (int64_t word = first, end = std::min(words, first + square);
           word < end; ++word)
        to[word * n + row] = from[row * words + word];
}

Error PanelPacker::pack(int64_t layer, int64_t panel, int64_t from, int64_t to,
                        std::vector<float> &rows, uint8_t *out) const {
  int64_t words = to - from, elements = layout.n * words * layout.k;
  rows.resize(elements);
  mlir::Type element = op.getType().getElementType();
  if (auto format = getGroupFormat(element))
    return packGroups(*format, layer, panel, from, to, rows, out);
  auto *narrow = reinterpret_cast<uint16_t *>(rows.data());
  if (Error e =
          element.isBF16()
              ? readRows(op.getInput(), layer, panel, from, to, narrow)
              : readRows(op.getInput(), layer, panel, from, to, rows.data()))
    return e;
  if (element.isF16())
    if (Error e = storeF16(rows, narrow,
                           op->getParentOfType<WeightOp>().getSymName()))
      return e;
  if (layout.vectorBytes == kVectorColumns * sizeof(uint16_t))
    transpose<uint16_t>(rows.data(), layout.n, words, out);
  else
    transpose<uint32_t>(rows.data(), layout.n, words, out);
  return Error::success();
}

/// Writes lane `lane` of a step of 16 columns, as #mega.packed describes it.
static void storeGroup(const GroupFormat &format, const Group &group,
                       int64_t lane, uint8_t *step) {
  constexpr int64_t word = 4, vector = kVectorColumns * word;
  for (int64_t i = 0; i < GroupFormat::kElements; ++i) {
    int64_t number = i / word;
    uint8_t *at = step + lane * word + i % word;
    if (format.bits == 8)
      at[number * vector] = group.q[i];
    else if (number % 2 == 0)
      at[number / 2 * vector] = group.q[i];
    else
      at[number / 2 * vector] |= group.q[i] << 4;
  }
  uint8_t *scales =
      step + kVectorColumns * GroupFormat::kElements * format.bits / 8;
  support::endian::write16le(scales + lane * GroupFormat::kScaleBytes,
                             group.scale);
  if (format.hasMinimum)
    support::endian::write16le(scales + (kVectorColumns + lane) *
                                            GroupFormat::kScaleBytes,
                               group.minimum);
}

/// Integers are made here, of what `fpmoe.convert` gets.
Error PanelPacker::packGroups(const GroupFormat &format, int64_t layer,
                              int64_t panel, int64_t from, int64_t to,
                              std::vector<float> &rows, uint8_t *out) const {
  auto convert = op.getInput().getDefiningOp<ConvertOp>();
  auto weight = op->getParentOfType<WeightOp>();
  if (!convert || int64_t(convert.getTail()) != layout.tail)
    return createStringError("weight " + quoted(weight.getSymName()) +
                             " packs integers that are not made for it");
  const GroupFile *made = evaluator.getSources().getGroups();
  if (made && !made->contains(weight, layer))
    made = nullptr;
  if (!made)
    if (Error e =
            readRows(convert.getInput(), layer, panel, from, to, rows.data()))
      return e;
  int64_t width = (to - from) * layout.k;
  std::vector<Group> madeGroups(to - from);
  for (int64_t lane = 0; lane < layout.n; ++lane) {
    int64_t row = layout.getRow(panel % layout.panels, lane);
    int64_t matrixRow = panel / layout.panels * layout.rows + row;
    // A step is a group.
    if (made && row >= 0)
      if (Error e = readGroups(*made, convert, layer, evaluator.getRank(),
                               matrixRow, from, madeGroups))
        return e;
    for (int64_t step = from; step < to; ++step) {
      int64_t column = layout.getColumn(step * layout.k);
      ArrayRef<float> numbers(
          rows.data() + lane * width + (step - from) * layout.k,
          getGroup(layout.columns, layout.tail, column).count);
      Group group;
      if (made && row >= 0)
        group = madeGroups[step - from];
      else if (Error e = makeGroup(weight, format, numbers,
                                   matrixRow * layout.columns + column, group))
        return e;
      storeGroup(format, group, lane % kVectorColumns,
                 out + (step - from) * layout.stepBytes() +
                     lane / kVectorColumns * layout.vectorBytes);
    }
  }
  return Error::success();
}

template <typename T>
Error PanelPacker::readRows(mlir::Value value, int64_t layer, int64_t panel,
                            int64_t from, int64_t to, T *rows) const {
  int64_t matrix = panel / layout.panels;
  panel %= layout.panels;
  int64_t first = from * layout.k, width = (to - from) * layout.k;
  auto read = [&](int64_t row, int64_t column, MutableArrayRef<T> out) {
    return evaluator.evaluate(
        value, layer, (matrix * layout.rows + row) * layout.columns + column,
        out);
  };
  for (int64_t lane = 0; lane < layout.n;) {
    int64_t row = layout.getRow(panel, lane);
    MutableArrayRef<T> out(rows + lane * width, width);
    if (row < 0) {
      std::fill(out.begin(), out.end(), T(0));
      ++lane;
      continue;
    }
    // Whole rows that follow one another are read at once.
    if (from == 0 && width == layout.columns && !layout.tail) {
      int64_t count = 1;
      while (lane + count < layout.n &&
             layout.getRow(panel, lane + count) == row + count)
        ++count;
      if (Error e = read(row, 0, {out.data(), size_t(count * width)}))
        return e;
      lane += count;
      continue;
    }
    // Columns come in two stretches, with zeros behind each.
    for (int64_t at = 0; at < width;) {
      int64_t column = layout.getColumn(first + at), count = 1;
      while (at + count < width && layout.getColumn(first + at + count) ==
                                       (column < 0 ? column : column + count))
        ++count;
      MutableArrayRef<T> part = out.slice(at, count);
      if (column < 0)
        std::fill(part.begin(), part.end(), T(0));
      else if (Error e = read(row, column, part))
        return e;
      at += count;
    }
    ++lane;
  }
  return Error::success();
}

Error storeF16(ArrayRef<float> from, uint16_t *to, StringRef weight) {
  for (auto [i, value] : enumerate(from)) {
    // What was rounded to f16 before is infinite then.
    if (std::abs(value) >= 65520.0f)
      return createStringError("weight " + quoted(weight) + ": " +
                               formatv("{0}", value).str() +
                               " is too large for f16, whose largest number is "
                               "65504; choose bf16 or f32 (--weights)");
    to[i] = roundToF16(value);
  }
  return Error::success();
}

} // namespace fpmoe
