//===- Cpu.cpp - what this CPU can do ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The only file of the runtime that knows an architecture's registers. A
// vector feature counts only when the operating system saves its registers.
// It is a part of the compiler too, and needs no other file of the runtime.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Cpu.h"
#include "include/fpmoe/runtime/abi.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

using namespace fpmoe;

CpuWords fpmoe::readCpuWords() {
  CpuWords words;
#if defined(__x86_64__)
  uint32_t eax, ebx, ecx, edx;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx))
    words.leaf1Ecx = ecx;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) {
    words.leaf7Ebx = ebx;
    words.leaf7Ecx = ecx;
    words.leaf7Edx = edx;
    if (eax >= 1 && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx))
      words.leaf7Sub1Eax = eax;
  }
  if (__get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx))
    words.extended1Ecx = ecx;
  if (words.leaf1Ecx & bit_OSXSAVE) {
    uint32_t low, high;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    words.enabledState = (uint64_t(high) << 32) | low;
  }
#elif defined(__aarch64__)
  words.hwcap = getauxval(AT_HWCAP);
  words.hwcap2 = getauxval(AT_HWCAP2);
#endif
  return words;
}

namespace {
struct Feature {
  uint32_t level; /// the FPMOE_CPU_* bit that asks for it
  const char *name;
  uint32_t CpuWords::*word;
  uint32_t bit;
  uint64_t state; /// parts of xcr0 that have to be enabled
};
} // namespace

// Registers that the operating system has to save: SSE and AVX; with the mask
// registers and both halves of zmm; tiles and their configuration.
static constexpr uint64_t avxState = 0x06, avx512State = 0xe6,
                          tileState = 0x60000;

static constexpr Feature features[] = {
    {FPMOE_CPU_AVX2, "fma", &CpuWords::leaf1Ecx, 1u << 12, avxState},
    {FPMOE_CPU_AVX2, "movbe", &CpuWords::leaf1Ecx, 1u << 22, 0},
    {FPMOE_CPU_AVX2, "avx", &CpuWords::leaf1Ecx, 1u << 28, avxState},
    {FPMOE_CPU_AVX2, "f16c", &CpuWords::leaf1Ecx, 1u << 29, avxState},
    {FPMOE_CPU_AVX2, "abm", &CpuWords::extended1Ecx, 1u << 5, 0},
    {FPMOE_CPU_AVX2, "bmi1", &CpuWords::leaf7Ebx, 1u << 3, 0},
    {FPMOE_CPU_AVX2, "avx2", &CpuWords::leaf7Ebx, 1u << 5, avxState},
    {FPMOE_CPU_AVX2, "bmi2", &CpuWords::leaf7Ebx, 1u << 8, 0},
    {FPMOE_CPU_AVX512, "avx512f", &CpuWords::leaf7Ebx, 1u << 16, avx512State},
    {FPMOE_CPU_AVX512, "avx512dq", &CpuWords::leaf7Ebx, 1u << 17, avx512State},
    {FPMOE_CPU_AVX512, "avx512cd", &CpuWords::leaf7Ebx, 1u << 28, avx512State},
    {FPMOE_CPU_AVX512, "avx512bw", &CpuWords::leaf7Ebx, 1u << 30, avx512State},
    {FPMOE_CPU_AVX512, "avx512vl", &CpuWords::leaf7Ebx, 1u << 31, avx512State},
    {FPMOE_CPU_AVX512_BF16, "avx512_bf16", &CpuWords::leaf7Sub1Eax, 1u << 5,
     avx512State},
    {FPMOE_CPU_AVX_VNNI, "avx_vnni", &CpuWords::leaf7Sub1Eax, 1u << 4,
     avxState},
    {FPMOE_CPU_AVX512_VNNI, "avx512_vnni", &CpuWords::leaf7Ecx, 1u << 11,
     avx512State},
    {FPMOE_CPU_AMX_BF16, "amx_bf16", &CpuWords::leaf7Edx, 1u << 22, tileState},
    {FPMOE_CPU_AMX_BF16, "amx_tile", &CpuWords::leaf7Edx, 1u << 24, tileState},
    {FPMOE_CPU_AMX_BF16, "amx_int8", &CpuWords::leaf7Edx, 1u << 25, tileState},
    // HWCAP_ASIMDDP, HWCAP2_I8MM and HWCAP2_BF16 of Linux.
    {FPMOE_CPU_NEON_DOTPROD, "asimddp", &CpuWords::hwcap, 1u << 20, 0},
    {FPMOE_CPU_NEON_BF16, "i8mm", &CpuWords::hwcap2, 1u << 13, 0},
    {FPMOE_CPU_NEON_BF16, "bf16", &CpuWords::hwcap2, 1u << 14, 0},
};

std::vector<std::string> fpmoe::missingFeatures(uint32_t needed,
                                                const CpuWords &words) {
  std::vector<std::string> missing;
  uint32_t known = 0;
  for (const Feature &feature : features) {
    known |= feature.level;
    bool here = (words.*feature.word & feature.bit) &&
                (words.enabledState & feature.state) == feature.state;
    if ((needed & feature.level) && !here)
      missing.push_back(feature.name);
  }
  for (int bit = 0; bit < 32; ++bit)
    if (needed & ~known & (1u << bit))
      missing.push_back("feature " + std::to_string(bit));
  return missing;
}

bool fpmoe::requestState(uint32_t needed) {
#if defined(__x86_64__)
  // Linux gives the eight kilobytes of tiles only to those that ask.
  constexpr long requestPermission = 0x1023, tileData = 18;
  if (needed & FPMOE_CPU_AMX_BF16)
    return syscall(SYS_arch_prctl, requestPermission, tileData) == 0;
#endif
  return true;
}
