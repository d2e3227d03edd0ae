//===- SessionTest.cpp - tests of feeding tokens ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model that writes down how it was called stands in for a compiled one.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Session.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <unistd.h>

using namespace fpmoe;

static constexpr int64_t layers = 2, topK = 2, maxTokens = 4, context = 20,
                         vocabulary = 10;

/// What worker 0 saw of each step.
struct Seen {
  bool decode;
  int64_t count, position, logitsFrom, ticket, pages;
  int32_t forced, workers;
  std::vector<int32_t> segments; ///< first rows of those that are complete
  std::vector<int32_t> tokens;
  std::vector<int32_t> languages; ///< empty: the step has none
};
static std::vector<Seen> steps;
static std::atomic<bool> memoryWasBad;

static void run(const FpmoeStep *step, int64_t worker, uint8_t *scratch,
                bool decode) {
  auto misaligned = [](const void *pointer) {
    return reinterpret_cast<uintptr_t>(pointer) % 64 != 0;
  };
  // Scratch is this worker's alone: what it wrote is still there.
  memset(scratch, static_cast<int>(worker + 1), 1000);
  fpmoe_barrier(step->team, worker);
  bool bad = scratch[0] != worker + 1 || scratch[999] != worker + 1 ||
             misaligned(scratch);
  if (worker == 0) {
    bad |= misaligned(step->cache) || misaligned(step->weights) ||
           misaligned(step->shared);
    for (int64_t i = 0; i < step->count; ++i) {
      bad |= step->positions[i] != step->positions[0] + i;
      for (int64_t page = 0; page <= step->positions[i] / 32; ++page)
        bad |= step->pages[i][page] != page;
    }
    for (int64_t i = 0; i < step->logits_count; ++i)
      bad |= step->logits_rows[i] != step->count - step->logits_count + i;
    steps.push_back(
        {decode, step->count, step->positions[0],
         step->count - step->logits_count, step->tickets[1], step->cache_pages,
         step->forced[step->count - 1], step->workers,
         std::vector<int32_t>(step->segments,
                              step->segments + step->segment_count),
         std::vector<int32_t>(step->tokens, step->tokens + step->count),
         step->languages ? std::vector<int32_t>(step->languages,
                                                step->languages + step->count)
                         : std::vector<int32_t>()});
    step->tickets[1] = 99;
    for (int64_t i = 0; i < step->logits_count; ++i)
      for (int64_t v = 0; v < vocabulary; ++v)
        step->logits[i * vocabulary + v] =
            static_cast<float>(step->tokens[step->logits_rows[i]] * 100 + v);
    if (step->routes)
      for (int64_t i = 0; i < step->count; ++i)
        for (int64_t k = 0; k < topK; ++k)
          step->routes[(maxTokens + i) * topK + k] =
              static_cast<int32_t>(step->tokens[i] * 10 + k);
  }
  fpmoe_barrier(step->team, worker);
  if (bad)
    memoryWasBad = true;
}

static void decode(const FpmoeStep *step, int64_t worker, uint8_t *scratch) {
  run(step, worker, scratch, true);
}
static void prefill(const FpmoeStep *step, int64_t worker, uint8_t *scratch) {
  run(step, worker, scratch, false);
}

namespace {
class SessionTest : public testing::TestWithParam<int> {
protected:
  void SetUp() override {
    steps.clear();
    memoryWasBad = false;
    model.vocabulary = vocabulary;
    model.layers = layers;
    model.context = context;
    level.max_tokens = maxTokens;
    level.block_rows = 2;
    level.query_rows = 2;
    model.top_k = topK;
    model.experts = 3;
    level.cache_bytes_per_position = 24;
    level.shared_bytes = 100;
    level.private_bytes = 1000;
    level.tickets = 2;
    level.decode = decode;
    level.prefill = prefill;
    model.weight_bytes = 64;
    path = testing::TempDir() + "session-test-" + std::to_string(getpid());
    FpmoeTrailer trailer = {FPMOE_MAGIC, FPMOE_ABI_VERSION, 0, 0, 64, 5, 0};
    FILE *file = fopen(path.c_str(), "wb");
    char zeros[64] = {};
    fwrite(zeros, sizeof(zeros), 1, file);
    fwrite(&trailer, sizeof(trailer), 1, file);
    fclose(file);
    ASSERT_FALSE(Weights::open(path, model, 5, weights).failed());
    ASSERT_FALSE(Team::create(GetParam(), team).failed());
  }
  void TearDown() override {
    unlink(path.c_str());
    EXPECT_FALSE(memoryWasBad);
  }
  void open(const SessionOptions &options) {
    Status status =
        Session::create(model, level, *team, *weights, options, session);
    ASSERT_FALSE(status.failed()) << status.message();
  }
  std::string feed(std::vector<int32_t> tokens) {
    return session->feed(tokens.data(), tokens.size()).message();
  }

  FpmoeModel model = {};
  FpmoeLevel level = {};
  std::string path;
  std::unique_ptr<Weights> weights;
  std::unique_ptr<Team> team;
  std::unique_ptr<Session> session;
};
} // namespace

TEST_P(SessionTest, feedsInChunksWithTheLastLogits) {
  SessionOptions options;
  options.positions = 12;
  options.language = 1;
  open(options);
  EXPECT_EQ(feed({1, 2, 3, 4, 5, 6, 7, 8, 9}), "");
  ASSERT_EQ(steps.size(), 3u);
  EXPECT_FALSE(steps[0].decode);
  EXPECT_EQ(steps[0].tokens, (std::vector<int32_t>{1, 2, 3, 4}));
  EXPECT_EQ(steps[0].logitsFrom, 4);
  EXPECT_EQ(steps[1].position, 4);
  // A single token, at the end here, takes the decode function.
  EXPECT_TRUE(steps[2].decode);
  EXPECT_EQ(steps[2].position, 8);
  EXPECT_EQ(steps[2].logitsFrom, 0);
  EXPECT_EQ(session->position(), 9);
  EXPECT_EQ(session->logits()[3], 903);
  for (const Seen &step : steps) {
    EXPECT_EQ(step.ticket, 0) << "tickets are zero before every step";
    EXPECT_EQ(step.pages, 1) << "of 32 positions";
    EXPECT_EQ(step.forced, 1);
    EXPECT_EQ(step.workers, GetParam());
  }
}

TEST_P(SessionTest, chunkLimitsTheStep) {
  SessionOptions options;
  options.positions = 12;
  options.chunk = 2;
  open(options);
  EXPECT_EQ(feed({1, 2, 3, 4}), "");
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[1].logitsFrom, 1);
  EXPECT_EQ(session->logits()[0], 400);
}

TEST_P(SessionTest, stopsBetweenChunks) {
  SessionOptions options;
  options.positions = 12;
  open(options);
  std::vector<int32_t> tokens(12, 1);
  EXPECT_FALSE(
      session
          ->feed(tokens.data(), tokens.size(), [] { return steps.size() == 2; })
          .failed());
  EXPECT_EQ(steps.size(), 2u);
}

TEST_P(SessionTest, restartBeginsAtZero) {
  SessionOptions options;
  options.positions = 4;
  options.recordRoutes = true;
  open(options);
  EXPECT_EQ(feed({1, 2}), "");
  session->restart();
  EXPECT_EQ(feed({3, 4}), "");
  EXPECT_EQ(steps[1].position, 0);
  EXPECT_EQ(session->routesOf(0)[2], 30);
}

TEST_P(SessionTest, keepsTheRoutesOfEveryToken) {
  SessionOptions options;
  options.positions = 12;
  options.recordRoutes = true;
  open(options);
  EXPECT_TRUE(session->hasRoutes());
  EXPECT_EQ(feed({1, 2, 3, 4, 5, 6}), "");
  for (int i = 0; i < 6; ++i) {
    const int32_t *routes = session->routesOf(i);
    EXPECT_EQ(std::vector<int32_t>(routes, routes + 4),
              (std::vector<int32_t>{-1, -1, (i + 1) * 10, (i + 1) * 10 + 1}));
  }
}

TEST_P(SessionTest, refusesWhatDoesNotFit) {
  SessionOptions options;
  options.positions = 1000;
  open(options);
  EXPECT_EQ(feed({1, 2, 10}),
            "token 2 has id 10, outside the vocabulary of 10");
  EXPECT_EQ(feed({-1}), "token 0 has id -1, outside the vocabulary of 10");
  EXPECT_TRUE(steps.empty());
  EXPECT_EQ(feed(std::vector<int32_t>(20, 1)), "");
  EXPECT_EQ(feed({1}), "21 tokens do not fit: there is room for 20, the "
                       "model's context is 20");
  EXPECT_TRUE(session->step(nullptr, 0, 0).failed());
}

/// A step as "position+count, rows of logits, rows where complete segments
/// begin".
static std::string describe(const Seen &step) {
  std::string text = std::to_string(step.position) + "+" +
                     std::to_string(step.count) + " " +
                     std::to_string(step.count - step.logitsFrom);
  for (int32_t row : step.segments)
    text += " @" + std::to_string(row);
  return text;
}
static std::vector<std::string> takeSteps() {
  std::vector<std::string> all;
  for (const Seen &step : steps)
    all.push_back(describe(step));
  steps.clear();
  return all;
}
using Texts = std::vector<std::string>;

TEST_P(SessionTest, segmentsAreComputedAgainWhenTheyAreComplete) {
  model.segment = 3;
  SessionOptions options;
  options.positions = 20;
  options.logitsRows = 4;
  options.recordRoutes = true;
  open(options);
  // Without logits, complete segments are computed once; what is left goes with
  // them.
  EXPECT_FALSE(session->step(std::vector{1, 2, 3, 4}.data(), 4, 3).failed());
  EXPECT_EQ(takeSteps(), (Texts{"0+4 1 @0"}));
  EXPECT_EQ(session->logits()[0], 400);
  // Two more complete the segment, whose tokens are computed again when one
  // follows.
  EXPECT_FALSE(session->step(std::vector{5, 6}.data(), 2, 0).failed());
  EXPECT_EQ(takeSteps(), (Texts{"4+2 2"}));
  EXPECT_EQ(session->logitsRow(1)[1], 601);
  // Logits of all tokens, in a step that begins and ends inside a segment.
  EXPECT_FALSE(session->step(std::vector{7}.data(), 1, 0).failed());
  EXPECT_EQ(steps[0].tokens, (std::vector<int32_t>{4, 5, 6}));
  EXPECT_FALSE(session->step(std::vector{8, 9, 1, 2}.data(), 4, 0).failed());
  EXPECT_EQ(takeSteps(),
            (Texts{"3+3 0 @0", "6+1 1", "7+2 2", "6+3 0 @0", "9+2 2"}));
  EXPECT_EQ(session->logitsRow(3)[0], 200);
  EXPECT_EQ(session->routesOf(10)[2], 20);
  session->restart();
  EXPECT_EQ(feed({1, 2, 3, 4, 5, 6, 7}), "");
  // Chunks are whole segments. The last token is the first of its segment.
  EXPECT_EQ(takeSteps(), (Texts{"0+3 0 @0", "3+3 0 @0", "6+1 1"}));
  EXPECT_EQ(session->position(), 7);
}

TEST_P(SessionTest, tokensHaveLanguages) {
  model.languages = 2;
  SessionOptions options;
  options.positions = 12;
  open(options);
  session->setLanguages(0, {0, 1, -1, 0, 1});
  EXPECT_EQ(feed({1, 2, 3, 4, 5, 6}), "");
  EXPECT_EQ(steps[0].languages, (std::vector<int32_t>{0, 1, -1, 0}));
  // Those that were not told have none.
  EXPECT_EQ(steps[1].languages, (std::vector<int32_t>{1, -1}));
  EXPECT_EQ(steps[1].forced, -1);
  session->restart();
  EXPECT_EQ(feed({1}), "");
  EXPECT_EQ(steps[2].languages, std::vector<int32_t>{-1});
}

TEST_P(SessionTest, oneLanguageForAllTokens) {
  model.languages = 2;
  SessionOptions options;
  options.positions = 12;
  options.language = 1;
  open(options);
  session->setLanguages(0, {0, 0});
  EXPECT_EQ(feed({1, 2, 3}), "");
  EXPECT_EQ(steps[0].languages, (std::vector<int32_t>{1, 1, 1}));
  EXPECT_EQ(steps[0].forced, -1);
}

INSTANTIATE_TEST_SUITE_P(Workers, SessionTest, testing::Values(1, 3));
