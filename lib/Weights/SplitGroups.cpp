//===- SplitGroups.cpp - Groups of a rank's part of a weight --------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Weights/SplitGroups.h"

using namespace llvm;
using mlir::Value;

namespace fpmoe {

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<mlir::RankedTensorType>(value.getType()).getShape();
}

/// Rows of an entry of dimension `dim`.
static int64_t rowsBelow(ArrayRef<int64_t> shape, size_t dim) {
  return product_of(shape.drop_front(dim + 1).drop_back());
}

namespace {
class GroupReader {
public:
  GroupReader(const GroupFile &file, ConvertOp convert, int64_t layer,
              int64_t rank)
      : file(file), weight(convert->getParentOfType<WeightOp>()),
        tail(convert.getTail()), layer(layer), rank(rank) {}

  Error read(Value value, int64_t row, int64_t first,
             MutableArrayRef<Group> groups) const {
    if (groups.empty())
      return Error::success();
    if (auto split = value.getDefiningOp<SplitRowsOp>())
      return readRows(split, row, first, groups);
    if (auto split = value.getDefiningOp<SplitColumnsOp>())
      return readColumns(split, row, first, groups);
    ArrayRef<int64_t> shape = shapeOf(value);
    int64_t perRow = countGroups(shape.back(), tail);
    // Heads of which several ranks have a copy were made once.
    if (auto select = value.getDefiningOp<SelectOp>();
        select && product_of(shape.drop_back()) * perRow !=
                      file.getNumGroups(weight, layer)) {
      int64_t rows = rowsBelow(shape, 0);
      return read(select.getInput(),
                  select.getIndices()[row / rows] * rows + row % rows, first,
                  groups);
    }
    return file.read(weight, layer, row * perRow + first, groups);
  }

private:
  Error readRows(SplitRowsOp split, int64_t row, int64_t first,
                 MutableArrayRef<Group> groups) const {
    ArrayRef<int64_t> in = shapeOf(split.getInput());
    size_t dim = split.getDim();
    int64_t rows = rowsBelow(in, dim);
    int64_t made = shapeOf(split.getResult())[dim] * rows;
    int64_t start = row / made * in[dim] * rows, at = row % made;
    for (auto [section, part] : zip(split.getSections(), split.getParts())) {
      if (at < part * rows) {
        int64_t from = rank * part * rows + at;
        if (from < section * rows)
          return read(split.getInput(), start + from, first, groups);
        fill(groups, Group());
        return Error::success();
      }
      at -= part * rows;
      start += section * rows;
    }
    llvm_unreachable("parts are all rows");
  }

  Error readColumns(SplitColumnsOp split, int64_t row, int64_t first,
                    MutableArrayRef<Group> groups) const {
    ArrayRef<int64_t> in = shapeOf(split.getInput());
    ArrayRef<int64_t> made = shapeOf(split.getResult());
    int64_t rows = in[in.size() - 2], shards = made[made.size() - 3];
    int64_t shard = row / rows % shards;
    int64_t whole = row / rows / shards * rows + row % rows;
    int64_t own = countGroups(made.back() - tail, 0);
    int64_t all = countGroups(in.back() - tail, 0); // in front of the tail
    int64_t from = (rank * shards + shard) * own + first;
    int64_t size = groups.size();
    int64_t ownEnd = std::clamp<int64_t>(own - first, 0, size);
    int64_t thereEnd = std::clamp<int64_t>(all - from, 0, ownEnd);
    if (Error e =
            read(split.getInput(), whole, from, groups.take_front(thereEnd)))
      return e;
    fill(groups.slice(thereEnd, ownEnd - thereEnd), Group());
    return read(split.getInput(), whole, all + first + ownEnd - own,
                groups.drop_front(ownEnd));
  }

  const GroupFile &file;
  WeightOp weight;
  const int64_t tail, layer, rank;
};
} // namespace

Error readGroups(const GroupFile &file, ConvertOp convert, int64_t layer,
                 int64_t rank, int64_t row, int64_t first,
                 MutableArrayRef<Group> groups) {
  return GroupReader(file, convert, layer, rank)
      .read(convert.getInput(), row, first, groups);
}

} // namespace fpmoe
