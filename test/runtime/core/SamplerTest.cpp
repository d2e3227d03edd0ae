//===- SamplerTest.cpp - tests of the sampler ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which tokens can be drawn, how often, and that a seed fixes the draw.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

using namespace fpmoe;

static SamplerOptions makeOptions(double temperature, int64_t topK = 0,
                                  double topP = 1, uint64_t seed = 7) {
  SamplerOptions options;
  options.temperature = temperature;
  options.topK = topK;
  options.topP = topP;
  options.seed = seed;
  return options;
}

static std::map<int32_t, double> draw(const std::vector<float> &row,
                                      const SamplerOptions &options,
                                      int times = 20000) {
  Sampler sampler(options);
  std::map<int32_t, double> shares;
  for (int i = 0; i < times; ++i)
    shares[sampler.sample(row.data(), row.size())] += 1.0 / times;
  return shares;
}

TEST(SamplerTest, greedyTakesTheLargestAndTheLowestOfEquals) {
  std::vector<float> row = {1, 5, 2, 5, -3};
  Sampler sampler(makeOptions(0));
  EXPECT_EQ(sampler.sample(row.data(), row.size()), 1);
  EXPECT_EQ(largest(row.data(), 1), 0);
}

TEST(SamplerTest, ignoresWhatIsNotANumber) {
  std::vector<float> row = {NAN, 1, NAN, 3, -INFINITY};
  EXPECT_EQ(draw(row, makeOptions(0), 1).begin()->first, 3);
  for (const auto &[token, share] : draw(row, makeOptions(5)))
    EXPECT_TRUE(token == 1 || token == 3) << token;
  std::vector<float> none = {NAN, -INFINITY};
  EXPECT_EQ(draw(none, makeOptions(1), 1).begin()->first, -1);
  std::vector<float> infinite = {1, INFINITY, 2};
  EXPECT_EQ(draw(infinite, makeOptions(1), 1).begin()->first, 1);
}

TEST(SamplerTest, drawsInProportion) {
  std::vector<float> row = {std::log(1.f), std::log(2.f), std::log(5.f)};
  std::map<int32_t, double> shares = draw(row, makeOptions(1));
  EXPECT_NEAR(shares[0], 1 / 8.0, 0.01);
  EXPECT_NEAR(shares[1], 2 / 8.0, 0.01);
  EXPECT_NEAR(shares[2], 5 / 8.0, 0.01);
  // At half the temperature the weights are squared.
  shares = draw(row, makeOptions(0.5));
  EXPECT_NEAR(shares[0], 1 / 30.0, 0.01);
  EXPECT_NEAR(shares[2], 25 / 30.0, 0.01);
}

TEST(SamplerTest, topKKeepsTheKLikeliest) {
  std::vector<float> row = {2, 1, 2, 3, 2};
  // Of the three equals the two with the lowest ids stay.
  std::map<int32_t, double> shares = draw(row, makeOptions(1, 3));
  EXPECT_EQ(shares.size(), 3u);
  EXPECT_TRUE(shares.count(3) && shares.count(0) && shares.count(2));
  EXPECT_EQ(draw(row, makeOptions(1, 1)).size(), 1u);
  EXPECT_EQ(draw(row, makeOptions(1, 100)).size(), 5u);
}

TEST(SamplerTest, topPKeepsTheFewestThatReachIt) {
  std::vector<float> row = {std::log(.5f), std::log(.3f), std::log(.2f)};
  EXPECT_EQ(draw(row, makeOptions(1, 0, 0)).size(), 1u);
  EXPECT_EQ(draw(row, makeOptions(1, 0, 0.49)).size(), 1u);
  std::map<int32_t, double> shares = draw(row, makeOptions(1, 0, 0.6));
  EXPECT_EQ(shares.size(), 2u);
  EXPECT_NEAR(shares[0], 5 / 8.0, 0.01);
  EXPECT_EQ(draw(row, makeOptions(1, 0, 0.81)).size(), 3u);
  // After top-k, the share is of what top-k left.
  EXPECT_EQ(draw(row, makeOptions(1, 2, 0.62)).size(), 1u);
}

TEST(SamplerTest, topPOverManyTokens) {
  // Of 1000 equal tokens the first half reach the share, though fewer are
  // sorted at first.
  std::vector<float> row(1000, 1.5f);
  std::map<int32_t, double> shares = draw(row, makeOptions(1, 0, 0.4995), 8000);
  EXPECT_EQ(shares.size(), 500u);
  EXPECT_EQ(shares.rbegin()->first, 499);
}

TEST(SamplerTest, seedFixesTheDraw) {
  std::vector<float> row(100);
  for (size_t i = 0; i < row.size(); ++i)
    row[i] = float(i * 37 % 17) / 8;
  auto sequence = [&](uint64_t seed) {
    Sampler sampler(makeOptions(1, 0, 1, seed));
    std::vector<int32_t> tokens;
    for (int i = 0; i < 50; ++i)
      tokens.push_back(sampler.sample(row.data(), row.size()));
    return tokens;
  };
  EXPECT_EQ(sequence(1), sequence(1));
  EXPECT_NE(sequence(1), sequence(2));
  // The same in every version and on every machine.
  std::vector<int32_t> first = sequence(0);
  first.resize(4);
  EXPECT_EQ(first, (std::vector<int32_t>{32, 39, 37, 2}));
}
