//===- Arrange.cpp - recipe ops that only move elements ---------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rounding to bf16 commutes with these, so a bf16 value is pulled through them
// as bf16: one body serves numbers and bits.
//
//===----------------------------------------------------------------------===//

#include "lib/Weights/Puller.h"
#include "lib/Weights/SplitGroups.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace llvm;
using namespace mlir;

namespace fpmoe {

template <typename T>
static Error visit(Puller &puller, StackOp op, int64_t first,
                   MutableArrayRef<T> out) {
  return cut(first, out, elementsOf(op.getInputs().front()),
             [&](int64_t i, int64_t at, MutableArrayRef<T> part) {
               return puller.pull(op.getInputs()[i], at, part);
             });
}

template <typename T>
static Error visit(Puller &puller, ConcatOp op, int64_t first,
                   MutableArrayRef<T> out) {
  for (Value input : op.getInputs()) {
    int64_t size = elementsOf(input);
    if (first >= size) {
      first -= size;
      continue;
    }
    size_t count = std::min<int64_t>(out.size(), size - first);
    if (Error e = puller.pull(input, first, out.take_front(count)))
      return e;
    out = out.drop_front(count);
    first = 0;
    if (out.empty())
      break;
  }
  return Error::success();
}

template <typename T>
static Error visit(Puller &puller, SliceOp op, int64_t first,
                   MutableArrayRef<T> out) {
  ArrayRef<int64_t> in = shapeOf(op.getInput());
  size_t batch = in.size() - 2;
  int64_t stride = elementsBelow(in, batch);
  int64_t skipped = op.getFirst() * in.back();
  return cut(first, out, elementsBelow(shapeOf(op.getResult()), batch),
             [&](int64_t i, int64_t at, MutableArrayRef<T> part) {
               return puller.pull(op.getInput(), i * stride + skipped + at,
                                  part);
             });
}

template <typename T>
static Error visit(Puller &puller, SplitRowsOp op, int64_t first,
                   MutableArrayRef<T> out) {
  ArrayRef<int64_t> in = shapeOf(op.getInput());
  size_t dim = op.getDim();
  int64_t entry = elementsBelow(in, dim + 1); // elements of one of them
  int64_t entries = in[dim], made = shapeOf(op.getResult())[dim];
  // Stretches are the parts of sections of an index in front of `dim`.
  return cut(
      first, out, made * entry,
      [&](int64_t i, int64_t at, MutableArrayRef<T> window) -> Error {
        int64_t start = i * entries * entry, placeOfPart = 0;
        for (auto [section, part] :
             llvm::zip(op.getSections(), op.getParts())) {
          int64_t begin = std::max(at, placeOfPart);
          int64_t end =
              std::min<int64_t>(at + window.size(), placeOfPart + part * entry);
          if (begin < end) {
            MutableArrayRef<T> piece = window.slice(begin - at, end - begin);
            int64_t from = puller.rank * part * entry + begin - placeOfPart;
            int64_t there =
                std::clamp<int64_t>(section * entry - from, 0, piece.size());
            if (Error e = puller.pull(op.getInput(), start + from,
                                      piece.take_front(there)))
              return e;
            std::fill(piece.begin() + there, piece.end(), T(0));
          }
          placeOfPart += part * entry;
          start += section * entry;
        }
        return Error::success();
      });
}

template <typename T>
static Error visit(Puller &puller, SplitColumnsOp op, int64_t first,
                   MutableArrayRef<T> out) {
  ArrayRef<int64_t> in = shapeOf(op.getInput());
  ArrayRef<int64_t> made = shapeOf(op.getResult());
  int64_t rows = in[in.size() - 2], tail = op.getTail();
  int64_t columns = in.back() - tail; // that are split
  int64_t shards = made[made.size() - 3], width = made.back() - tail;
  // Stretches are rows of shards.
  return cut(first, out, width + tail,
             [&](int64_t i, int64_t at, MutableArrayRef<T> part) -> Error {
               int64_t row = i % rows, shard = i / rows % shards;
               int64_t matrix = i / rows / shards;
               int64_t start = (matrix * rows + row) * in.back();
               int64_t column = (puller.rank * shards + shard) * width + at;
               int64_t own = std::clamp<int64_t>(width - at, 0, part.size());
               int64_t there = std::clamp<int64_t>(columns - column, 0, own);
               if (Error e = puller.pull(op.getInput(), start + column,
                                         part.take_front(there)))
                 return e;
               std::fill(part.begin() + there, part.begin() + own, T(0));
               // Every shard has the tail.
               return puller.pull(op.getInput(),
                                  start + columns + at + own - width,
                                  part.drop_front(own));
             });
}

template <typename T>
static Error visit(Puller &puller, SelectOp op, int64_t first,
                   MutableArrayRef<T> out) {
  int64_t extent = elementsBelow(shapeOf(op.getInput()), 1);
  return cut(first, out, extent,
             [&](int64_t i, int64_t at, MutableArrayRef<T> part) {
               return puller.pull(op.getInput(),
                                  op.getIndices()[i] * extent + at, part);
             });
}

template <typename T>
static Error visit(Puller &puller, ReshapeOp op, int64_t first,
                   MutableArrayRef<T> out) {
  return puller.pull(op.getInput(), first, out);
}

/// The numbers that integers of groups stand for; whole groups are pulled.
static Error roundGroups(Puller &puller, ConvertOp op,
                         const GroupFormat &format, int64_t first,
                         MutableArrayRef<float> out) {
  int64_t columns = shapeOf(op.getResult()).back();
  int64_t tail = op.getTail();
  auto weight = op->getParentOfType<WeightOp>();
  const GroupFile *made = puller.sources.getGroups();
  if (made && !made->contains(weight, puller.layer))
    made = nullptr;
  std::vector<Group> groups;
  auto getMade = [&](int64_t row, int64_t at,
                     MutableArrayRef<float> part) -> Error {
    int64_t perRow = countGroups(columns, tail);
    groups.resize(perRow);
    if (Error e =
            readGroups(*made, op, puller.layer, puller.rank, row, 0, groups))
      return e;
    for (auto [i, number] : enumerate(part)) {
      GroupPlace place = findInGroups(columns, tail, at + i);
      number = groups[place.group].get(format, place.element);
    }
    return Error::success();
  };
  std::vector<float> row;
  return cut(first, out, columns,
             [&](int64_t i, int64_t at, MutableArrayRef<float> part) -> Error {
               if (made)
                 return getMade(i, at, part);
               int64_t from = getGroup(columns, tail, at).first;
               int64_t last = at + int64_t(part.size()) - 1;
               GroupRange end = getGroup(columns, tail, last);
               row.resize(end.first + end.count - from);
               if (Error e = puller.pull(op.getInput(), i * columns + from,
                                         MutableArrayRef<float>(row)))
                 return e;
               for (int64_t c = from; c <= last;) {
                 GroupRange range = getGroup(columns, tail, c);
                 Group group;
                 if (Error e =
                         makeGroup(weight, format,
                                   ArrayRef(row).slice(c - from, range.count),
                                   i * columns + c, group))
                   return e;
                 for (int64_t j = 0; j < range.count; ++j)
                   if (int64_t place = c + j - at;
                       place >= 0 && place < int64_t(part.size()))
                     part[place] = group.get(format, j);
                 c += range.count;
               }
               return Error::success();
             });
}

template <typename T>
static Error visit(Puller &puller, ConvertOp op, int64_t first,
                   MutableArrayRef<T> out) {
  if constexpr (std::is_same_v<T, float>)
    if (auto format = getGroupFormat(op.getType().getElementType()))
      return roundGroups(puller, op, *format, first, out);
  if (Error e = puller.pull(op.getInput(), first, out))
    return e;
  if constexpr (std::is_same_v<T, float>)
    roundTo(op.getType(), out);
  return Error::success();
}

template <typename T>
static Error visit(Puller &puller, DeinterleaveOp op, int64_t first,
                   MutableArrayRef<T> out) {
  ArrayRef<int64_t> shape = shapeOf(op.getInput());
  int64_t columns = elementsBelow(shape, 1), headDim = op.getHeadDim();
  int64_t width = op.getWidth(), start = headDim - width;
  return cut(first, out, columns,
             [&](int64_t row, int64_t at, MutableArrayRef<T> part) {
               int64_t place = row % headDim - start;
               int64_t from = place < 0           ? place
                              : place < width / 2 ? 2 * place
                                                  : 2 * (place - width / 2) + 1;
               return puller.pull(op.getInput(),
                                  (row - place + from) * columns + at, part);
             });
}

template <typename T>
static Error visit(Puller &puller, AppendRowsOp op, int64_t first,
                   MutableArrayRef<T> out) {
  ArrayRef<int64_t> in = shapeOf(op.getFirst());
  int64_t elements = in[in.size() - 2] * in.back();
  // Stretches are matrices, by turns of the first and the second.
  return cut(first, out, elements,
             [&](int64_t i, int64_t at, MutableArrayRef<T> part) {
               return puller.pull(i % 2 ? op.getSecond() : op.getFirst(),
                                  i / 2 * elements + at, part);
             });
}

template <typename T>
static Error visit(Puller &puller, AppendColumnsOp op, int64_t first,
                   MutableArrayRef<T> out) {
  int64_t columns = shapeOf(op.getFirst()).back();
  int64_t added = shapeOf(op.getSecond()).back();
  // A row is a stretch: columns of the first, then of the second.
  return cut(first, out, columns + added,
             [&](int64_t row, int64_t at, MutableArrayRef<T> part) -> Error {
               size_t count = std::clamp<int64_t>(columns - at, 0, part.size());
               if (Error e = puller.pull(op.getFirst(), row * columns + at,
                                         part.take_front(count)))
                 return e;
               return puller.pull(op.getSecond(),
                                  row * added + at + count - columns,
                                  part.drop_front(count));
             });
}

/// As far as a value has elements, they stay what they are. Where they lie is
/// for writeWeights(), which writes panel by panel.
template <typename T>
static Error visit(Puller &puller, PackOp op, int64_t first,
                   MutableArrayRef<T> out) {
  return puller.pull(op.getInput(), first, out);
}

template <typename T>
static Error visit(Puller &puller, ByLayerOp op, int64_t first,
                   MutableArrayRef<T> out) {
  return puller.pull(op.getInputOf(puller.layer), first, out);
}

template <typename T>
std::optional<Error> arrange(Puller &puller, Operation *op, int64_t first,
                             MutableArrayRef<T> out) {
  // What was rounded to another format has no bits of bf16: it is pulled as
  // numbers.
  if (std::is_same_v<T, uint16_t> && isa<ConvertOp>(op)) {
    mlir::Type element =
        cast<ShapedType>(op->getResult(0).getType()).getElementType();
    if (element.isF16() || getGroupFormat(element))
      return std::nullopt;
  }
  return llvm::TypeSwitch<Operation *, std::optional<Error>>(op)
      .Case<StackOp, ConcatOp, SliceOp, SplitRowsOp, SplitColumnsOp, SelectOp,
            ReshapeOp, ConvertOp, DeinterleaveOp, AppendRowsOp, AppendColumnsOp,
            PackOp, ByLayerOp>(
          [&](auto op) { return visit(puller, op, first, out); })
      .Default([](Operation *) { return std::nullopt; });
}

template std::optional<Error> arrange(Puller &, Operation *, int64_t,
                                      MutableArrayRef<float>);
template std::optional<Error> arrange(Puller &, Operation *, int64_t,
                                      MutableArrayRef<uint16_t>);

} // namespace fpmoe
