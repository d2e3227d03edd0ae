//===- LevelTest.cpp - tests of the choice of a level ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Programs of several levels on CPUs that lack something, by made-up cpuid
// words.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Level.h"

#include <gtest/gtest.h>

using namespace fpmoe;

namespace {
FpmoeLevel makeLevel(const char *name, uint32_t features) {
  FpmoeLevel level = {};
  level.name = name;
  level.cpu_features = features;
  return level;
}

constexpr uint32_t avx512 = FPMOE_CPU_AVX2 | FPMOE_CPU_AVX512;
const FpmoeLevel levels[] = {
    makeLevel("amx-bf16", avx512 | FPMOE_CPU_AMX_BF16),
    makeLevel("avx512", avx512),
    makeLevel("x86-64-v3-vnni", FPMOE_CPU_AVX2 | FPMOE_CPU_AVX_VNNI),
};

CpuWords everything() {
  CpuWords words;
  words.leaf1Ecx = words.leaf7Ebx = words.leaf7Ecx = words.leaf7Edx =
      words.leaf7Sub1Eax = words.extended1Ecx = ~0u;
  words.enabledState = 0x600e7;
  return words;
}

CpuWords withoutTiles() {
  CpuWords words = everything();
  words.leaf7Edx = 0;
  return words;
}

CpuWords withoutAvx512() {
  CpuWords words = withoutTiles();
  words.leaf7Ebx &= ~(1u << 31); // avx512vl
  return words;
}

/// The name of the level that is chosen of levels [first, first + count), or
/// the message why none is.
std::string choose(const CpuWords &words, const char *wanted = nullptr,
                   int first = 0, int count = 3) {
  FpmoeModel model = {};
  model.target = "x86_64";
  model.levels = levels + first;
  model.level_count = count;
  LevelWish wish;
  wish.name = wanted;
  LevelChoice choice;
  Status status = chooseLevel(model, words, wish, choice);
  EXPECT_EQ(status.failed(), choice.level == nullptr);
  EXPECT_EQ(choice.noGpu, "");
  return status.failed() ? status.message() : choice.level->name;
}
} // namespace

TEST(LevelTest, theFirstThatTheCpuHas) {
  EXPECT_EQ(choose(withoutTiles()), "avx512");
  EXPECT_EQ(choose(withoutAvx512()), "x86-64-v3-vnni");
  EXPECT_EQ(choose(withoutTiles(), ""), "avx512") << "empty is not set";
}

// A system can refuse tile registers that the CPU has; the next level serves.
TEST(LevelTest, theNextWhereTheSystemGivesNoTiles) {
  bool given = requestState(FPMOE_CPU_AMX_BF16);
  EXPECT_EQ(choose(everything()), given ? "amx-bf16" : "avx512");
}

TEST(LevelTest, theOneThatIsWanted) {
  EXPECT_EQ(choose(withoutTiles(), "x86-64-v3-vnni"), "x86-64-v3-vnni");
  EXPECT_EQ(choose(withoutTiles(), "avx512"), "avx512");
}

TEST(LevelTest, wantsALevelThatTheCpuLacks) {
  EXPECT_EQ(choose(withoutAvx512(), "avx512"),
            "FPMOE_CPU is 'avx512', but this CPU lacks avx512vl; unset it, or "
            "choose another one of amx-bf16, avx512, x86-64-v3-vnni");
  EXPECT_EQ(choose(withoutAvx512(), "avx512", 1, 1),
            "FPMOE_CPU is 'avx512', but this CPU lacks avx512vl; unset it");
}

TEST(LevelTest, wantsALevelThatTheProgramLacks) {
  EXPECT_EQ(choose(everything(), "avx51"),
            "FPMOE_CPU is 'avx51', which is no level of this program; unset "
            "it, or choose one of amx-bf16, avx512, x86-64-v3-vnni");
  EXPECT_EQ(choose(everything(), "x86-64-v3", 1, 1),
            "FPMOE_CPU is 'x86-64-v3', which is no level of this program; "
            "unset it, or choose avx512");
}

TEST(LevelTest, noneRunsHere) {
  CpuWords words = withoutAvx512();
  words.leaf7Sub1Eax = 0;
  words.leaf1Ecx &= ~(1u << 12);
  EXPECT_EQ(choose(words),
            "this program was built for x86_64 amx-bf16, avx512, "
            "x86-64-v3-vnni; for x86-64-v3-vnni, this CPU lacks fma, avx_vnni. "
            "Compile it with --cpu=native on this machine.");
  EXPECT_EQ(choose(words, nullptr, 1, 1),
            "this program was built for x86_64 avx512; this CPU lacks fma, "
            "avx512vl. Compile it with --cpu=native on this machine.");
}

TEST(LevelTest, listsAll) {
  FpmoeModel model = {};
  model.levels = levels;
  model.level_count = 2;
  EXPECT_EQ(listLevels(model), "amx-bf16, avx512");
}
