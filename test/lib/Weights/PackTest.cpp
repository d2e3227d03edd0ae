//===- PackTest.cpp - Where packed weights lie ----------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bytes of packed weights, against a plain loop over PackedLayout, and for some
// small ones against offsets that are written out here.
//
//===----------------------------------------------------------------------===//

#include "WriteFixture.h"
#include "lib/Checkpoint/Half.h"
#include "lib/Weights/GroupFile.h"

#include <limits>

using namespace fpmoe;
using namespace fpmoe::test;

namespace {

struct Shape {
  std::string text;
  std::vector<int64_t> sizes;
  std::string rest;
};

/// Most of them fill no panel. Halves of 20 and of 40 rows have 2 and 3
/// vectors.
const Shape shapes[] = {
    {"20x7", {20, 7}, ""},
    {"3x70x33", {3, 70, 33}, ""},
    {"40x9", {40, 9}, ", halves = true"},
    {"2x80x20", {2, 80, 20}, ", halves = true"},
    {"21x23", {21, 23}, ", tail = 5"},
    {"2x80x50", {2, 80, 50}, ", halves = true, tail = 18"},
    {"64x32", {64, 32}, ""},
    {"64x32", {64, 32}, ", tail = 16"},
    {"16x16", {16, 16}, ", tail = 15"},
};

class PackTest : public WriteFixture {
protected:
  /// A weight @w of a load that is packed, in a module of its own.
  void parsePacked(const std::string &shape, const std::string &element,
                   const std::string &packing) {
    std::string plain = "tensor<" + shape + "x" + element + ">";
    std::string packed =
        "tensor<" + shape + "x" + element + ", #mega.packed<" + packing + ">>";
    parse("fpmoe.weight @w at 0 stride 1048576 : " + packed +
          " {\n%a = fpmoe.load \"w\" : tensor<" + shape + "xf32>\n" +
          (element == "f32" ? std::string("%c = fpmoe.reshape %a")
                            : std::string("%c = fpmoe.convert %a")) +
          " : tensor<" + shape + "xf32> -> " + plain +
          "\n%0 = fpmoe.pack %c : " + plain + " -> " + packed +
          "\nfpmoe.yield %0 : " + packed + "\n}");
  }

  void expectPacked(const Shape &shape, const std::string &element, int n,
                    int k) {
    std::string packing =
        "n = " + std::to_string(n) + ", k = " + std::to_string(k) + shape.rest;
    SCOPED_TRACE(shape.text + "x" + element + " " + packing);
    parsePacked(shape.text, element, packing);
    std::string file = write(1, 0);
    ASSERT_EQ(file.size(), static_cast<size_t>(weight("w").getInstanceBytes()));
    expectWeight(file, 0, weight("w"));
  }

  /// Fills `w` with numbers that every format has, each another one.
  void addCounted(std::vector<int64_t> shape) {
    add("w", std::move(shape), false);
    for (auto [i, value] : llvm::enumerate(tensors["w"].values))
      value = static_cast<float>(i + 1);
    openCheckpoint();
  }
};

// What stands together in memory has two or four bytes.
TEST_F(PackTest, EveryPacking) {
  for (const Shape &shape : shapes) {
    add("w", shape.sizes, false);
    openCheckpoint();
    for (auto [element, k] :
         {std::pair("f32", 1), std::pair("f16", 1), std::pair("f16", 2),
          std::pair("bf16", 1), std::pair("bf16", 2)})
      for (int n : {16, 32, 64})
        ASSERT_NO_FATAL_FAILURE(expectPacked(shape, element, n, k));
  }
}

/// The number at a place of a packed weight of integers, as the description of
/// #mega.packed says.
static float readInteger(llvm::StringRef file, const mega::PackedLayout &layout,
                         GroupFormat format, int64_t panel, int64_t lane,
                         int64_t place) {
  int64_t bits = format.bits;
  llvm::StringRef step = file.substr(panel * layout.panelBytes() +
                                     place / 32 * layout.stepBytes() +
                                     lane / 16 * layout.vectorBytes);
  auto byte = [&](int64_t at) { return static_cast<uint8_t>(step[at]); };
  int64_t word = place % 32 / 4, column = lane % 16;
  int64_t vector = bits == 8 ? word : word / 2;
  int q = byte(vector * 64 + column * 4 + place % 4);
  if (bits == 4)
    q = word % 2 ? q >> 4 : q & 15;
  int64_t scale = 16 * 32 * bits / 8 + column * 2;
  auto half = [&](int64_t at) { return fromF16(byte(at) | byte(at + 1) << 8); };
  float number = half(scale) * static_cast<float>(q - format.zero);
  return format.hasMinimum ? number + half(scale + 32) : number;
}

// Integers of groups, and their scales, stand for what the reference evaluates.
TEST_F(PackTest, Integers) {
  for (const Shape &shape : shapes)
    for (std::string element : {"!fpmoe.int8", "!fpmoe.int4", "!fpmoe.uint4"})
      for (int n : {16, 32, 64}) {
        if (element == "!fpmoe.uint4" &&
            (shape.sizes.back() % 32 || !shape.rest.empty()))
          continue; // its groups are full
        add("w", shape.sizes, false);
        openCheckpoint();
        std::string packing =
            "n = " + std::to_string(n) + ", k = 32" + shape.rest;
        SCOPED_TRACE(shape.text + "x" + element + " " + packing);
        std::string plain = "tensor<" + shape.text + "x" + element + ">";
        std::string packed = "tensor<" + shape.text + "x" + element +
                             ", #mega.packed<" + packing + ">>";
        size_t at = shape.rest.find("tail = ");
        std::string tail =
            at == std::string::npos ? "" : " tail " + shape.rest.substr(at + 7);
        parse("fpmoe.weight @w at 0 stride 1048576 : " + packed +
              " {\n%a = fpmoe.load \"w\" : tensor<" + shape.text +
              "xf32>\n%c = fpmoe.convert %a" + tail + " : tensor<" +
              shape.text + "xf32> -> " + plain + "\n%0 = fpmoe.pack %c : " +
              plain + " -> " + packed + "\nfpmoe.yield %0 : " + packed + "\n}");
        std::string file = write(2, 0);
        WeightOp op = weight("w");
        ASSERT_EQ(file.size(), size_t(op.getInstanceBytes())) << file;
        mega::PackedLayout layout(op.getTensorType());
        GroupFormat format =
            *getGroupFormat(op.getTensorType().getElementType());
        std::vector<float> values(op.getTensorType().getNumElements());
        RecipeEvaluator evaluator(checkpoint.get());
        ASSERT_FALSE(evaluator.evaluate(op.getResultValue(), 0, 0,
                                        llvm::MutableArrayRef<float>(values)));
        for (int64_t panel = 0; panel < layout.matrices * layout.panels;
             ++panel)
          for (int64_t lane = 0; lane < n; ++lane)
            for (int64_t place = 0; place < layout.depth * 32; ++place) {
              int64_t row = layout.getRow(panel % layout.panels, lane);
              int64_t column = layout.getColumn(place);
              float expected =
                  row < 0 || column < 0
                      ? 0
                      : values[(panel / layout.panels * layout.rows + row) *
                                   layout.columns +
                               column];
              ASSERT_EQ(readInteger(file, layout, format, panel, lane, place),
                        expected)
                  << panel << " " << lane << " " << place;
            }
        // Any window of the value is the same.
        std::vector<float> part(values.size() - 5);
        ASSERT_FALSE(evaluator.evaluate(op.getResultValue(), 0, 3,
                                        llvm::MutableArrayRef<float>(part)));
        for (size_t i = 0; i < part.size(); ++i)
          ASSERT_EQ(part[i], values[i + 3]) << i;
      }
}

// Groups that were made before take the place of those made here, in packed
// weights and in values.
TEST_F(PackTest, IntegersMadeBefore) {
  Shape shape{"2x20x50", {2, 20, 50}, ", tail = 10"};
  add("w", shape.sizes, false);
  openCheckpoint();
  std::string plain = "tensor<2x20x50x!fpmoe.int4>";
  std::string packed =
      "tensor<2x20x50x!fpmoe.int4, #mega.packed<n = 32, k = 32, tail = 10>>";
  parse("fpmoe.weight @w at 0 stride 65536 : " + packed +
        " {\n%a = fpmoe.load \"w\" : tensor<2x20x50xf32>\n"
        "%c = fpmoe.convert %a tail 10 : tensor<2x20x50xf32> -> " +
        plain + "\n%0 = fpmoe.pack %c : " + plain + " -> " + packed +
        "\nfpmoe.yield %0 : " + packed + "\n}");
  auto file = GroupFile::create();
  ASSERT_TRUE(static_cast<bool>(file));
  constexpr int64_t perRow = 3; // 32, 8 and 10 columns
  std::vector<Group> groups(40 * perRow);
  for (auto [i, group] : llvm::enumerate(groups)) {
    group.scale = roundToF16(1 + i);
    for (int j = 0; j < 32; ++j)
      group.q[j] = (i + 3 * j) % 16;
  }
  (*file)->add(weight("w"), 0, groups.size());
  ASSERT_FALSE((*file)->write(weight("w"), 0, 0, groups));
  Sources sources(checkpoint.get());
  sources.setGroups(std::move(*file));
  std::vector<float> values(2000);
  RecipeEvaluator evaluator(sources);
  ASSERT_FALSE(evaluator.evaluate(weight("w").getResultValue(), 0, 0,
                                  llvm::MutableArrayRef<float>(values)));
  std::string written = write(2, 0, sources);
  WeightOp op = weight("w");
  mega::PackedLayout layout(op.getTensorType());
  GroupFormat format{4, 8};
  int64_t seen = 0;
  for (int64_t panel = 0; panel < 2 * layout.panels; ++panel)
    for (int64_t lane = 0; lane < 32; ++lane)
      for (int64_t place = 0; place < layout.depth * 32; ++place) {
        int64_t row = layout.getRow(panel % layout.panels, lane);
        int64_t column = layout.getColumn(place);
        if (row < 0 || column < 0)
          continue;
        row += panel / layout.panels * 20;
        int64_t group = column < 32 ? 0 : column < 40 ? 1 : 2;
        int64_t element = column < 40 ? column % 32 : column - 40;
        float expected = groups[row * perRow + group].get(format, element);
        ASSERT_EQ(readInteger(written, layout, format, panel, lane, place),
                  expected);
        ASSERT_EQ(values[row * 50 + column], expected);
        ++seen;
      }
  EXPECT_EQ(seen, 2000);
}

// What cannot be rounded is named.
TEST_F(PackTest, IntegersOfNoNumber) {
  addCounted({20, 7});
  tensors["w"].values[9] = std::numeric_limits<float>::quiet_NaN();
  openCheckpoint();
  parse("fpmoe.weight @w at 0 stride 65536 : tensor<20x7x!fpmoe.int4, "
        "#mega.packed<n = 16, k = 32>> {\n"
        "%a = fpmoe.load \"w\" : tensor<20x7xf32>\n"
        "%c = fpmoe.convert %a : tensor<20x7xf32> -> tensor<20x7x!fpmoe.int4>\n"
        "%0 = fpmoe.pack %c : tensor<20x7x!fpmoe.int4> -> "
        "tensor<20x7x!fpmoe.int4, #mega.packed<n = 16, k = 32>>\n"
        "fpmoe.yield %0 : tensor<20x7x!fpmoe.int4, #mega.packed<n = 16, k = "
        "32>>\n}");
  EXPECT_EQ(write(1, 0),
            "error: weight 'w': element [1, 2] is no number, which integers "
            "cannot be made of; --weights=f32 or bf16 takes it as it is");
}

// A panel is made some of its depth at a time: here 16384 elements of K, as
// many as the rows have, but the last 4 columns come behind zeros.
TEST_F(PackTest, TailInAnotherBlock) {
  Shape shape{"2x16384", {2, 16384}, ", tail = 4"};
  add("w", shape.sizes, false);
  openCheckpoint();
  expectPacked(shape, "bf16", 16, 2);
}

// Two panels of 16 columns, pairs of K, which is filled up to 16: bf16.
TEST_F(PackTest, Pairs) {
  addCounted({20, 7});
  parsePacked("20x7", "bf16", "n = 16, k = 2");
  std::string file = write(1, 0);
  ASSERT_EQ(file.size(), 2u * 8 * 16 * 2 * 2);
  std::string expected(file.size(), '\0');
  for (int row = 0; row < 20; ++row)
    for (int column = 0; column < 7; ++column) {
      int place =
          ((row / 16 * 8 + column / 2) * 16 + row % 16) * 2 + column % 2;
      expected.replace(
          2 * place, 2,
          encode(row * 7 + column + 1, mlir::BFloat16Type::get(&context)));
    }
  EXPECT_EQ(file, expected);
}

// One panel of 64 columns holds 20 of gate and 20 of up, vector by vector: two
// of each, the second ones with 4 columns. Of 7 columns, the last 3 begin at
// the second vector of K.
TEST_F(PackTest, HalvesAndTail) {
  addCounted({40, 7});
  parsePacked("40x7", "f32", "n = 64, k = 1, halves = true, tail = 3");
  std::string file = write(1, 0);
  ASSERT_EQ(file.size(), 1u * 32 * 64 * 4);
  std::string expected(file.size(), '\0');
  for (int row = 0; row < 40; ++row)
    for (int column = 0; column < 7; ++column) {
      int half = row / 20, ofHalf = row % 20;
      int lane = (2 * (ofHalf / 16) + half) * 16 + ofHalf % 16;
      int depth = column < 4 ? column : 16 + column - 4;
      expected.replace(
          4 * (depth * 64 + lane), 4,
          encode(row * 7 + column + 1, mlir::Float32Type::get(&context)));
    }
  EXPECT_EQ(file, expected);
}

// Three vectors of each half are no whole panel of 64 columns: two panels, of
// which the second one has two vectors that nothing stands in.
TEST_F(PackTest, HalvesThatFillNoPanel) {
  addCounted({2, 80, 3});
  parsePacked("2x80x3", "f16", "n = 64, k = 1, halves = true");
  std::string file = write(1, 0);
  ASSERT_EQ(file.size(), 2u * 2 * 16 * 64 * 2);
  std::string expected(file.size(), '\0');
  for (int matrix = 0; matrix < 2; ++matrix)
    for (int row = 0; row < 80; ++row)
      for (int column = 0; column < 3; ++column) {
        int half = row / 40, ofHalf = row % 40;
        int lane = (2 * (ofHalf / 16) + half) * 16 + ofHalf % 16;
        int panel = 2 * matrix + lane / 64;
        expected.replace(2 * ((panel * 16 + column) * 64 + lane % 64), 2,
                         encode((matrix * 80 + row) * 3 + column + 1,
                                mlir::Float16Type::get(&context)));
      }
  EXPECT_EQ(file, expected);
}

// The rows of an f16 weight are rounded once; what is infinite or no number,
// and what becomes zero, stays so.
TEST_F(PackTest, F16Rounds) {
  float tie = 1.0f + 0x1p-11f, odd = 1.0f + 3 * 0x1p-11f;
  std::vector<float> values{tie,
                            odd,
                            std::nextafter(tie, 2.0f),
                            -0.0f,
                            0x1p-24f,
                            0x1p-25f,
                            std::nextafter(0x1p-25f, 1.0f),
                            0x1.ff8p-15f,
                            0x1.ffcp-15f,
                            65504.0f,
                            65519.99f,
                            -65519.99f,
                            2.0f,
                            -2.0f,
                            std::numeric_limits<float>::denorm_min(),
                            -1e-30f};
  std::vector<uint16_t> expected{0x3c00, 0x3c02, 0x3c01, 0x8000, 0x0001, 0x0000,
                                 0x0001, 0x03ff, 0x0400, 0x7bff, 0x7bff, 0xfbff,
                                 0x4000, 0xc000, 0x0000, 0x8000};
  add("w", {1, 16}, false);
  tensors["w"].values = values;
  openCheckpoint();
  parsePacked("1x16", "f16", "n = 16, k = 1");
  std::string file = write(1, 0);
  ASSERT_EQ(file.size(), 16u * 16 * 2);
  for (size_t i = 0; i < expected.size(); ++i) {
    uint16_t bits;
    std::memcpy(&bits, file.data() + i * 16 * 2, 2);
    EXPECT_EQ(bits, expected[i]) << values[i];
  }
}

TEST_F(PackTest, F16KeepsNaN) {
  add("w", {1, 16}, false);
  tensors["w"].values[3] = std::numeric_limits<float>::quiet_NaN();
  openCheckpoint();
  parsePacked("1x16", "f16", "n = 16, k = 1");
  std::string file = write(1, 0);
  ASSERT_EQ(file.size(), 16u * 16 * 2);
  uint16_t bits;
  std::memcpy(&bits, file.data() + 3 * 16 * 2, 2);
  EXPECT_GT(bits & 0x7fff, 0x7c00);
}

// Packed or not, numbers that f16 does not have are no infinity.
TEST_F(PackTest, TooLargeForF16) {
  for (float value : {65520.0f, -70000.0f, 3e38f}) {
    add("w", {20, 7}, false);
    tensors["w"].values[100] = value;
    openCheckpoint();
    for (bool packed : {true, false}) {
      if (packed)
        parsePacked("20x7", "f16", "n = 16, k = 1");
      else
        parse(R"(
          fpmoe.weight @w at 0 stride 320 : tensor<20x7xf16> {
            %a = fpmoe.load "w" : tensor<20x7xf32>
            %0 = fpmoe.convert %a : tensor<20x7xf32> -> tensor<20x7xf16>
            fpmoe.yield %0 : tensor<20x7xf16>
          })");
      std::string error = write(2, 0);
      EXPECT_EQ(error.find("error: weight 'w': "), 0u) << error;
      EXPECT_NE(error.find(" is too large for f16, whose largest number is "
                           "65504; choose bf16 or f32 (--weights)"),
                std::string::npos)
          << error;
    }
  }
}

// What is a row, and what fills up a panel.
TEST_F(PackTest, Layout) {
  parse("func.func private @f(tensor<2x40x23xbf16, #mega.packed<n = 32, k = 2, "
        "halves = true, tail = 3>>)");
  auto function = *module->getOps<mlir::func::FuncOp>().begin();
  mega::PackedLayout layout(llvm::cast<mlir::RankedTensorType>(
      function.getFunctionType().getInput(0)));
  EXPECT_EQ(layout.matrices, 2);
  EXPECT_EQ(layout.rows, 40);
  EXPECT_EQ(layout.columns, 23);
  EXPECT_EQ(layout.vectors(), 4);
  EXPECT_EQ(layout.panels, 2);
  EXPECT_EQ(layout.depth, (32 + 16) / 2);
  EXPECT_EQ(layout.stepBytes(), 32 * 2 * 2);
  EXPECT_EQ(layout.panelBytes(), 24 * 128);
  EXPECT_EQ(layout.matrixBytes(), 2 * 24 * 128);
  // A vector of gate, one of up, then what is left of both.
  EXPECT_EQ(layout.getRow(0, 0), 0);
  EXPECT_EQ(layout.getRow(0, 15), 15);
  EXPECT_EQ(layout.getRow(0, 16), 20);
  EXPECT_EQ(layout.getRow(0, 31), 35);
  EXPECT_EQ(layout.getRow(1, 0), 16);
  EXPECT_EQ(layout.getRow(1, 3), 19);
  EXPECT_EQ(layout.getRow(1, 4), -1);
  EXPECT_EQ(layout.getRow(1, 16), 36);
  EXPECT_EQ(layout.getRow(1, 19), 39);
  EXPECT_EQ(layout.getRow(1, 20), -1);
  // 20 columns, zeros, the tail, zeros.
  EXPECT_EQ(layout.getColumn(0), 0);
  EXPECT_EQ(layout.getColumn(19), 19);
  EXPECT_EQ(layout.getColumn(20), -1);
  EXPECT_EQ(layout.getColumn(31), -1);
  EXPECT_EQ(layout.getColumn(32), 20);
  EXPECT_EQ(layout.getColumn(34), 22);
  EXPECT_EQ(layout.getColumn(35), -1);
  EXPECT_EQ(layout.getColumn(47), -1);
}

} // namespace
