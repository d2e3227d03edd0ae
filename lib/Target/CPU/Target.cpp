//===- Target.cpp - CPUs that programs are made for -----------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CPU/Target.h"
#include "fpmoe/runtime/abi.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"

#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

using namespace llvm;
using namespace fpmoe;

namespace {

struct Level {
  const char *name, *arch, *cpu, *features;
  uint32_t required;
  const char *dotInstruction;
  int64_t rows, tileRows, sums;
  bool halves;
  int64_t prefetch, streams;
};

constexpr uint32_t kAvx2 = FPMOE_CPU_AVX2;
constexpr uint32_t kAvx512 = kAvx2 | FPMOE_CPU_AVX512;
constexpr uint32_t kAvx512Bf16 = kAvx512 | FPMOE_CPU_AVX512_BF16;

/// From best to worst of each architecture. 32 registers of 512 bits hold the
/// sums of 12 rows and two panels; 16 of 256 bits, or 32 of 128, those of 6
/// rows and one panel; tile registers hold those of 32 rows and two panels.
/// Processors with AVX2 and no more read several panels at
/// once faster than one after the other; those with AVX-512 gain 5 to 8% from
/// asking 2.5 KB ahead, and lose from 4 KB on.
constexpr Level kLevels[] = {
    {"amx-bf16", "x86_64", "x86-64-v4",
     "+avx512bf16,+amx-tile,+amx-bf16,-prefer-256-bit",
     kAvx512Bf16 | FPMOE_CPU_AMX_BF16, "avx512-bf16", 12, 32, 24, false, 2560,
     1},
    {"avx512-bf16", "x86_64", "x86-64-v4", "+avx512bf16,-prefer-256-bit",
     kAvx512Bf16, "avx512-bf16", 12, 0, 24, false, 2560, 1},
    {"avx512", "x86_64", "x86-64-v4", "-prefer-256-bit", kAvx512, "none", 12, 0,
     24, true, 2560, 1},
    {"x86-64-v3", "x86_64", "x86-64-v3", "", kAvx2, "none", 6, 0, 6, true, 0,
     4},
    {"aarch64", "aarch64", "generic", "+neon", 0, "none", 6, 0, 6, true, 0, 1},
};

#if defined(__x86_64__)
/// Whether programs get the state of tile registers if they ask for it, as
/// runtime/core/Cpu.cpp does.
bool systemGivesTiles() {
#if defined(__linux__)
  constexpr long requestPermission = 0x1023, tileData = 18;
  return syscall(SYS_arch_prctl, requestPermission, tileData) == 0;
#else
  return false;
#endif
}
#endif

bool hostHas(const Level &level) {
#if defined(__x86_64__)
  if (StringRef(level.arch) != "x86_64")
    return false;
  StringMap<bool> has = sys::getHostCPUFeatures();
  auto all = [&](std::initializer_list<const char *> names) {
    return llvm::all_of(names, [&](const char *n) { return has.lookup(n); });
  };
  if ((level.required & FPMOE_CPU_AVX2) &&
      !all({"avx2", "fma", "bmi2", "f16c"}))
    return false;
  if ((level.required & FPMOE_CPU_AVX512) &&
      !all({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}))
    return false;
  if ((level.required & FPMOE_CPU_AVX512_BF16) && !all({"avx512bf16"}))
    return false;
  return !(level.required & FPMOE_CPU_AMX_BF16) ||
         (all({"amx-tile", "amx-bf16"}) && systemGivesTiles());
#elif defined(__aarch64__)
  return StringRef(level.arch) == "aarch64";
#else
  return false;
#endif
}

CpuTarget makeTarget(const Level &level) {
  return {level.name,
          level.arch,
          std::string(level.arch) + "-unknown-linux-gnu",
          level.cpu,
          level.features,
          level.required,
          level.dotInstruction,
          level.rows,
          level.tileRows,
          level.sums,
          level.halves,
          level.prefetch,
          level.streams};
}

} // namespace

std::string fpmoe::listCpuTargets() {
  std::string names = "native";
  for (const Level &level : kLevels)
    names += std::string(", ") + level.name;
  return names;
}

Expected<CpuTarget> fpmoe::getCpuTarget(StringRef name) {
  for (const Level &level : kLevels)
    if (name == level.name || (name == "native" && hostHas(level)))
      return makeTarget(level);
  if (name == "native")
    return createStringError("cpu 'native': this machine has none of the "
                             "levels; choose one of " +
                             listCpuTargets());
  return createStringError("cpu '" + name + "' is not known; choose one of " +
                           listCpuTargets());
}
