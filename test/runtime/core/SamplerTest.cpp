//===- SamplerTest.cpp - tests of the sampler ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which tokens can be drawn, how often, that a seed fixes the draw, and what
// changes the logits before it.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
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

static std::map<int32_t, double>
draw(std::vector<float> row, const SamplerOptions &options, int times = 20000) {
  Sampler sampler(options);
  SamplerState state = sampler.start({});
  std::map<int32_t, double> shares;
  for (int i = 0; i < times; ++i)
    shares[sampler.sample(row.data(), row.size(), state)] += 1.0 / times;
  return shares;
}

TEST(SamplerTest, greedyTakesTheLargestAndTheLowestOfEquals) {
  std::vector<float> row = {1, 5, 2, 5, -3};
  EXPECT_EQ(draw(row, makeOptions(0), 1).begin()->first, 1);
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

TEST(SamplerTest, drawsOfManyTokens) {
  // Weights of 1, 2 and 5 eighths, each at the edges of what is weighed at a
  // time; the others have no chance, or too little of it.
  std::vector<float> row(1001, -INFINITY);
  row[0] = row[255] = std::log(.5f);
  row[256] = row[511] = std::log(1.f);
  row[512] = row[1000] = std::log(2.5f);
  row[700] = NAN;
  row[800] = -800;
  std::map<int32_t, double> shares = draw(row, makeOptions(1));
  EXPECT_EQ(shares.size(), 6u);
  for (int32_t token : {0, 255})
    EXPECT_NEAR(shares[token], 1 / 16.0, 0.01) << token;
  for (int32_t token : {256, 511})
    EXPECT_NEAR(shares[token], 2 / 16.0, 0.01) << token;
  for (int32_t token : {512, 1000})
    EXPECT_NEAR(shares[token], 5 / 16.0, 0.01) << token;
  SamplerOptions options = makeOptions(1);
  options.minP = 0.3;
  EXPECT_EQ(draw(row, options).size(), 4u);
  // The last token of equals is drawn as often as the first.
  std::vector<float> equal(1001, 1.5f);
  shares = draw(equal, makeOptions(1), 200000);
  EXPECT_EQ(shares.size(), 1001u);
  EXPECT_NEAR(shares[0], 1 / 1001.0, 4e-4);
  EXPECT_NEAR(shares[1000], 1 / 1001.0, 4e-4);
}

TEST(SamplerTest, topKOfManyTokens) {
  std::vector<float> row(1001);
  for (size_t i = 0; i < row.size(); ++i)
    row[i] = float(i * 577 % 1009) / 100;
  row[3] = NAN;
  row[4] = -INFINITY;
  std::vector<std::pair<float, int32_t>> order;
  for (size_t i = 0; i < row.size(); ++i)
    if (row[i] > -INFINITY)
      order.push_back({-row[i], int32_t(i)});
  std::sort(order.begin(), order.end());
  std::map<int32_t, double> shares = draw(row, makeOptions(5, 20), 40000);
  EXPECT_EQ(shares.size(), 20u);
  double all = 0;
  for (int i = 0; i < 20; ++i)
    all += std::exp(-order[i].first / 5);
  for (int i = 0; i < 20; ++i)
    EXPECT_NEAR(shares[order[i].second], std::exp(-order[i].first / 5) / all,
                0.01)
        << i;
}

TEST(SamplerTest, seedFixesTheDraw) {
  std::vector<float> row(100);
  for (size_t i = 0; i < row.size(); ++i)
    row[i] = float(i * 37 % 17) / 8;
  auto sequence = [&](uint64_t seed) {
    Sampler sampler(makeOptions(1, 0, 1, seed));
    SamplerState state = sampler.start({});
    std::vector<int32_t> tokens;
    for (int i = 0; i < 50; ++i)
      tokens.push_back(sampler.sample(row.data(), row.size(), state));
    return tokens;
  };
  EXPECT_EQ(sequence(1), sequence(1));
  EXPECT_NE(sequence(1), sequence(2));
  // The same in every version and on every machine.
  std::vector<int32_t> first = sequence(0);
  first.resize(4);
  EXPECT_EQ(first, (std::vector<int32_t>{32, 39, 37, 2}));
}

//===----------------------------------------------------------------------===//
// Biases, penalties and bans
//===----------------------------------------------------------------------===//

/// The token after `tokens`, of which `prompt` are the prompt's, by greedy
/// choice.
static int32_t next(std::vector<float> row, const SamplerOptions &options,
                    std::vector<int32_t> tokens, int64_t prompt) {
  Sampler sampler(options);
  SamplerState state = sampler.start({});
  state.tokens = std::move(tokens);
  state.promptTokens = prompt;
  return sampler.sample(row.data(), row.size(), state);
}

TEST(SamplerTest, repetitionPenaltyDividesOrMultipliesOnce) {
  SamplerOptions options;
  options.repetitionPenalty = 2;
  // 5 / 2 is less than 3, whether the token stands there once or thrice, in
  // the prompt or after it; 7 / 2 is more.
  EXPECT_EQ(next({5, 3, 0}, options, {0}, 1), 1);
  EXPECT_EQ(next({5, 3, 0}, options, {2, 0}, 1), 1);
  EXPECT_EQ(next({7, 3, 0}, options, {0, 0, 0}, 1), 0);
  EXPECT_EQ(next({5, 3, 0}, options, {2, 2}, 1), 0);
  // -1 becomes -2.
  EXPECT_EQ(next({-1, -1.5, -9}, options, {0}, 1), 1);
  options.repetitionPenalty = 0.5;
  EXPECT_EQ(next({2, 3, 0}, options, {0}, 1), 0);
}

TEST(SamplerTest, presenceAndFrequencyAreOfGeneratedTokens) {
  SamplerOptions options;
  options.presencePenalty = 1;
  EXPECT_EQ(next({3, 2.5, 0}, options, {0}, 1), 0);
  EXPECT_EQ(next({3, 2.5, 0}, options, {2, 0}, 1), 1);
  EXPECT_EQ(next({3, 1.5, 0}, options, {2, 0, 0, 0}, 1), 0);
  options.presencePenalty = 0;
  options.frequencyPenalty = 1;
  EXPECT_EQ(next({3, 1.5, 0}, options, {2, 0}, 1), 0);
  EXPECT_EQ(next({3, 1.5, 0}, options, {2, 0, 0}, 1), 1);
  EXPECT_EQ(next({3, 1.5, 0}, options, {0, 0, 2}, 2), 0);
  // Both, after the repetition penalty: 4 / 2 - 0.5 - 0.25.
  options.repetitionPenalty = 2;
  options.presencePenalty = 0.5;
  options.frequencyPenalty = 0.25;
  EXPECT_EQ(next({4, 1.26f, 0}, options, {2, 0}, 1), 1);
  EXPECT_EQ(next({4, 1.24f, 0}, options, {2, 0}, 1), 0);
}

TEST(SamplerTest, noNgramTwice) {
  SamplerOptions options;
  options.noRepeatNgram = 2;
  EXPECT_EQ(next({1, 5, 3}, options, {0, 1, 0}, 1), 2); // not 0 1 again
  EXPECT_EQ(next({1, 5, 3}, options, {0, 1, 2}, 1), 1);
  EXPECT_EQ(next({5, 1, 1}, options, {0}, 1), 0); // 0 0 is new
  EXPECT_EQ(next({5, 1, 3}, options, {0, 0}, 1), 2);
  options.noRepeatNgram = 1;
  EXPECT_EQ(next({1, 5, 3}, options, {1, 2}, 1), 0);
  options.noRepeatNgram = 4;
  EXPECT_EQ(next({1, 5, 3}, options, {0, 1, 0}, 1), 1);
  EXPECT_EQ(next({1, 5, 3}, options, {2, 0, 2, 1, 2, 0, 2}, 1), 2);
}

TEST(SamplerTest, biasesOfTokensAndSequences) {
  SamplerOptions options;
  options.biases = {{{2}, 3}, {{0, 1, 1}, -INFINITY}};
  EXPECT_EQ(next({1, 3, 0.5f}, options, {0}, 1), 2);
  EXPECT_EQ(next({1, 5, 0}, options, {0, 1}, 1), 2);
  EXPECT_EQ(next({1, 5, 0}, options, {1, 1}, 1), 1);
  EXPECT_EQ(next({1, 5, 0}, options, {1}, 1), 1);
}

TEST(SamplerTest, endsOnlyWhereItMay) {
  SamplerOptions options;
  options.ends = {1};
  options.minTokens = 2;
  EXPECT_EQ(next({1, 5, 3}, options, {0, 0, 2}, 2), 2);
  EXPECT_EQ(next({1, 5, 3}, options, {0, 2, 2}, 1), 1);
  options.minTokens = 0;
  options.minLength = 3;
  EXPECT_EQ(next({1, 5, 3}, options, {0, 0}, 2), 2);
  EXPECT_EQ(next({1, 5, 3}, options, {0, 0, 0}, 3), 1);
  options.minLength = 0;
  options.neverEnds = true;
  EXPECT_EQ(next({1, 5, 3}, options, {0, 0, 0}, 1), 2);
}

TEST(SamplerTest, forcedAndSuppressedTokens) {
  SamplerOptions options;
  options.suppressed = {1};
  options.suppressedFirst = {2};
  EXPECT_EQ(next({1, 5, 3, 2}, options, {0}, 1), 3);
  EXPECT_EQ(next({1, 5, 3, 2}, options, {0, 0}, 1), 2);
  // After a prompt of one token only, and the next one counts as the first.
  options.forcedFirst = 0;
  EXPECT_EQ(next({1, 5, 3, 2}, options, {0}, 1), 0);
  EXPECT_EQ(next({1, 5, 3, 2}, options, {0, 0}, 1), 3);
  EXPECT_EQ(next({1, 5, 3, 2}, options, {0, 0}, 2), 3);
  options.forcedLast = {3, 0};
  options.maxTokens = 4;
  EXPECT_EQ(next({1, 5, 3, 2}, options, {0, 0, 0, 0}, 1), 0);
  EXPECT_EQ(next({1, 5, 3, 2}, options, {0, 0, 0}, 1), 2);
}

TEST(SamplerTest, tellsBannedFromBroken) {
  SamplerOptions options;
  options.suppressed = {0, 1};
  EXPECT_EQ(next({1, 2}, options, {0}, 1), Sampler::allBanned);
  EXPECT_EQ(next({NAN, NAN}, options, {0}, 1), Sampler::noNumber);
}

TEST(SamplerTest, minPKeepsWhatIsLikelyBesideTheLikeliest) {
  std::vector<float> row = {std::log(.5f), std::log(.26f), std::log(.24f)};
  SamplerOptions options = makeOptions(1);
  options.minP = 0.5;
  std::map<int32_t, double> shares = draw(row, options);
  EXPECT_EQ(shares.size(), 2u);
  EXPECT_NEAR(shares[1], 26 / 76.0, 0.01);
  options.minP = 1;
  EXPECT_EQ(draw(row, options).size(), 1u);
  // The probabilities are those after the temperature.
  options = makeOptions(2);
  options.minP = 0.65;
  EXPECT_EQ(draw(row, options).size(), 3u);
}

TEST(SamplerTest, aCopiedStateGoesOnAlone) {
  SamplerOptions options = makeOptions(1);
  options.frequencyPenalty = 0.5;
  Sampler sampler(options);
  auto go = [&](SamplerState &state, int steps) {
    for (int i = 0; i < steps; ++i) {
      std::vector<float> row = {1, 2, 1.5, 0.5, 1, 2, 3, 2.5};
      state.tokens.push_back(sampler.sample(row.data(), row.size(), state));
    }
  };
  SamplerState one = sampler.start({3, 4});
  go(one, 5);
  SamplerState two = one;
  go(one, 20);
  SamplerState before = two;
  go(two, 20);
  EXPECT_EQ(one.tokens, two.tokens);
  EXPECT_EQ(one.generated(), 25);
  go(before, 20);
  EXPECT_EQ(one.tokens, before.tokens);
}
