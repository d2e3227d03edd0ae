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
  float broken[] = {1, NAN};
  EXPECT_TRUE(std::isnan(logSumExp(broken, 2)));
}
