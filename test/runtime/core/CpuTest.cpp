//===- CpuTest.cpp - tests of the CPU check ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Made-up cpuid words, each with one feature taken away.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Cpu.h"
#include "include/fpmoe/runtime/abi.h"

#include <gtest/gtest.h>

using namespace fpmoe;

using Names = std::vector<std::string>;

static CpuWords everything() {
  CpuWords words;
  words.leaf1Ecx = words.leaf7Ebx = words.leaf7Ecx = words.leaf7Edx =
      words.leaf7Sub1Eax = words.extended1Ecx = ~0u;
  words.enabledState = 0x600e7;
  return words;
}

static constexpr uint32_t all = FPMOE_CPU_AVX2 | FPMOE_CPU_AVX512 |
                                FPMOE_CPU_AVX512_BF16 | FPMOE_CPU_AMX_BF16 |
                                FPMOE_CPU_AVX_VNNI | FPMOE_CPU_AVX512_VNNI;

TEST(CpuTest, nothingMissing) {
  EXPECT_EQ(missingFeatures(all, everything()), Names());
  EXPECT_EQ(missingFeatures(0, CpuWords()), Names());
}

TEST(CpuTest, namesWhatIsMissing) {
  CpuWords words = everything();
  words.leaf7Sub1Eax &= ~(1u << 5);
  EXPECT_EQ(missingFeatures(all, words), Names{"avx512_bf16"});
  EXPECT_EQ(missingFeatures(FPMOE_CPU_AVX512, words), Names());
  words = everything();
  words.leaf7Sub1Eax &= ~(1u << 4);
  words.leaf7Ecx &= ~(1u << 11);
  EXPECT_EQ(missingFeatures(all, words), (Names{"avx_vnni", "avx512_vnni"}));
  words = everything();
  words.leaf7Ebx &= ~((1u << 5) | (1u << 30));
  EXPECT_EQ(missingFeatures(all, words), (Names{"avx2", "avx512bw"}));
  words = everything();
  words.leaf1Ecx &= ~(1u << 12);
  EXPECT_EQ(missingFeatures(FPMOE_CPU_AVX2, words), Names{"fma"});
}

TEST(CpuTest, systemHasToSaveTheRegisters) {
  CpuWords words = everything();
  words.enabledState = 0xe7; // no tiles
  EXPECT_EQ(missingFeatures(FPMOE_CPU_AVX512_BF16, words), Names());
  EXPECT_EQ(missingFeatures(FPMOE_CPU_AMX_BF16, words),
            (Names{"amx_bf16", "amx_tile", "amx_int8"}));
  words.enabledState = 0x07; // no zmm
  EXPECT_EQ(missingFeatures(FPMOE_CPU_AVX2, words), Names());
  EXPECT_EQ(missingFeatures(FPMOE_CPU_AVX512_BF16, words),
            Names{"avx512_bf16"});
  words.enabledState = 0;
  EXPECT_EQ(missingFeatures(FPMOE_CPU_AVX2, words),
            (Names{"fma", "avx", "f16c", "avx2"}));
}

TEST(CpuTest, unknownFeatureIsMissing) {
  EXPECT_EQ(missingFeatures(1u << 20, everything()), Names{"feature 20"});
}

#if defined(__x86_64__) && defined(__GNUC__)
TEST(CpuTest, agreesWithTheCompilerAboutThisCpu) {
  CpuWords words = readCpuWords();
  EXPECT_EQ(missingFeatures(FPMOE_CPU_AVX2, words).empty(),
            __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                __builtin_cpu_supports("bmi2"));
  EXPECT_EQ(missingFeatures(FPMOE_CPU_AVX512, words).empty(),
            __builtin_cpu_supports("avx512f") &&
                __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512cd") &&
                __builtin_cpu_supports("avx512dq") &&
                __builtin_cpu_supports("avx512vl"));
  EXPECT_EQ(missingFeatures(FPMOE_CPU_AVX512_BF16, words).empty(),
            !!__builtin_cpu_supports("avx512bf16"));
  EXPECT_EQ(missingFeatures(FPMOE_CPU_AVX512_VNNI, words).empty(),
            !!__builtin_cpu_supports("avx512vnni"));
}
#endif
