//===- MergeTest.cpp - weights made of weights ------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The arithmetic of recipes in windows that start anywhere, against plain loops
// in double precision; and the exact selection that trimming takes.
//
//===----------------------------------------------------------------------===//

#include "Fixture.h"
#include "lib/Weights/Select.h"

#include <cmath>

using namespace fpmoe;
using namespace fpmoe::test;
using llvm::ArrayRef;
using llvm::MutableArrayRef;

namespace {

using Values = std::vector<double>;

class MergeTest : public Fixture {
protected:
  void SetUp() override {
    Fixture::SetUp();
    for (const char *name : {"base", "a", "b", "c"})
      add(name, {30, 41}, *name == 'b');
    add("left", {3, 10, 4}, false);
    add("right", {3, 4, 9}, true);
    add("other.7", {30, 41}, false);
    openCheckpoint();
  }

  /// A recipe over the matrices of 30 rows.
  void parseMerge(const std::string &merge) {
    std::string loads;
    for (const char *name : {"base", "a", "b", "c"})
      loads += std::string("%") + name + " = fpmoe.load \"" + name +
               "\" : tensor<30x41xf32>\n";
    parseRecipe("tensor<30x41xf32>",
                loads + "%0 = " + merge + " : tensor<30x41xf32>");
  }

  Values get(const std::string &name) {
    const std::vector<float> &values = tensors.at(name).values;
    return Values(values.begin(), values.end());
  }

  void expectWindows(const Values &expected, int64_t layer = 0) {
    compareWindows<double>(expected, layer, 1e-6);
  }
  void expectWindows(const Values &expected, int64_t layer,
                     const Sources &sources) {
    compareWindows<double>(expected, layer, 1e-6, sources);
  }

  /// The rule of the description, with a sort in the place of the selection.
  Values ties(bool isPeft, bool normalized, const std::vector<double> &weights,
              const std::vector<double> &densities, double lambda) {
    Values base = get("base"), result = base;
    std::vector<Values> deltas;
    const char *names[] = {"a", "b", "c"};
    for (size_t i = 0; i < weights.size(); ++i) {
      Values delta = get(names[i]);
      for (size_t e = 0; e < delta.size(); ++e)
        delta[e] = static_cast<float>(delta[e]) - static_cast<float>(base[e]);
      std::vector<size_t> order(delta.size());
      std::iota(order.begin(), order.end(), 0);
      llvm::stable_sort(order, [&](size_t x, size_t y) {
        return std::fabs(delta[x]) > std::fabs(delta[y]);
      });
      for (size_t e = densities[i] * delta.size(); e < order.size(); ++e)
        delta[order[e]] = 0;
      deltas.push_back(delta);
    }
    for (size_t e = 0; e < base.size(); ++e) {
      double elected = 0, sum = 0, divisor = 0;
      for (size_t i = 0; i < weights.size(); ++i)
        elected += (isPeft ? 1 : weights[i]) * deltas[i][e];
      for (size_t i = 0; i < weights.size(); ++i) {
        double judged = (isPeft ? 1 : weights[i]) * deltas[i][e];
        if (elected >= 0 ? judged <= 0 : judged >= 0)
          continue;
        sum += weights[i] * deltas[i][e];
        divisor += isPeft ? 1 : weights[i];
      }
      if ((isPeft || normalized) && divisor != 0)
        sum /= divisor;
      result[e] += lambda * sum;
    }
    return result;
  }
};

TEST_F(MergeTest, WeightedSum) {
  Values a = get("a"), b = get("b"), plain(a.size()), linear(a.size());
  for (size_t i = 0; i < a.size(); ++i) {
    plain[i] = 0.5 * a[i] - 2 * b[i];
    linear[i] = (0.5 * a[i] + 1.5 * b[i]) / 2;
  }
  parseMerge("fpmoe.weighted_sum %a, %b weights [0.5, -2.0]");
  expectWindows(plain);
  parseMerge("fpmoe.weighted_sum %a, %b weights [0.5, 1.5] normalized");
  expectWindows(linear);
}

TEST_F(MergeTest, TaskArithmetic) {
  Values base = get("base"), a = get("a"), b = get("b"), expected(a.size());
  for (size_t i = 0; i < a.size(); ++i)
    expected[i] =
        base[i] + 0.7 * (0.5 * (a[i] - base[i]) + 1.5 * (b[i] - base[i])) / 2;
  parseMerge("fpmoe.task_arithmetic %base plus %a, %b weights [0.5, 1.5] "
             "lambda 0.7 normalized");
  expectWindows(expected);
}

TEST_F(MergeTest, TiesOfMergeKit) {
  parseMerge("fpmoe.ties mergekit %base plus %a, %b, %c weights [0.5, 0.7, "
             "-0.2] densities [0.3, 0.5, 1.0] lambda 0.9 normalized");
  expectWindows(ties(false, true, {0.5, 0.7, -0.2}, {0.3, 0.5, 1}, 0.9));
  parseMerge("fpmoe.ties mergekit %base plus %a, %b weights [0.5, 0.7] "
             "densities [0.1, 0.5] lambda 1.0");
  expectWindows(ties(false, false, {0.5, 0.7}, {0.1, 0.5}, 1));
}

TEST_F(MergeTest, TiesOfPeft) {
  parseMerge("fpmoe.ties peft %base plus %a, %b, %c weights [0.5, 0.7, -0.2] "
             "densities [0.3, 0.5, 0.8] lambda 1.0");
  expectWindows(ties(true, false, {0.5, 0.7, -0.2}, {0.3, 0.5, 0.8}, 1));
}

TEST_F(MergeTest, ProductOfBatches) {
  Values left = get("left"), right = get("right"), expected;
  for (int m = 0; m < 3; ++m)
    for (int row = 0; row < 10; ++row)
      for (int column = 0; column < 9; ++column) {
        double sum = 0;
        for (int k = 0; k < 4; ++k)
          sum += left[(m * 10 + row) * 4 + k] * right[(m * 4 + k) * 9 + column];
        expected.push_back(sum);
      }
  parseRecipe("tensor<3x10x9xf32>",
              "%1 = fpmoe.load \"left\" : tensor<3x10x4xf32>\n"
              "%2 = fpmoe.load \"right\" : tensor<3x4x9xf32>\n"
              "%0 = fpmoe.product %1, %2 : tensor<3x10x4xf32>, "
              "tensor<3x4x9xf32> -> tensor<3x10x9xf32>");
  expectWindows(expected);
}

TEST_F(MergeTest, TransposeOfBatches) {
  Values left = get("left"), expected;
  for (int m = 0; m < 3; ++m)
    for (int column = 0; column < 4; ++column)
      for (int row = 0; row < 10; ++row)
        expected.push_back(left[(m * 10 + row) * 4 + column]);
  parseRecipe("tensor<3x4x10xf32>",
              "%1 = fpmoe.load \"left\" : tensor<3x10x4xf32>\n"
              "%0 = fpmoe.transpose %1 : tensor<3x10x4xf32> -> "
              "tensor<3x4x10xf32>");
  expectWindows(expected);
}

TEST_F(MergeTest, UnitOfSummedRows) {
  Values base = get("base"), expected(41);
  double squares = 0;
  for (int i = 0; i < 41; ++i) {
    expected[i] = base[5 * 41 + i] * 2 + base[29 * 41 + i];
    squares += expected[i] * expected[i];
  }
  for (double &value : expected)
    value /= std::sqrt(squares);
  parseRecipe("tensor<41xf32>",
              "%1 = fpmoe.load \"base\" : tensor<30x41xf32>\n"
              "%2 = fpmoe.sum_rows %1[5, 29, 5] : tensor<30x41xf32> -> "
              "tensor<41xf32>\n"
              "%0 = fpmoe.unit %2 : tensor<41xf32>");
  expectWindows(expected);
}

TEST_F(MergeTest, UnitOfZeros) {
  parseRecipe("tensor<5xf32>", "%1 = fpmoe.fill 0.0 : tensor<5xf32>\n"
                               "%0 = fpmoe.unit %1 : tensor<5xf32>");
  expectWindows(Values(5));
}

// What a program made of prompts, layer by layer.
TEST_F(MergeTest, PromptState) {
  parse("module attributes {fpmoe.model = {name = \"m\", architecture = \"a\","
        "context = 4 : i64, source = \"b\", parts = {b = \"b\"}}} {\n"
        "fpmoe.weight @w layers [0, 2] : tensor<3xf32> {\n"
        "^bb0(%l: index):\n"
        "%0 = fpmoe.prompt_state %l from \"b\" prompts [[1]] : tensor<3xf32>\n"
        "%1 = fpmoe.prompt_state %l from \"b\" prompts [[2]] : tensor<3xf32>\n"
        "%2 = fpmoe.weighted_sum %0, %1 weights [1.0, -1.0] : tensor<3xf32>\n"
        "fpmoe.yield %2 : tensor<3xf32>\n}\n}");
  Sources sources;
  llvm::SmallVector<PromptStateOp> states(
      weight("w").getRecipe().getOps<PromptStateOp>());
  sources.addState(states[0], {1, 2, 3, 4, 5, 6, 7, 8, 9});
  sources.addState(states[1], {1, 1, 1, 1, 1, 1});
  EXPECT_EQ(toString(checkRecipes(*module, sources)),
            "weight 'w': what prompts make of layer 2 of 'b' is not known "
            "here");
  sources.addState(states[1], {1, 1, 1, 1, 1, 1, 2, 2, 4});
  expectWindows({0, 1, 2}, 0, sources);
  expectWindows({5, 6, 5}, 2, sources);
}

// What only other layers load need not be there.
TEST_F(MergeTest, ByLayer) {
  parseRecipe("tensor<30x41xf32>",
              "%1 = fpmoe.load \"a\" : tensor<30x41xf32>\n"
              "%2 = fpmoe.load \"other.{}\"[%l] : tensor<30x41xf32>\n"
              "%0 = fpmoe.by_layer %l, %1, %2 of [[2, 9], [7]] : "
              "tensor<30x41xf32>, tensor<30x41xf32> -> tensor<30x41xf32>",
              "[2, 7, 9]");
  expectWindows(get("a"), 2);
  expectWindows(get("other.7"), 7);
  expectWindows(get("a"), 9);
}

/// What a sort says is in the selection.
void expectSelection(ArrayRef<float> values, int64_t count) {
  auto selected = selectLargest(
      values.size(), count,
      [&](int64_t first, MutableArrayRef<float> out) -> llvm::Error {
        llvm::copy(values.slice(first, out.size()), out.begin());
        return llvm::Error::success();
      });
  ASSERT_TRUE(static_cast<bool>(selected));
  std::vector<int64_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  llvm::stable_sort(order, [&](int64_t a, int64_t b) {
    return std::fabs(values[a]) > std::fabs(values[b]);
  });
  for (size_t i = 0; i < order.size(); ++i)
    if (values[order[i]] != 0) {
      ASSERT_EQ(selected->has(values[order[i]], order[i]),
                static_cast<int64_t>(i) < count)
          << "element " << order[i] << ", number " << i;
    }
}

TEST(SelectTest, RandomNumbers) {
  std::mt19937 generator{3};
  std::normal_distribution<float> normal;
  std::vector<float> values(300000);
  for (float &value : values)
    value = normal(generator);
  for (int64_t count : {0, 1, 2, 1000, 150000, 299999, 300000})
    expectSelection(values, count);
}

// Of equal magnitudes the first are in, across the borders of blocks.
TEST(SelectTest, EqualNumbers) {
  std::mt19937 generator{4};
  std::vector<float> values(200000);
  for (float &value : values)
    value = static_cast<float>(static_cast<int>(generator() % 7) - 3) / 4;
  for (int64_t count : {1, 17, 30000, 65536, 100000, 130000, 199999})
    expectSelection(values, count);
}

TEST(SelectTest, TellsWhatReadingTells) {
  auto selected = selectLargest(
      1 << 22, 5, [](int64_t first, MutableArrayRef<float>) -> llvm::Error {
        return llvm::createStringError("cannot read");
      });
  EXPECT_EQ(toString(selected.takeError()), "cannot read");
}

} // namespace
