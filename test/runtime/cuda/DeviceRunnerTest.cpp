//===- DeviceRunnerTest.cpp - tests of steps on a GPU ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Steps on the emulated driver: what the device sees of them, what comes back,
// and what is told of all that can go wrong.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Scheduler.h"
#include "runtime/core/Session.h"
#include "test/runtime/cuda/GpuModel.h"

using namespace fpmoe;

namespace {
class DeviceRunnerTest : public testing::Test {
protected:
  static void SetUpTestSuite() {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
  }
};

/// A stepper of the model, on the emulated driver.
struct Steps : GpuModel {
  explicit Steps(StepperOptions options = {5, 4, false}) {
    loadDriver();
    openWeights();
    CHECK_GOOD(
        Stepper::create(model, level, *team, *weights, options, stepper));
  }
  Status status() {
    Status status =
        Stepper::create(model, level, *team, *weights, {5, 4, false}, stepper);
    return status.failed() ? status : step({1});
  }
  Status step(std::vector<int32_t> tokens, int64_t position = 0) {
    static const int32_t pages[] = {0, 1, 2};
    StepRun run;
    run.tokens = tokens.data();
    run.count = tokens.size();
    run.position = position;
    run.pages = pages;
    return stepper->step({run});
  }
  float shown(int64_t row, Shown what) { return stepper->logitsRow(row)[what]; }

  std::unique_ptr<Stepper> stepper;
};
} // namespace

static void showsADecodeStep() {
  Steps s;
  int32_t token = 5, pages[] = {4, 2};
  StepRun run;
  run.tokens = &token;
  run.count = 1;
  run.position = 33;
  run.pages = pages;
  run.forced = 2;
  CHECK_GOOD(s.stepper->step({run}));
  CHECK_EQUAL(s.shown(0, shownKernel), 1);
  CHECK_EQUAL(s.shown(0, shownCount), 1);
  CHECK_EQUAL(s.shown(0, shownToken), 5);
  CHECK_EQUAL(s.shown(0, shownPosition), 33);
  CHECK_EQUAL(s.shown(0, shownForced), 2);
  CHECK_EQUAL(s.shown(0, shownLanguage), -7);
  CHECK_EQUAL(s.shown(0, shownSegments), 0);
  CHECK_EQUAL(s.shown(0, shownWholeText), 0);
  CHECK_EQUAL(s.shown(0, shownWorkers), 3);
  CHECK_EQUAL(s.shown(0, shownBlocks), 3);
  CHECK_EQUAL(s.shown(0, shownThreads), 64);
  CHECK_EQUAL(s.shown(0, shownQueryBlocks), 1);
  CHECK_EQUAL(s.shown(0, shownLastFirst), 0);
  CHECK_EQUAL(s.shown(0, shownLastRows), 1);
  CHECK_EQUAL(s.shown(0, shownCachePages), 5);
  CHECK_EQUAL(s.shown(0, shownPage), 2);
  CHECK_EQUAL(s.shown(0, shownIsFirst), 1);
  CHECK_EQUAL(s.shown(0, shownWeight), 0);
  CHECK_EQUAL(s.shown(0, shownLastWeight), 255);
  CHECK_EQUAL(s.shown(0, shownTicket), 0);
  CHECK_EQUAL(s.shown(0, shownTeam), 0);
  CHECK_EQUAL(s.shown(0, shownAlignment), 0);
  CHECK_EQUAL(s.shown(0, shownBefore), 0);
  CHECK_EQUAL(s.shown(0, shownUnwritten), 0);
  // The next one finds the cache as it was left, and new tickets.
  token = 6;
  run.position = 34;
  CHECK_GOOD(s.stepper->step({run}));
  CHECK_EQUAL(s.shown(0, shownToken), 6);
  CHECK_EQUAL(s.shown(0, shownBefore), 5);
  CHECK_EQUAL(s.shown(0, shownTicket), 0);
}
TEST_F(DeviceRunnerTest, showsADecodeStep) {
  EXPECT_PASSES(showsADecodeStep());
}

static void showsSequencesTogether() {
  Steps s({5, 4, /*recordRoutes=*/true});
  s.model.languages = 2;
  s.model.segment = 2;
  int32_t one[] = {4, 5, 6}, other[] = {7}, pages[] = {0}, otherPages[] = {3};
  int32_t languages[] = {1, 0, 1};
  StepRun runs[2];
  runs[0].tokens = one;
  runs[0].count = 3;
  runs[0].pages = pages;
  runs[0].logitsFrom = 1;
  runs[0].languages = languages;
  runs[0].segments = 1;
  runs[1].tokens = other;
  runs[1].count = 1;
  runs[1].position = 9;
  runs[1].pages = otherPages;
  runs[1].forced = 1;
  CHECK_GOOD(s.stepper->step({runs[0], runs[1]}));
  for (int64_t row = 0; row < 3; ++row) {
    CHECK_EQUAL(s.shown(row, shownKernel), 2);
    CHECK_EQUAL(s.shown(row, shownCount), 4);
    CHECK_EQUAL(s.shown(row, shownSegments), 1);
    CHECK_EQUAL(s.shown(row, shownLastSegment), 0);
    CHECK_EQUAL(s.shown(row, shownQueryBlocks), 3);
    CHECK_EQUAL(s.shown(row, shownLastFirst), 3);
    CHECK_EQUAL(s.shown(row, shownLastRows), 1);
  }
  CHECK_EQUAL(s.shown(0, shownToken), 5);
  CHECK_EQUAL(s.shown(0, shownLanguage), 0);
  CHECK_EQUAL(s.shown(0, shownBefore), 4);
  CHECK_EQUAL(s.shown(1, shownToken), 6);
  CHECK_EQUAL(s.shown(1, shownPosition), 2);
  CHECK_EQUAL(s.shown(1, shownLanguage), 1);
  CHECK_EQUAL(s.shown(1, shownForced), -1);
  CHECK_EQUAL(s.shown(1, shownIsFirst), 1);
  CHECK_EQUAL(s.shown(2, shownToken), 7);
  CHECK_EQUAL(s.shown(2, shownPosition), 9);
  CHECK_EQUAL(s.shown(2, shownLanguage), -1);
  CHECK_EQUAL(s.shown(2, shownForced), 1);
  CHECK_EQUAL(s.shown(2, shownPage), 3);
  CHECK_EQUAL(s.shown(2, shownIsFirst), 0);

  std::vector<int32_t> routes;
  s.stepper->appendRoutes(0, routes);
  s.stepper->appendRoutes(1, routes);
  CHECK_TRUE(routes == (std::vector<int32_t>{-1, -1, 40, 41, -1, -1, -1, -1}));

  // Logits where they are asked for, what was there before stays; a whole text.
  s.stepper->logitsRow(0)[0] = 77;
  s.stepper->setFirstLogitsRow(1);
  CHECK_GOOD(s.stepper->step({runs[0]}, /*wholeText=*/true));
  CHECK_EQUAL(s.shown(0, shownKernel), 77);
  CHECK_EQUAL(s.shown(1, shownToken), 5);
  CHECK_EQUAL(s.shown(2, shownWholeText), 1);
  // None at all.
  runs[0].logitsFrom = 3;
  CHECK_GOOD(s.stepper->step({runs[0]}));
  CHECK_EQUAL(s.shown(1, shownToken), 5);
}
TEST_F(DeviceRunnerTest, showsSequencesTogether) {
  EXPECT_PASSES(showsSequencesTogether());
}

static void fillsTheCache() {
  Steps s;
  CHECK_GOOD(s.step({1}));
  s.stepper->fillCache();
  CHECK_GOOD(s.step({2}, 70));
  CHECK_EQUAL(s.shown(0, shownBefore), float(0x3c3c3c3c));
  CHECK_EQUAL(s.shown(0, shownUnwritten), float(0x3c3c3c3c));
}
TEST_F(DeviceRunnerTest, fillsTheCache) { EXPECT_PASSES(fillsTheCache()); }

// More than both pinned buffers together hold; it ends within one.
static void copiesAllWeights() {
  loadDriver();
  GpuModel m;
  m.model.weight_bytes = (40 << 20) + 64;
  m.openWeights();
  std::unique_ptr<Stepper> stepper;
  CHECK_GOOD(
      Stepper::create(m.model, m.level, *m.team, *m.weights, {5, 4}, stepper));
  int32_t token, pages[] = {0};
  StepRun run;
  run.tokens = &token;
  run.count = 1;
  run.pages = pages;
  for (token = 10; token < 40; ++token) {
    CHECK_GOOD(stepper->step({run}));
    CHECK_EQUAL(stepper->logits()[shownFarWeight], token << 18);
  }
}
TEST_F(DeviceRunnerTest, copiesAllWeights) {
  EXPECT_PASSES(copiesAllWeights());
}
