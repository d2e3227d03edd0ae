//===- SplitGroupsTest.cpp - Groups of a rank's part of a weight ----------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Groups are made for a whole weight, whose numbers are others; ranks must have
// the numbers that these groups stand for, split in the plainest way.
//
//===----------------------------------------------------------------------===//

#include "Fixture.h"
#include "lib/Checkpoint/Half.h"
#include "lib/Weights/GroupFile.h"

using namespace fpmoe;
using namespace fpmoe::test;

namespace {

class SplitGroupsTest : public Fixture {
protected:
  /// A weight `w` of zeros, and groups of `made`, of what is first made of it.
  void expectSplit(std::vector<int64_t> sizes, std::vector<int64_t> made,
                   int64_t tail, const std::string &type,
                   const std::string &recipe, int64_t ranks) {
    int64_t columns = sizes.back(), rows = 1, elements = 1;
    for (int64_t size : llvm::ArrayRef(made).drop_back())
      rows *= size;
    for (int64_t size : sizes)
      elements *= size;
    add("w", sizes, false);
    tensors["w"].values.assign(elements, 0);
    openCheckpoint();
    std::string tailText = tail ? " tail " + std::to_string(tail) : "";
    std::string plain = "tensor<" + type + "xf32>";
    std::string integers = "tensor<" + type + "x!fpmoe.int4>";
    parseRecipe(integers, recipe + "\n%0 = fpmoe.convert %split" + tailText +
                              " : " + plain + " -> " + integers);
    auto file = GroupFile::create();
    ASSERT_TRUE(static_cast<bool>(file));
    GroupFormat format{4, 8};
    int64_t perRow = countGroups(columns, tail);
    std::vector<Group> groups(rows * perRow);
    for (Group &group : groups) {
      group.scale = roundToF16(1 + generator() % 1000);
      std::fill(std::begin(group.q), std::end(group.q), format.zero);
    }
    // Numbers that a group lacks are zeros.
    for (int64_t i = 0; i < rows * columns; ++i) {
      GroupPlace place = findInGroups(columns, tail, i % columns);
      groups[i / columns * perRow + place.group].q[place.element] =
          generator() % 16;
    }
    (*file)->add(weight("w"), 0, groups.size());
    ASSERT_FALSE((*file)->write(weight("w"), 0, 0, groups));
    Sources sources(checkpoint.get());
    sources.setGroups(std::move(*file));
    // The numbers that were made are those of the first rows.
    for (int64_t i = 0; i < rows * columns; ++i) {
      GroupPlace place = findInGroups(columns, tail, i % columns);
      tensors["w"].values[i] =
          groups[i / columns * perRow + place.group].get(format, place.element);
    }
    auto convert = weight("w").getResultValue().getDefiningOp<ConvertOp>();
    for (rank = 0; rank < ranks; ++rank) {
      std::vector<float> expected = naive(convert.getInput(), 0);
      compareWindows<float>(expected, 0, 0, sources);
    }
  }
};

// Of the second rank, rows past the last are zeros.
TEST_F(SplitGroupsTest, Rows) {
  expectSplit({3, 26, 70}, {3, 26, 70}, 0, "3x20x70", R"(
      %a = fpmoe.load "w" : tensor<3x26x70xf32>
      %split = fpmoe.split_rows %a dim 1 sections [20, 6] parts [16, 4] : tensor<3x26x70xf32> -> tensor<3x20x70xf32>)",
              2);
}

// Four shards of a group each for two ranks, of which the last has nothing in
// front of the tail.
TEST_F(SplitGroupsTest, Columns) {
  expectSplit({3, 5, 80}, {3, 5, 80}, 0, "3x2x5x32", R"(
      %a = fpmoe.load "w" : tensor<3x5x80xf32>
      %split = fpmoe.split_columns %a : tensor<3x5x80xf32> -> tensor<3x2x5x32xf32>)",
              2);
  expectSplit({5, 120}, {5, 120}, 40, "2x5x72", R"(
      %a = fpmoe.load "w" : tensor<5x120xf32>
      %split = fpmoe.split_columns %a tail 40 : tensor<5x120xf32> -> tensor<2x5x72xf32>)",
              2);
}

// Heads of which two ranks have a copy were made once.
TEST_F(SplitGroupsTest, Copies) {
  expectSplit({8, 3, 33}, {8, 3, 33}, 0, "3x3x33", R"(
      %a = fpmoe.load "w" : tensor<8x3x33xf32>
      %s = fpmoe.select %a[0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 7, 7] : tensor<8x3x33xf32> -> tensor<12x3x33xf32>
      %split = fpmoe.split_rows %s dim 0 sections [4, 4, 4] parts [1, 1, 1] : tensor<12x3x33xf32> -> tensor<3x3x33xf32>)",
              4);
}

} // namespace
