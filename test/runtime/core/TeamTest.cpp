//===- TeamTest.cpp - tests of the team and its barrier ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Several team sizes, among them more workers than CPUs; phases that are wrong
// unless every worker waits for all others.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Team.h"
#include "runtime/core/Machine.h"

#include <gtest/gtest.h>

using namespace fpmoe;

namespace {
class TeamTest : public testing::TestWithParam<int> {
protected:
  void SetUp() override {
    ASSERT_FALSE(Team::create(GetParam(), team).failed());
  }
  std::unique_ptr<Team> team;
};
} // namespace

TEST_P(TeamTest, everyWorkerRunsOnce) {
  EXPECT_EQ(team->size(), GetParam());
  for (int repeat = 0; repeat < 50; ++repeat) {
    std::vector<int> calls(GetParam());
    team->run([&](int64_t worker) { ++calls[worker]; });
    EXPECT_EQ(calls, std::vector<int>(GetParam(), 1));
  }
}

TEST_P(TeamTest, workerZeroIsTheCaller) {
  pthread_t zero = {};
  team->run([&](int64_t worker) {
    if (worker == 0)
      zero = pthread_self();
  });
  EXPECT_TRUE(pthread_equal(zero, pthread_self()));
}

// Each phase adds up what all workers wrote in the phase before, without any
// atomics: a barrier that lets one worker through early gives another sum (and
// a report of the thread sanitizer).
TEST_P(TeamTest, barrierSeparatesPhases) {
  constexpr int phases = 400;
  int workers = GetParam();
  std::vector<int64_t> values[2] = {std::vector<int64_t>(workers, 1),
                                    std::vector<int64_t>(workers, 0)};
  team->run([&](int64_t worker) {
    for (int phase = 0; phase < phases; ++phase) {
      int64_t sum = 0;
      for (int64_t value : values[phase % 2])
        sum += value;
      values[(phase + 1) % 2][worker] = sum % 1000003 + worker;
      team->barrier();
    }
  });
  std::vector<int64_t> expected(workers, 1);
  for (int phase = 0; phase < phases; ++phase) {
    int64_t sum = 0;
    for (int64_t value : expected)
      sum += value;
    for (int worker = 0; worker < workers; ++worker)
      expected[worker] = sum % 1000003 + worker;
  }
  EXPECT_EQ(values[phases % 2], expected);
}

// One worker is late by more than the others spin, so they sleep and have to
// be woken.
TEST_P(TeamTest, sleepersWake) {
  std::vector<int> seen(GetParam());
  int value = 0;
  team->run([&](int64_t worker) {
    for (int phase = 1; phase <= 5; ++phase) {
      if (worker == phase % GetParam()) {
        int64_t end = nanoseconds() + 1000000;
        while (nanoseconds() < end)
          ;
        value = phase;
      }
      team->barrier();
      seen[worker] += value == phase;
      team->barrier();
    }
  });
  EXPECT_EQ(seen, std::vector<int>(GetParam(), 5));
}

INSTANTIATE_TEST_SUITE_P(Sizes, TeamTest, testing::Values(1, 2, 3, 7, 33));

TEST(MachineTest, offersAtLeastOneCpuAndSomeMemory) {
  EXPECT_GE(usableCpus(), 1);
  EXPECT_GT(availableMemory(), 1 << 20);
}
