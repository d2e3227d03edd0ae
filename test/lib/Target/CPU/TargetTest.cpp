//===- TargetTest.cpp - tests of the choice of a CPU ------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `native` on CPUs that lack something, by made-up cpuid words.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CPU/Target.h"
#include "fpmoe/runtime/abi.h"

#include <gtest/gtest.h>

using namespace fpmoe;

/// The name of the level, or the message why there is none.
static std::string choose(llvm::StringRef name, const CpuWords &words) {
  llvm::Expected<CpuTarget> target = getCpuTarget(name, words);
  return target ? target->name : llvm::toString(target.takeError());
}

TEST(TargetTest, aProgramForNativeStartsHere) {
  llvm::Expected<CpuTarget> target = getCpuTarget("native");
  if (!target)
    GTEST_SKIP() << llvm::toString(target.takeError());
  EXPECT_EQ(missingFeatures(target->requiredFeatures, readCpuWords()),
            std::vector<std::string>());
}

TEST(TargetTest, aLevelIsMadeWhateverThisCpuHas) {
  EXPECT_EQ(choose("amx-bf16", CpuWords()), "amx-bf16");
  EXPECT_EQ(choose("x86-64-v2", CpuWords()),
            "cpu 'x86-64-v2' is not known; choose one of native, amx-bf16, "
            "avx512-bf16, avx512-vnni, avx512, x86-64-v3-vnni, x86-64-v3, "
            "aarch64-bf16, aarch64-dotprod, aarch64");
}

/// Names of the levels of a list, or the message why it has none.
static std::string list(llvm::StringRef names,
                        const CpuWords &words = CpuWords()) {
  llvm::Expected<std::vector<CpuTarget>> targets = getCpuTargets(names, words);
  if (!targets)
    return llvm::toString(targets.takeError());
  std::string text;
  for (const CpuTarget &target : *targets)
    text += (text.empty() ? "" : " ") + target.name;
  return text;
}

TEST(TargetTest, levelsOfAListStandFromBestToWorst) {
  EXPECT_EQ(list("x86-64-v3"), "x86-64-v3");
  EXPECT_EQ(list("x86-64-v3,amx-bf16,avx512"), "amx-bf16 avx512 x86-64-v3");
  EXPECT_EQ(list("aarch64,aarch64-dotprod,aarch64-bf16"),
            "aarch64-bf16 aarch64-dotprod aarch64");
}

TEST(TargetTest, aLevelThatIsNamedTwiceCountsOnce) {
  EXPECT_EQ(list("avx512,x86-64-v3,avx512"), "avx512 x86-64-v3");
}

// They read the same weights.
TEST(TargetTest, levelsOfAListHaveTheWidestPanels) {
  auto columns = [](llvm::StringRef names) {
    std::vector<int64_t> all;
    for (const CpuTarget &target : llvm::cantFail(getCpuTargets(names)))
      all.push_back(target.columns);
    return all;
  };
  EXPECT_EQ(columns("x86-64-v3"), std::vector<int64_t>{16});
  EXPECT_EQ(columns("x86-64-v3,x86-64-v3-vnni"),
            (std::vector<int64_t>{16, 16}));
  EXPECT_EQ(columns("x86-64-v3,avx512"), (std::vector<int64_t>{64, 64}));
}

TEST(TargetTest, aListThatNoProgramCanHave) {
  std::string known = "; choose one of native, amx-bf16, avx512-bf16, "
                      "avx512-vnni, avx512, x86-64-v3-vnni, x86-64-v3, "
                      "aarch64-bf16, aarch64-dotprod, aarch64";
  EXPECT_EQ(list("avx512,z80"), "cpu 'z80' is not known" + known);
  EXPECT_EQ(list("avx512,,x86-64-v3"), "cpu '' is not known" + known);
  EXPECT_EQ(list(""), "cpu '' is not known" + known);
  EXPECT_EQ(list("avx512,all"), "cpu 'all' is not known" + known);
  EXPECT_EQ(list("avx512,aarch64"),
            "cpu 'avx512,aarch64': 'avx512' is of x86_64, 'aarch64' of "
            "aarch64; a program is for one architecture");
}

#if defined(__x86_64__)
/// All but tile registers, which the system may refuse.
static CpuWords everythingButTiles() {
  CpuWords words;
  words.leaf1Ecx = words.leaf7Ebx = words.leaf7Ecx = words.leaf7Sub1Eax =
      words.extended1Ecx = ~0u;
  words.enabledState = 0xe7;
  return words;
}

TEST(TargetTest, nativeIsTheBestLevelThatStarts) {
  CpuWords words = everythingButTiles();
  EXPECT_EQ(choose("native", words), "avx512-bf16");
  words.leaf7Sub1Eax = 1u << 4; // avx_vnni
  EXPECT_EQ(choose("native", words), "avx512-vnni");
  words.leaf7Ecx = 0;
  EXPECT_EQ(choose("native", words), "avx512");
  words.leaf7Ebx &= ~(1u << 31); // avx512vl
  EXPECT_EQ(choose("native", words), "x86-64-v3-vnni");
  words.leaf7Sub1Eax = 0;
  EXPECT_EQ(choose("native", words), "x86-64-v3");
  words.enabledState = 0; // no ymm
  EXPECT_EQ(choose("native", words).rfind("cpu 'native'", 0), 0u);
}

TEST(TargetTest, nativeCanBeOneOfAList) {
  CpuWords words = everythingButTiles();
  EXPECT_EQ(list("native,x86-64-v3", words), "avx512-bf16 x86-64-v3");
  EXPECT_EQ(list("native,avx512-bf16", words), "avx512-bf16");
}

TEST(TargetTest, allAreThoseOfThisArchitecture) {
  EXPECT_EQ(list("all"), "amx-bf16 avx512-bf16 avx512-vnni avx512 "
                         "x86-64-v3-vnni x86-64-v3");
}

// A virtual machine can hide any feature: what the program checks when it
// starts, the compiler has to check too.
TEST(TargetTest, nativeNeedsAllThatProgramsCheck) {
  struct {
    uint32_t CpuWords::*word;
    unsigned bit;
    const char *name;
  } hidden[] = {
      {&CpuWords::leaf1Ecx, 12, "fma"},  {&CpuWords::leaf1Ecx, 22, "movbe"},
      {&CpuWords::leaf1Ecx, 29, "f16c"}, {&CpuWords::extended1Ecx, 5, "abm"},
      {&CpuWords::leaf7Ebx, 3, "bmi1"},  {&CpuWords::leaf7Ebx, 5, "avx2"},
      {&CpuWords::leaf7Ebx, 8, "bmi2"},
  };
  for (const auto &feature : hidden) {
    CpuWords words = everythingButTiles();
    words.*feature.word &= ~(1u << feature.bit);
    EXPECT_EQ(missingFeatures(FPMOE_CPU_AVX2, words),
              std::vector<std::string>{feature.name});
    EXPECT_EQ(choose("native", words).rfind("cpu 'native'", 0), 0u)
        << feature.name;
  }
}
#endif
