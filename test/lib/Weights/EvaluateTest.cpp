//===- EvaluateTest.cpp - windows of recipes ----------------------*- C++
//-*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every op, in windows that start anywhere, against its naive evaluation; and
// what checkRecipes() refuses.
//
//===----------------------------------------------------------------------===//

#include "Fixture.h"

using namespace fpmoe;
using namespace fpmoe::test;

namespace {

class EvaluateTest : public Fixture {
protected:
  void SetUp() override {
    Fixture::SetUp();
    add("a.3", {20, 7}, false);
    add("b.3", {20, 7}, false);
    add("c.3", {5, 7}, false);
    add("a.4", {20, 7}, false);
    add("b.4", {20, 7}, true);
    add("c.4", {5, 7}, true);
    add("norm.3", {11}, false);
    add("fused", {3, 22, 9}, true);
    add("wide", {3, 22, 9}, false);
    openCheckpoint();
  }

  void expectWindows(int64_t layer = 0) {
    std::vector<float> expected = naive(weight("w").getResultValue(), layer);
    compareWindows<float>(expected, layer, 0);
  }

  std::string checkError() {
    return toString(checkRecipes(*module, checkpoint.get()));
  }
};

TEST_F(EvaluateTest, LoadWhole) {
  parseRecipe("tensor<20x7xf32>",
              "%0 = fpmoe.load \"a.{}\"[%l] : tensor<20x7xf32>", "[3, 4]");
  expectWindows(3);
  expectWindows(4);
}

TEST_F(EvaluateTest, LoadAtRows) {
  parseRecipe("tensor<2x22x9xf32>",
              "%0 = fpmoe.load \"fused\" at [1] : tensor<2x22x9xf32>");
  expectWindows();
}

TEST_F(EvaluateTest, LoadAtOneRow) {
  parseRecipe("tensor<22x9xbf16>",
              "%0 = fpmoe.load \"wide\" at [2] : tensor<22x9xbf16>");
  expectWindows();
}

TEST_F(EvaluateTest, LoadAtOneRowAndRange) {
  parseRecipe("tensor<11x9xbf16>",
              "%0 = fpmoe.load \"wide\" at [1, 11] : tensor<11x9xbf16>");
  expectWindows();
}

TEST_F(EvaluateTest, StackSelect) {
  parseRecipe("tensor<3x20x7xf32>", R"(
    %a = fpmoe.load "a.{}"[%l] : tensor<20x7xf32>
    %b = fpmoe.load "b.{}"[%l] : tensor<20x7xf32>
    %s = fpmoe.stack %a, %b : tensor<20x7xf32>, tensor<20x7xf32> -> tensor<2x20x7xf32>
    %0 = fpmoe.select %s[1, 0, 1] : tensor<2x20x7xf32> -> tensor<3x20x7xf32>)",
              "[3, 4]");
  expectWindows(3);
  expectWindows(4);
}

TEST_F(EvaluateTest, ConcatConvertReshape) {
  parseRecipe("tensor<9x5x7xbf16>", R"(
    %a = fpmoe.load "a.{}"[%l] : tensor<20x7xf32>
    %b = fpmoe.load "b.{}"[%l] : tensor<20x7xf32>
    %c = fpmoe.load "c.{}"[%l] : tensor<5x7xf32>
    %s = fpmoe.concat %a, %c, %b : tensor<20x7xf32>, tensor<5x7xf32>, tensor<20x7xf32> -> tensor<45x7xf32>
    %n = fpmoe.convert %s : tensor<45x7xf32> -> tensor<45x7xbf16>
    %0 = fpmoe.reshape %n : tensor<45x7xbf16> -> tensor<9x5x7xbf16>)",
              "[4]");
  expectWindows(4);
}

TEST_F(EvaluateTest, ConvertThereAndBack) {
  parseRecipe("tensor<20x7xf32>", R"(
    %a = fpmoe.load "a.3" : tensor<20x7xf32>
    %n = fpmoe.convert %a : tensor<20x7xf32> -> tensor<20x7xbf16>
    %0 = fpmoe.convert %n : tensor<20x7xbf16> -> tensor<20x7xf32>)");
  expectWindows();
}

TEST_F(EvaluateTest, SliceAppendRows) {
  parseRecipe("tensor<3x22x9xf32>", R"(
    %a = fpmoe.load "fused" : tensor<3x22x9xf32>
    %g = fpmoe.slice %a from 0 : tensor<3x22x9xf32> -> tensor<3x11x9xf32>
    %u = fpmoe.slice %a from 11 : tensor<3x22x9xf32> -> tensor<3x11x9xf32>
    %0 = fpmoe.append_rows %u, %g : tensor<3x11x9xf32> -> tensor<3x22x9xf32>)");
  expectWindows();
}

TEST_F(EvaluateTest, SplitRows) {
  // The second rank has less than a part of each section, the third nothing.
  for (rank = 0; rank < 3; ++rank) {
    parseRecipe("tensor<3x15x9xf32>", R"(
      %a = fpmoe.load "fused" : tensor<3x22x9xf32>
      %0 = fpmoe.split_rows %a dim 1 sections [13, 7, 2] parts [8, 5, 2] : tensor<3x22x9xf32> -> tensor<3x15x9xf32>)");
    expectWindows();
    parseRecipe("tensor<2x22x9xbf16>", R"(
      %a = fpmoe.load "wide" : tensor<3x22x9xbf16>
      %0 = fpmoe.split_rows %a dim 0 sections [2, 1] parts [1, 1] : tensor<3x22x9xbf16> -> tensor<2x22x9xbf16>)");
    expectWindows();
  }
}

TEST_F(EvaluateTest, SplitColumns) {
  for (rank = 0; rank < 4; ++rank) {
    parseRecipe("tensor<3x2x22x2xf32>", R"(
      %a = fpmoe.load "fused" : tensor<3x22x9xf32>
      %0 = fpmoe.split_columns %a : tensor<3x22x9xf32> -> tensor<3x2x22x2xf32>)");
    expectWindows();
    parseRecipe("tensor<2x20x4xbf16>", R"(
      %a = fpmoe.load "b.4" : tensor<20x7xbf16>
      %0 = fpmoe.split_columns %a : tensor<20x7xbf16> -> tensor<2x20x4xbf16>)");
    expectWindows();
  }
}

TEST_F(EvaluateTest, SplitColumnsWithTail) {
  // Some of the shards have fewer columns in front of the tail, or none.
  for (rank = 0; rank < 4; ++rank) {
    parseRecipe("tensor<3x2x22x5xf32>", R"(
      %a = fpmoe.load "fused" : tensor<3x22x9xf32>
      %0 = fpmoe.split_columns %a tail 3 : tensor<3x22x9xf32> -> tensor<3x2x22x5xf32>)");
    expectWindows();
    parseRecipe("tensor<2x20x3xbf16>", R"(
      %a = fpmoe.load "b.4" : tensor<20x7xbf16>
      %0 = fpmoe.split_columns %a tail 2 : tensor<20x7xbf16> -> tensor<2x20x3xbf16>)");
    expectWindows();
  }
}

TEST_F(EvaluateTest, SplitVector) {
  for (rank = 0; rank < 3; ++rank) {
    parseRecipe("tensor<4xf32>", R"(
      %a = fpmoe.load "norm.3" : tensor<11xf32>
      %0 = fpmoe.split_rows %a dim 0 sections [11] parts [4] : tensor<11xf32> -> tensor<4xf32>)");
    expectWindows();
  }
}

TEST_F(EvaluateTest, AppendRowsConvert) {
  parseRecipe("tensor<40x7xbf16>", R"(
    %a = fpmoe.load "a.3" : tensor<20x7xf32>
    %b = fpmoe.load "b.3" : tensor<20x7xf32>
    %i = fpmoe.append_rows %a, %b : tensor<20x7xf32> -> tensor<40x7xf32>
    %0 = fpmoe.convert %i : tensor<40x7xf32> -> tensor<40x7xbf16>)");
  expectWindows();
}

TEST_F(EvaluateTest, AppendColumns) {
  parseRecipe("tensor<3x22x18xf32>", R"(
    %a = fpmoe.load "fused" : tensor<3x22x9xf32>
    %b = fpmoe.load "wide" : tensor<3x22x9xf32>
    %0 = fpmoe.append_columns %a, %b : tensor<3x22x9xf32>, tensor<3x22x9xf32> -> tensor<3x22x18xf32>)");
  expectWindows();
}

TEST_F(EvaluateTest, F16RoundsTiesToEven) {
  parseRecipe("tensor<20x7xf32>", R"(
    %a = fpmoe.load "a.3" : tensor<20x7xf32>
    %n = fpmoe.convert %a : tensor<20x7xf32> -> tensor<20x7xf16>
    %0 = fpmoe.convert %n : tensor<20x7xf16> -> tensor<20x7xf32>)");
  expectWindows();
}

// A packed value has the elements of its input: where they lie in the file is
// tested in PackTest.cpp.
TEST_F(EvaluateTest, Pack) {
  std::string type =
      "tensor<3x22x9xbf16, #mega.packed<n = 32, k = 2, halves = true>>";
  parseRecipe(type, R"(
    %a = fpmoe.load "wide" : tensor<3x22x9xf32>
    %n = fpmoe.convert %a : tensor<3x22x9xf32> -> tensor<3x22x9xbf16>
    %0 = fpmoe.pack %n : tensor<3x22x9xbf16> -> )" +
                        type);
  expectWindows();
}

TEST_F(EvaluateTest, RopeTable) {
  parseRecipe("tensor<37x10xf32>",
              "%0 = fpmoe.rope_table theta 1.0e6 : tensor<37x10xf32>");
  expectWindows();
}

// What a program computes of the frequencies are the rows of the table.
TEST_F(EvaluateTest, RopeFrequenciesAreThoseOfTheTable) {
  for (std::string scaling :
       {"", "scaling(#fpmoe.rope_linear<factor = 2.0>) ",
        "scaling(#fpmoe.rope_llama3<factor = 8.0, low = 1.0, high = 4.0, "
        "positions = 16>) ",
        "scaling(#fpmoe.rope_factors<factors = [1.0, 2.0, 4.0, 8.0, 16.0]>) ",
        "scaling(#fpmoe.rope_yarn<factor = 40.0, first = 1.0, last = 3.0, "
        "magnitude = 1.25>) "}) {
    SCOPED_TRACE(scaling);
    parse("fpmoe.weight @table : tensor<7x10xf32> {\n"
          "%0 = fpmoe.rope_table theta 1.0e4 " +
          scaling +
          ": tensor<7x10xf32>\nfpmoe.yield %0 : tensor<7x10xf32>\n}\n"
          "fpmoe.weight @w : tensor<5xf32> {\n"
          "%0 = fpmoe.rope_frequencies theta 1.0e4 " +
          scaling + ": tensor<5xf32>\nfpmoe.yield %0 : tensor<5xf32>\n}");
    RecipeEvaluator evaluator(nullptr);
    std::vector<float> table(70), frequencies(5);
    ASSERT_FALSE(
        evaluator.evaluate(weight("table").getResultValue(), 0, 0, {table}));
    mlir::Value value = weight("w").getResultValue();
    ASSERT_FALSE(evaluator.evaluate(value, 0, 0, {frequencies}));
    float magnitude = RopeFrequenciesOp::getMagnitude(
        value.getDefiningOp<RopeFrequenciesOp>().getScalingAttr());
    EXPECT_EQ(magnitude, scaling.find("yarn") == std::string::npos ? 1 : 1.25f);
    for (int p = 0; p < 7; ++p)
      for (int i = 0; i < 5; ++i) {
        float angle = p * frequencies[i];
        EXPECT_FLOAT_EQ(table[p * 10 + i], magnitude * std::cos(angle));
        EXPECT_FLOAT_EQ(table[p * 10 + 5 + i], magnitude * std::sin(angle));
      }
    // A window of them.
    std::vector<float> some(2);
    ASSERT_FALSE(evaluator.evaluate(value, 0, 3, {some}));
    EXPECT_EQ(some[0], frequencies[3]);
    EXPECT_EQ(some[1], frequencies[4]);
  }
}

TEST_F(EvaluateTest, RandomIsAFunctionOfTheIndex) {
  parseRecipe(
      "tensor<9x1000xf32>",
      R"(%0 = fpmoe.random "r.{}"[%l] seed 5 mean 0.5 stddev 2.0 : tensor<9x1000xf32>)",
      "[3, 4]");
  expectWindows(3);
  expectWindows(4);
}

TEST_F(EvaluateTest, RandomIsAboutNormal) {
  parse(R"(
    fpmoe.weight @w layers [1, 2] : tensor<100000xf32> {
    ^bb0(%l: index):
      %0 = fpmoe.random "w.{}"[%l] seed 1 mean 0.5 stddev 0.25 : tensor<100000xf32>
      fpmoe.yield %0 : tensor<100000xf32>
    }
    fpmoe.weight @v : tensor<100000xf32> {
      %0 = fpmoe.random "w.1" seed 2 mean 0.5 stddev 0.25 : tensor<100000xf32>
      fpmoe.yield %0 : tensor<100000xf32>
    })");
  RecipeEvaluator evaluator(nullptr);
  EXPECT_FALSE(needsCheckpoint(*module));
  std::vector<std::vector<float>> streams(3, std::vector<float>(100000));
  mlir::Value value = weight("w").getResultValue();
  ASSERT_FALSE(evaluator.evaluate(value, 1, 0, {streams[0]}));
  ASSERT_FALSE(evaluator.evaluate(value, 2, 0, {streams[1]}));
  ASSERT_FALSE(
      evaluator.evaluate(weight("v").getResultValue(), 0, 0, {streams[2]}));
  auto correlation = [](const std::vector<float> &a,
                        const std::vector<float> &b, size_t lag) {
    double sum = 0;
    for (size_t i = 0; i + lag < a.size(); ++i)
      sum += (a[i] - 0.5) * (b[i + lag] - 0.5);
    return sum / (a.size() - lag) / 0.0625;
  };
  for (auto &stream : streams) {
    double mean = 0, inside = 0;
    for (float x : stream) {
      mean += x;
      inside += std::abs(x - 0.5) < 0.25;
    }
    EXPECT_NEAR(mean / stream.size(), 0.5, 0.004);
    EXPECT_NEAR(correlation(stream, stream, 0), 1, 0.02);
    EXPECT_NEAR(inside / stream.size(), 0.683, 0.02);
    for (size_t lag : {1, 2, 3, 7, 64})
      EXPECT_NEAR(correlation(stream, stream, lag), 0, 0.02);
  }
  // The layer, and the seed, give other numbers.
  EXPECT_NEAR(correlation(streams[0], streams[1], 0), 0, 0.02);
  EXPECT_NEAR(correlation(streams[0], streams[2], 0), 0, 0.02);
}

TEST_F(EvaluateTest, BF16RoundsTiesToEvenAndKeepsNaN) {
  std::vector<uint32_t> bits{0x3f808000, 0x3f818000, 0x3f808001, 0x7f7fffff,
                             0xff800000, 0x7f800001, 0x80000000, 0x00000001};
  std::vector<uint16_t> expected{0x3f80, 0x3f82, 0x3f81, 0x7f80,
                                 0xff80, 0x7fc0, 0x8000, 0x0000};
  add("special", {8}, false);
  std::memcpy(tensors["special"].values.data(), bits.data(), 32);
  openCheckpoint();
  parseRecipe("tensor<8xbf16>", "%0 = fpmoe.load \"special\" : tensor<8xbf16>");
  std::vector<uint16_t> out(8);
  RecipeEvaluator evaluator(checkpoint.get());
  ASSERT_FALSE(evaluator.evaluate(weight("w").getResultValue(), 0, 0, {out}));
  EXPECT_EQ(out, expected);
}

TEST_F(EvaluateTest, WindowOutsideTheValue) {
  parseRecipe("tensor<20x7xf32>", "%0 = fpmoe.load \"a.3\" : tensor<20x7xf32>");
  std::vector<float> out(8);
  RecipeEvaluator evaluator(checkpoint.get());
  llvm::Error error =
      evaluator.evaluate(weight("w").getResultValue(), 0, 133, {out});
  EXPECT_EQ(toString(std::move(error)),
            "elements from 133 to 141 of a value of 140 were asked for");
}

TEST_F(EvaluateTest, CheckMissing) {
  parseRecipe("tensor<20x7xf32>",
              "%0 = fpmoe.load \"a.{}\"[%l] : tensor<20x7xf32>", "[3, 5]");
  EXPECT_EQ(checkError(), directory + ": tensor 'a.5' is missing");
}

TEST_F(EvaluateTest, CheckShape) {
  parseRecipe("tensor<7x20xf32>", "%0 = fpmoe.load \"a.3\" : tensor<7x20xf32>");
  EXPECT_EQ(checkError(), directory +
                              "/model.safetensors: tensor 'a.3' has the shape "
                              "[20, 7], the recipe loads [7, 20]");
}

// Without `at`, all of the tensor is meant.
TEST_F(EvaluateTest, CheckPartOfATensor) {
  for (std::string type : {"tensor<19x7xf32>", "tensor<20x6xf32>"}) {
    parseRecipe(type, "%0 = fpmoe.load \"a.3\" : " + type);
    EXPECT_NE(checkError().find("has the shape [20, 7], the recipe loads"),
              std::string::npos);
  }
}

TEST_F(EvaluateTest, CheckWindow) {
  parseRecipe("tensor<2x22x9xf32>",
              "%0 = fpmoe.load \"fused\" at [2] : tensor<2x22x9xf32>");
  EXPECT_EQ(checkError(),
            directory + "/model.safetensors: tensor 'fused' has the shape "
                        "[3, 22, 9], the recipe loads [2, 22, 9] at [2]");
}

TEST_F(EvaluateTest, CheckWithoutCheckpoint) {
  parseRecipe("tensor<20x7xf32>", "%0 = fpmoe.load \"a.3\" : tensor<20x7xf32>");
  EXPECT_TRUE(needsCheckpoint(*module));
  checkpoint.reset();
  EXPECT_EQ(checkError(),
            "tensor 'a.3' is to be loaded, but there is no checkpoint");
}

TEST_F(EvaluateTest, CheckDepth) {
  std::string recipe = "%v0 = fpmoe.load \"a.3\" : tensor<20x7xf32>\n";
  for (int i = 0; i < 300; ++i)
    recipe += "%v" + std::to_string(i + 1) + " = fpmoe.reshape %v" +
              std::to_string(i) + " : tensor<20x7xf32> -> tensor<20x7xf32>\n";
  recipe += "%0 = fpmoe.reshape %v300 : tensor<20x7xf32> -> tensor<20x7xf32>\n";
  parseRecipe("tensor<20x7xf32>", recipe);
  EXPECT_EQ(checkError(), "weight 'w': its recipe is more than 256 ops deep");
}

} // namespace
