//===- GroupsTest.cpp - Numbers rounded to integers in groups -------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Weights/Groups.h"
#include "lib/Checkpoint/Half.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>

using namespace fpmoe;

namespace {

constexpr GroupFormat int8{8, 128}, int4{4, 8}, uint4{4, 0, true};

std::vector<float> randomNumbers(unsigned seed, size_t count = 32) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal(0.01f, 0.7f);
  std::vector<float> numbers(count);
  for (float &number : numbers)
    number = normal(engine);
  return numbers;
}

std::vector<float> round(const GroupFormat &format,
                         const std::vector<float> &numbers) {
  Group group;
  EXPECT_EQ(roundToGroup(format, numbers, group), -1);
  std::vector<float> result;
  for (size_t i = 0; i < numbers.size(); ++i)
    result.push_back(group.get(format, i));
  return result;
}

double squaredError(const std::vector<float> &a, const std::vector<float> &b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i)
    sum += (double(a[i]) - b[i]) * (double(a[i]) - b[i]);
  return sum;
}

/// To nearest, with the scale by which the largest becomes `most`.
std::vector<float> roundPlainly(const std::vector<float> &numbers, float most,
                                float low, float high) {
  float largest = 0;
  for (float number : numbers)
    if (std::abs(number) > std::abs(largest))
      largest = number;
  float scale = fromF16(roundToF16(largest / most));
  std::vector<float> result;
  for (float number : numbers)
    result.push_back(
        scale * std::min(std::max(std::nearbyint(number / scale), low), high));
  return result;
}

} // namespace

TEST(GroupsTest, ErrorIsAtMostThatOfPlainRounding) {
  double found4 = 0, plain4 = 0, minimum4 = 0;
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::vector<float> x = randomNumbers(seed);
    EXPECT_LE(squaredError(x, round(int8, x)),
              squaredError(x, roundPlainly(x, 127, -127, 127)) * 1.0001)
        << seed;
    double found = squaredError(x, round(int4, x));
    double plain = squaredError(x, roundPlainly(x, -8, -8, 7));
    EXPECT_LE(found, plain * 1.0001) << seed;
    found4 += found;
    plain4 += plain;
    minimum4 += squaredError(x, round(uint4, x));
  }
  // The search is worth its time, and the minimum its bits.
  EXPECT_LT(found4, 0.9 * plain4);
  EXPECT_LT(minimum4, 0.85 * found4);
}

TEST(GroupsTest, WhatFitsStaysAsItIs) {
  std::mt19937 engine(7);
  for (const GroupFormat &format : {int8, int4})
    for (float sign : {1.0f, -1.0f})
      for (float scale : {1.0f, 0.0371f, 3e-6f, 511.0f}) {
        float d = sign * fromF16(roundToF16(scale));
        // As Q8_0 and Q4_0 have them: some number is the largest there is.
        std::vector<float> x(32);
        int low = format.bits == 8 ? -127 : -8, high = format.zero - 1;
        for (float &number : x)
          number = d * std::uniform_int_distribution<int>(low, high)(engine);
        x[19] = d * low;
        EXPECT_EQ(round(format, x), x) << d;
      }
  // As Q4_1 has them, with all of 0 to 15 or fewer.
  for (float scale : {1.0f, 0.0371f, 3e-4f, 511.0f})
    for (float least : {0.0f, -0.3f, 2.5f})
      for (int high : {15, 11, 1}) {
        float d = fromF16(roundToF16(scale)), m = fromF16(roundToF16(least));
        std::vector<float> x(32);
        for (float &number : x)
          number = d * std::uniform_int_distribution<int>(0, high)(engine) + m;
        x[3] = m;
        x[30] = d * high + m;
        EXPECT_EQ(round(uint4, x), x) << d << " " << m << " " << high;
      }
  EXPECT_EQ(round(uint4, std::vector<float>(20, -1.5f)),
            std::vector<float>(20, -1.5f));
  for (float number : round(uint4, std::vector<float>(7, 0.1f)))
    EXPECT_NEAR(number, 0.1f, 1e-7f);
  EXPECT_NEAR(round(uint4, {-3.3f})[0], -3.3f, 1e-5f);
  // Fewer than all integers of 4 bits.
  std::vector<float> few = {0.5f, -1.5f, 1.0f, 0.0f};
  EXPECT_EQ(round(int4, few), few);
  std::vector<float> zeros(32);
  EXPECT_EQ(round(int8, zeros), zeros);
  EXPECT_EQ(round(int4, zeros), zeros);
  EXPECT_EQ(round(uint4, zeros), zeros);
}

TEST(GroupsTest, RoundingTwiceIsRoundingOnce) {
  for (unsigned seed = 0; seed < 100; ++seed)
    for (const GroupFormat &format : {int8, int4, uint4}) {
      std::vector<float> once =
          round(format, randomNumbers(seed, 1 + seed % 32));
      std::vector<float> twice = round(format, once);
      EXPECT_LE(squaredError(once, twice), 1e-9) << seed << " " << format.bits;
    }
}

TEST(GroupsTest, WeightsSayWhichErrorsCount) {
  for (const GroupFormat &format : {int4, uint4}) {
    double plain = 0, weighted = 0;
    for (unsigned seed = 0; seed < 50; ++seed) {
      std::vector<float> x = randomNumbers(seed),
                         weights = randomNumbers(~seed);
      for (float &weight : weights)
        weight = std::exp(2 * weight);
      Group group;
      ASSERT_EQ(roundToGroup(format, x, group, weights), -1);
      std::vector<float> without = round(format, x);
      for (int i = 0; i < 32; ++i) {
        plain += weights[i] * std::pow(x[i] - without[i], 2);
        weighted += weights[i] * std::pow(x[i] - group.get(format, i), 2);
      }
    }
    EXPECT_LT(weighted, 0.97 * plain) << format.hasMinimum;
  }
}

TEST(GroupsTest, SetsTheNearest) {
  for (const GroupFormat &format : {int8, int4, uint4}) {
    std::vector<float> x = randomNumbers(11);
    Group group;
    ASSERT_EQ(roundToGroup(format, x, group), -1);
    float d = std::abs(fromF16(group.scale));
    for (int i = 0; i < 32; ++i) {
      float before = group.get(format, i);
      EXPECT_EQ(group.set(format, i, before + 0.3f * d), before);
      // Beyond the ends are the ends.
      float high = group.set(format, i, 1e4f),
            low = group.set(format, i, -1e4f);
      EXPECT_NEAR(high - low, ((1 << format.bits) - 1) * d, 1e-3f);
    }
  }
}

TEST(GroupsTest, NamesWhatCannotBeRounded) {
  Group group;
  float nan = std::numeric_limits<float>::quiet_NaN();
  float infinity = std::numeric_limits<float>::infinity();
  for (float bad : {nan, infinity, -infinity, 9e6f}) {
    std::vector<float> x = randomNumbers(3);
    x[5] = bad;
    EXPECT_EQ(roundToGroup(int8, x, group), 5) << bad;
    EXPECT_EQ(roundToGroup(int4, x, group), 5) << bad;
  }
}

TEST(GroupsTest, TinyNumbersBecomeZerosOrStayTiny) {
  std::vector<float> x(32, 1e-12f);
  for (float number : round(int8, x))
    EXPECT_LE(std::abs(number), 1e-7f);
}

TEST(GroupsTest, ATailBeginsGroups) {
  auto range = [](int64_t columns, int64_t tail, int64_t column) {
    GroupRange group = getGroup(columns, tail, column);
    return std::pair(group.first, group.count);
  };
  EXPECT_EQ(range(70, 0, 31), std::pair(0l, 32l));
  EXPECT_EQ(range(70, 0, 69), std::pair(64l, 6l));
  EXPECT_EQ(range(70, 30, 39), std::pair(32l, 8l));
  EXPECT_EQ(range(70, 30, 40), std::pair(40l, 30l));
  EXPECT_EQ(range(80, 40, 75), std::pair(72l, 8l));
  EXPECT_EQ(countGroups(70, 0), 3);
  EXPECT_EQ(countGroups(80, 40), 4);
  for (int64_t tail : {0, 10, 33, 79})
    for (int64_t column = 0, group = -1; column < 80; ++column) {
      group += getGroup(80, tail, column).first == column;
      GroupPlace place = findInGroups(80, tail, column);
      EXPECT_EQ(place.group, group);
      EXPECT_EQ(place.element, column - getGroup(80, tail, column).first);
    }
}
