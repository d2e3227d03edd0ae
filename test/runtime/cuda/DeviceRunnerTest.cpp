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
  CHECK_EQUAL(s.shown(0, shownAhead), (50 << 20) / 4 / 3);
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

// Each pinned buffer is used twice; the last time not all of it.
static void copiesAllWeights() {
  loadDriver();
  GpuModel m;
  m.model.weight_bytes = (50 << 20) + 64;
  m.openWeights();
  std::unique_ptr<Stepper> stepper;
  CHECK_GOOD(
      Stepper::create(m.model, m.level, *m.team, *m.weights, {5, 4}, stepper));
  int32_t token, pages[] = {0};
  StepRun run;
  run.tokens = &token;
  run.count = 1;
  run.pages = pages;
  for (token = 10; token < 50; ++token) {
    CHECK_GOOD(stepper->step({run}));
    CHECK_EQUAL(stepper->logits()[shownFarWeight], token << 18);
  }
}
TEST_F(DeviceRunnerTest, copiesAllWeights) {
  EXPECT_PASSES(copiesAllWeights());
}

// Two have room beside each other only where the weights are there once.
static void copiesTheWeightsOnce() {
  setenv("FPMOE_EMULATOR_MEMORY", "1500000", 1);
  GpuModel m;
  m.model.weight_bytes = 1 << 20;
  loadDriver();
  m.openWeights();
  auto create = [&](std::unique_ptr<Stepper> &stepper) {
    return Stepper::create(m.model, m.level, *m.team, *m.weights, {5, 4},
                           stepper);
  };
  std::unique_ptr<Stepper> first, second;
  CHECK_GOOD(create(first));
  CHECK_GOOD(create(second));
  // They are gone with the last one, and copied again.
  first.reset();
  second.reset();
  CHECK_GOOD(create(first));
  std::unique_ptr<Stepper> large;
  Status status = Stepper::create(m.model, m.level, *m.team, *m.weights,
                                  {1 << 20, 4}, large);
  CHECK_TRUE(status.failed());
  std::fprintf(stderr, "%s\n", status.message().c_str());
  CHECK_GOOD(create(second)); // what there was of it is gone
}
TEST_F(DeviceRunnerTest, copiesTheWeightsOnce) {
  EXPECT_EXIT(
      (copiesTheWeightsOnce(), std::exit(0)), testing::ExitedWithCode(0),
      "GPU 0 \\(fpmoe emulator sm_90\\) has no room for the key/value cache: "
      "134217728 bytes are needed, [0-9]+ of 1500000 are free; end what else "
      "runs there, ");
}

static void hasNoRoomForTheWeights() {
  setenv("FPMOE_EMULATOR_MEMORY", "1000", 1);
  GpuModel m;
  loadDriver();
  m.openWeights();
  std::unique_ptr<Stepper> stepper;
  Status status =
      Stepper::create(m.model, m.level, *m.team, *m.weights, {5, 4}, stepper);
  CHECK_TRUE(status.failed() && !stepper);
  std::fprintf(stderr, "%s\n", status.message().c_str());
}
TEST_F(DeviceRunnerTest, hasNoRoomForTheWeights) {
  EXPECT_EXIT(
      (hasNoRoomForTheWeights(), std::exit(0)), testing::ExitedWithCode(0),
      "has no room for the weights: 1024 bytes are needed, 1000 of 1000 are "
      "free; ");
}

/// Tokens 1, `token`, 2: the second step fails, and so do all behind it, and
/// whatever else needs the device.
static void failsInTheSecondStep(int32_t token) {
  Steps s;
  CHECK_GOOD(s.step({1}));
  Status status = s.step({token});
  CHECK_TRUE(status.failed());
  std::fprintf(stderr, "%s\n", status.message().c_str());
  Status again = s.step({2});
  CHECK_TRUE(again.failed() && again.message() == status.message());
  s.stepper->fillCache();
  std::unique_ptr<Stepper> other;
  CHECK_TRUE(
      Stepper::create(s.model, s.level, *s.team, *s.weights, {5, 4}, other)
          .failed());
}

static const char launchFailed[] =
    "GPU 0 \\(fpmoe emulator sm_90\\) failed in a step: "
    "CUDA_ERROR_LAUNCH_FAILED \\(719\\): unspecified launch failure; ";

TEST_F(DeviceRunnerTest, kernelTraps) {
  EXPECT_EXIT((failsInTheSecondStep(9), std::exit(0)),
              testing::ExitedWithCode(0), launchFailed);
}
TEST_F(DeviceRunnerTest, kernelReadsWhereNothingIs) {
  EXPECT_EXIT((failsInTheSecondStep(8), std::exit(0)),
              testing::ExitedWithCode(0), launchFailed);
}
TEST_F(DeviceRunnerTest, kernelFaults) {
  setenv("FPMOE_EMULATOR_FAIL_KERNEL", "2", 1);
  EXPECT_EXIT((failsInTheSecondStep(1), std::exit(0)),
              testing::ExitedWithCode(0), launchFailed);
  unsetenv("FPMOE_EMULATOR_FAIL_KERNEL");
}
TEST_F(DeviceRunnerTest, deviceIsLost) {
  setenv("FPMOE_EMULATOR_LOSE_DEVICE", "2", 1);
  EXPECT_EXIT((failsInTheSecondStep(1), std::exit(0)),
              testing::ExitedWithCode(0),
              "cannot start a step: CUDA_ERROR_DEVICE_UNAVAILABLE \\(46\\): ");
  unsetenv("FPMOE_EMULATOR_LOSE_DEVICE");
}

// Whatever function of the driver fails, and at which call, is told, or does
// not matter; nothing crashes or waits.
static void survives(bool mustTell) {
  GpuModel m;
  loadDriver();
  m.openWeights();
  std::unique_ptr<Stepper> stepper;
  Status status = Stepper::create(m.model, m.level, *m.team, *m.weights,
                                  {5, 4, true}, stepper);
  if (!status.failed()) {
    stepper->fillCache();
    int32_t token = 1, pages[] = {0};
    StepRun run;
    run.tokens = &token;
    run.count = 1;
    run.pages = pages;
    status = stepper->step({run});
  }
  if (status.failed())
    std::fprintf(stderr, "told: %s\n", status.message().c_str());
  CHECK_EQUAL(status.failed(), mustTell);
}
TEST_F(DeviceRunnerTest, functionsFail) {
  for (const char *name : {"cuInit",
                           "cuDeviceGetCount",
                           "cuDeviceGet",
                           "cuDeviceGetName",
                           "cuDeviceTotalMem_v2",
                           "cuDeviceGetAttribute",
                           "cuDevicePrimaryCtxRetain",
                           "cuCtxPushCurrent_v2",
                           "cuCtxPushCurrent_v2:2",
                           "cuCtxPushCurrent_v2:3",
                           "cuCtxPushCurrent_v2:4",
                           "cuModuleLoadDataEx",
                           "cuModuleGetFunction",
                           "cuModuleGetFunction:2",
                           "cuFuncGetAttribute",
                           "cuFuncSetAttribute",
                           "cuOccupancyMaxActiveBlocksPerMultiprocessor",
                           "cuMemAlloc_v2",
                           "cuMemAlloc_v2:2",
                           "cuMemAlloc_v2:6",
                           "cuMemHostAlloc",
                           "cuMemHostAlloc:2",
                           "cuMemHostAlloc:3",
                           "cuMemHostAlloc:4",
                           "cuMemcpyHtoDAsync_v2",
                           "cuMemcpyHtoDAsync_v2:2",
                           "cuMemcpyDtoHAsync_v2",
                           "cuMemcpyDtoHAsync_v2:2",
                           "cuMemsetD8Async",
                           "cuMemsetD8Async:2",
                           "cuMemsetD8Async:3",
                           "cuStreamCreate",
                           "cuStreamCreate:2",
                           "cuStreamSynchronize",
                           "cuStreamSynchronize:3",
                           "cuEventCreate",
                           "cuEventRecord",
                           "cuEventSynchronize",
                           "cuLaunchCooperativeKernel"}) {
    std::string fail = name;
    size_t colon = fail.find(':');
    fail.insert(std::min(colon, fail.size()), ":999");
    setenv("FPMOE_EMULATOR_FAIL", fail.c_str(), 1);
    EXPECT_EXIT((survives(true), std::exit(0)), testing::ExitedWithCode(0),
                "told: .*: CUDA_ERROR_UNKNOWN \\(999\\): unknown error")
        << fail;
  }
  for (const char *name :
       {"cuCtxPopCurrent_v2", "cuModuleUnload", "cuMemFree_v2", "cuMemFreeHost",
        "cuStreamDestroy_v2", "cuEventDestroy_v2",
        "cuDevicePrimaryCtxRelease_v2"}) {
    setenv("FPMOE_EMULATOR_FAIL", (std::string(name) + ":999").c_str(), 1);
    EXPECT_EXIT((survives(false), std::exit(0)), testing::ExitedWithCode(0), "")
        << name;
  }
  unsetenv("FPMOE_EMULATOR_FAIL");
}

// A session says what its step said; a scheduler ends all texts, and takes no
// others.
static void callersTell() {
  Steps s;
  SessionOptions options;
  options.positions = 20;
  std::unique_ptr<Session> session;
  CHECK_GOOD(
      Session::create(s.model, s.level, *s.team, *s.weights, options, session));
  struct Text final : Task {
    explicit Text(int32_t token) { prompt = {token}; }
    Next next(float *) override { return {8, false}; }
    void onEnd(End end) override { ended = end; }
    End ended = End::finished;
  } running(1), waiting(2), late(3);
  SchedulerOptions one;
  one.sequences = 1;
  std::unique_ptr<Scheduler> scheduler;
  CHECK_GOOD(
      Scheduler::create(s.model, s.level, *s.team, *s.weights, one, scheduler));
  CHECK_GOOD(scheduler->add(running));
  CHECK_GOOD(scheduler->add(waiting));
  CHECK_TRUE(scheduler->step() && !scheduler->status().failed());
  CHECK_TRUE(!scheduler->step() && scheduler->status().failed());
  for (Text *text : {&running, &waiting}) {
    CHECK_TRUE(text->ended == Task::End::failed);
    CHECK_TRUE(text->failure.message() == scheduler->status().message());
  }
  CHECK_TRUE(scheduler->add(late).failed() && !scheduler->step());
  CHECK_EQUAL(scheduler->counts().pagesInUse, 0);
  int32_t token = 1;
  Status status = session->feed(&token, 1);
  CHECK_TRUE(status.failed());
  std::fprintf(stderr, "%s\n", status.message().c_str());
}
TEST_F(DeviceRunnerTest, callersTell) {
  EXPECT_EXIT((callersTell(), std::exit(0)), testing::ExitedWithCode(0),
              "CUDA_ERROR_LAUNCH_FAILED");
}
