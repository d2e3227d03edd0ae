//===- MathTest.cpp - tests of exponential and logarithm ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Against the C library over the whole range of doubles that matter, and at
// the edges.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Math.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

using namespace fpmoe;

TEST(MathTest, exponentialAgreesWithTheLibrary) {
  for (double x = -707; x < 709; x += 0.0373)
    ASSERT_NEAR(exponential(x) / std::exp(x), 1, 2e-15) << x;
  EXPECT_EQ(exponential(0), 1);
  EXPECT_EQ(exponential(-1000), 0);
  EXPECT_EQ(exponential(-INFINITY), 0);
  EXPECT_EQ(exponential(1000), INFINITY);
  EXPECT_TRUE(std::isnan(exponential(NAN)));
}

TEST(MathTest, exponentialsOfARowAreThoseOfItsValues) {
  // An odd count, and values that have no chance.
  std::vector<float> row;
  for (int i = 0; i < 999; ++i)
    row.push_back(3 - 0.0137f * ((i * 577) % 1009));
  row[5] = -INFINITY;
  row[6] = -3e38f;
  row[300] = -900;
  std::vector<double> weights(row.size() + 1, -1);
  for (double temperature : {0.7, 1e-3, 50.0}) {
    exponentials(row.data(), row.size(), 3, temperature, weights.data());
    for (size_t i = 0; i < row.size(); ++i) {
      double x = (row[i] - 3.0) / temperature;
      ASSERT_EQ(weights[i], exponential(x)) << i;
      ASSERT_NEAR(weights[i], std::exp(x), 1e-14 * std::exp(x) + 1e-300) << i;
    }
    EXPECT_EQ(weights[row.size()], -1);
  }
  row[1] = NAN;
  exponentials(row.data(), 3, 3, 1, weights.data());
  EXPECT_TRUE(std::isnan(weights[1]));
  EXPECT_EQ(weights[0], 1);
}

TEST(MathTest, maximumOfEveryPlace) {
  EXPECT_EQ(maximum(nullptr, 0), -INFINITY);
  for (int count : {1, 3, 15, 16, 17, 50})
    for (int place = 0; place < count; ++place) {
      std::vector<float> row(count, -7);
      row[place] = -2.5f;
      row[(place + 1) % count] = count > 1 ? NAN : -2.5f;
      ASSERT_EQ(maximum(row.data(), count), -2.5f) << count << " " << place;
    }
  float none[] = {NAN, -INFINITY};
  EXPECT_EQ(maximum(none, 2), -INFINITY);
  EXPECT_EQ(maximum(none, 1), -INFINITY);
}

TEST(MathTest, logarithmAgreesWithTheLibrary) {
  for (double x = 1e-320; x < 1e300; x *= 1.37) {
    double error = std::abs(logarithm(x) - std::log(x));
    ASSERT_LE(error, 1e-15 * std::max(1e-3, std::abs(std::log(x)))) << x;
  }
  for (double x = 0.5; x < 2; x += 0.0007)
    ASSERT_NEAR(logarithm(x), std::log(x), 2e-16) << x;
  EXPECT_EQ(logarithm(1), 0);
  EXPECT_EQ(logarithm(0), -INFINITY);
  EXPECT_EQ(logarithm(INFINITY), INFINITY);
  EXPECT_TRUE(std::isnan(logarithm(-1)));
  EXPECT_TRUE(std::isnan(logarithm(NAN)));
}

TEST(MathTest, logSumExpIsStable) {
  float row[] = {1000, 1001, 999};
  EXPECT_NEAR(logSumExp(row, 3),
              1001 + std::log(1 + std::exp(-1.0) + std::exp(-2.0)), 1e-12);
  float one[] = {-INFINITY, 3};
  EXPECT_EQ(logSumExp(one, 2), 3);
  std::vector<float> many(1000, 2.5f);
  EXPECT_NEAR(logSumExp(many.data(), 1000), 2.5 + std::log(1000.0), 1e-14);
  float broken[] = {1, NAN};
  EXPECT_TRUE(std::isnan(logSumExp(broken, 2)));
}
