//===- AgreementTest.cpp - tests of what ranks have in common ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/ranks/Agreement.h"

#include <gtest/gtest.h>

using namespace fpmoe;

namespace {
class AgreementTest : public testing::Test {
protected:
  void SetUp() override {
    levels[0].name = "best";
    levels[1].name = "better";
    levels[2].name = "good";
    model.levels = levels;
    model.level_count = 3;
  }
  /// A rank that may use CPUs [first, first + count) of its machine's 8.
  void add(const char *host, int first = 0, int count = 8,
           uint64_t runs = 0b111) {
    RankMachine machine;
    machine.levels = runs;
    machine.memoryBytes = 1200;
    machine.usableCpus = count;
    machine.machineCpus = 8;
    machine.cpus[0] = ((uint64_t(1) << count) - 1) << first;
    machines.push_back(machine);
    hosts.push_back(host);
  }
  std::string choose() {
    return agreement.choose(model, machines, hosts).message();
  }

  FpmoeLevel levels[3] = {};
  FpmoeModel model = {};
  std::vector<RankMachine> machines;
  std::vector<std::string> hosts;
  Agreement agreement;
};
} // namespace

TEST_F(AgreementTest, theBestLevelThatAllRun) {
  add("a", 0, 8, 0b111);
  add("b", 0, 8, 0b110);
  ASSERT_EQ(choose(), "");
  EXPECT_EQ(&agreement.level(), &levels[1]);
}

TEST_F(AgreementTest, namesWhatRanksRunWhereThatIsNothing) {
  add("a", 0, 8, 0b011);
  add("b", 0, 8, 0b100);
  add("c", 0, 8, 0);
  EXPECT_EQ(choose(),
            "no level of this program runs on all ranks: rank 0 on a has best, "
            "better; rank 1 on b has good; rank 2 on c has none. Compile it "
            "for a CPU that all have, too, such as --cpu=native,x86-64-v3.");
}

TEST_F(AgreementTest, neighboursShareCpusAndMemory) {
  add("a");
  add("a");
  add("b");
  ASSERT_EQ(choose(), "");
  EXPECT_EQ(agreement.cpusOf(0), 4);
  EXPECT_EQ(agreement.cpusOf(2), 8);
  EXPECT_EQ(agreement.memoryBytes(), 600);
  EXPECT_EQ(agreement.noteOf(0), "");
  EXPECT_EQ(agreement.noteOf(4), "");
  EXPECT_EQ(agreement.noteOf(5),
            "2 ranks on a have 10 threads together, and 8 CPUs: they wait for "
            "each other; start fewer there, or say with --threads how many "
            "each has");
}

TEST_F(AgreementTest, theSmallestGpu) {
  add("a");
  add("b");
  machines[0].gpuBytes = 80;
  machines[1].gpuBytes = 24;
  ASSERT_EQ(choose(), "");
  EXPECT_EQ(agreement.gpuBytes(), 24);
}

TEST_F(AgreementTest, boundRanksHaveTheirCpusAlone) {
  add("a", 0, 4);
  add("a", 4, 4);
  ASSERT_EQ(choose(), "");
  EXPECT_EQ(agreement.cpusOf(0), 4);
  EXPECT_EQ(agreement.noteOf(0), "");
}

TEST_F(AgreementTest, saysWhereCpusAreNotUsed) {
  add("a", 0, 1);
  add("a", 1, 1);
  ASSERT_EQ(choose(), "");
  EXPECT_EQ(agreement.cpusOf(1), 1);
  EXPECT_EQ(agreement.noteOf(0),
            "of the 8 CPUs of a, 2 may be used; where mpirun binds ranks to "
            "some, --bind-to none lets them use all");
  EXPECT_EQ(agreement.noteOf(1), ""); // that is what was wanted
}

TEST_F(AgreementTest, moreRanksThanCpus) {
  for (int i = 0; i < 9; ++i)
    add("a");
  ASSERT_EQ(choose(), "");
  EXPECT_EQ(agreement.cpusOf(0), 1);
  EXPECT_NE(agreement.noteOf(0), "");
}

TEST_F(AgreementTest, theProgramIsAlwaysTheSame) {
  EXPECT_EQ(programHash(), programHash());
}
