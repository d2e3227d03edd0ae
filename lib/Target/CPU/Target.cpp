//===- Target.cpp - CPUs that programs are made for -----------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CPU/Target.h"
#include "fpmoe/runtime/abi.h"

using namespace llvm;
using namespace fpmoe;

namespace {

struct Level {
  const char *name, *arch, *cpu, *features;
  uint32_t required;
  mega::DotInstruction dot;
  mega::IntDotInstruction intDot;
  int64_t rows, tileRows, accumulators, columns, prefetch;
};

constexpr uint32_t kAvx2 = FPMOE_CPU_AVX2;
constexpr uint32_t kAvx512 = kAvx2 | FPMOE_CPU_AVX512;
constexpr uint32_t kAvxVnni = kAvx2 | FPMOE_CPU_AVX_VNNI;
constexpr uint32_t kAvx512Vnni = kAvx512 | FPMOE_CPU_AVX512_VNNI;
constexpr uint32_t kAvx512Bf16 = kAvx512Vnni | FPMOE_CPU_AVX512_BF16;

constexpr auto kNoDot = mega::DotInstruction::None;
constexpr auto kBf16Dot = mega::DotInstruction::Avx512Bf16;
constexpr auto kTileDot = mega::DotInstruction::AmxBf16;
using IntDot = mega::IntDotInstruction;

/// From best to worst of each architecture. 32 registers of 512 bits hold the
/// sums of 12 rows and two vectors; 16 of 256 bits, or 32 of 128, those of 5
/// rows and one vector, half of a block, and weights that are widened; tile
/// registers those of 32 rows and two vectors. Processors with AVX2 and no more
/// read several panels at once faster than one, and gain 3 to 14% from asking
/// 512 bytes ahead (Zen 3; 1.5 KB is too much); those with AVX-512 gain 5 to 8%
/// from asking 2.5 KB ahead, and lose from 4 KB on.
constexpr Level kLevels[] = {
    {"amx-bf16", "x86_64", "x86-64-v4",
     "+avx512vnni,+avx512bf16,+amx-tile,+amx-bf16,+amx-int8,-prefer-256-bit",
     kAvx512Bf16 | FPMOE_CPU_AMX_BF16, kTileDot, IntDot::AmxInt8, 12, 32, 24,
     64, 2560},
    {"avx512-bf16", "x86_64", "x86-64-v4",
     "+avx512vnni,+avx512bf16,-prefer-256-bit", kAvx512Bf16, kBf16Dot,
     IntDot::Avx512Vnni, 12, 0, 24, 64, 2560},
    {"avx512-vnni", "x86_64", "x86-64-v4", "+avx512vnni,-prefer-256-bit",
     kAvx512Vnni, kNoDot, IntDot::Avx512Vnni, 12, 0, 24, 64, 2560},
    {"avx512", "x86_64", "x86-64-v4", "-prefer-256-bit", kAvx512, kNoDot,
     IntDot::Avx2, 12, 0, 24, 64, 2560},
    {"x86-64-v3-vnni", "x86_64", "x86-64-v3", "+avxvnni", kAvxVnni, kNoDot,
     IntDot::AvxVnni, 10, 0, 5, 16, 0},
    {"x86-64-v3", "x86_64", "x86-64-v3", "", kAvx2, kNoDot, IntDot::Avx2, 10, 0,
     5, 16, 512},
    {"aarch64-bf16", "aarch64", "generic", "+neon,+dotprod,+i8mm,+bf16",
     FPMOE_CPU_NEON_DOTPROD | FPMOE_CPU_NEON_BF16,
     mega::DotInstruction::NeonBf16, IntDot::NeonI8mm, 10, 0, 5, 16, 0},
    {"aarch64-dotprod", "aarch64", "generic", "+neon,+dotprod",
     FPMOE_CPU_NEON_DOTPROD, kNoDot, IntDot::NeonDot, 10, 0, 5, 16, 0},
    {"aarch64", "aarch64", "generic", "+neon", 0, kNoDot, IntDot::None, 10, 0,
     5, 16, 0},
};

#if defined(__x86_64__)
constexpr StringLiteral kHostArch = "x86_64";
#elif defined(__aarch64__)
constexpr StringLiteral kHostArch = "aarch64";
#else
constexpr StringLiteral kHostArch = "";
#endif

/// Whether a program of this level starts on this machine, if its CPU has these
/// words. Programs get tile registers only where the system gives them.
bool starts(const Level &level, const CpuWords &words) {
  return level.arch == kHostArch &&
         missingFeatures(level.required, words).empty() &&
         requestState(level.required);
}

CpuTarget makeTarget(const Level &level) {
  return {level.name,
          level.arch,
          std::string(level.arch) + "-unknown-linux-gnu",
          level.cpu,
          level.features,
          level.required,
          level.dot,
          level.intDot,
          level.rows,
          level.tileRows,
          level.accumulators,
          level.columns,
          level.prefetch};
}

} // namespace

mega::TargetAttr CpuTarget::getAttr(mlir::MLIRContext *context) const {
  return mega::TargetAttr::get(context, name, dot, rows, accumulators, columns,
                               tileRows, prefetch, intDot, span, threads);
}

std::string fpmoe::listCpuTargets() {
  std::string names = "native";
  for (const Level &level : kLevels)
    names += std::string(", ") + level.name;
  return names;
}

Expected<CpuTarget> fpmoe::getCpuTarget(StringRef name, const CpuWords &words) {
  for (const Level &level : kLevels)
    if (name == level.name || (name == "native" && starts(level, words)))
      return makeTarget(level);
  if (name == "native")
    return createStringError("cpu 'native': this machine has none of the "
                             "levels; choose one of " +
                             listCpuTargets());
  return createStringError("cpu '" + name + "' is not known; choose one of " +
                           listCpuTargets());
}

Expected<CpuTarget> fpmoe::getBaseTarget() {
  for (const Level &level : reverse(kLevels))
    if (level.arch == kHostArch)
      return makeTarget(level);
  return createStringError("there is no level for this machine's architecture");
}

/// Names of a list, "all" replaced by what it stands for.
static SmallVector<StringRef> splitNames(StringRef list) {
  SmallVector<StringRef> names;
  if (list == "all" && !kHostArch.empty()) {
    for (const Level &level : kLevels)
      if (level.arch == kHostArch)
        names.push_back(level.name);
    return names;
  }
  list.split(names, ',');
  return names;
}

Expected<std::vector<CpuTarget>> fpmoe::getCpuTargets(StringRef list,
                                                      const CpuWords &words) {
  std::vector<CpuTarget> targets;
  for (StringRef name : splitNames(list)) {
    Expected<CpuTarget> target = getCpuTarget(name, words);
    if (!target)
      return target.takeError();
    for (const CpuTarget &other : targets)
      if (target->arch != other.arch)
        return createStringError("cpu '" + list + "': '" + other.name +
                                 "' is of " + other.arch + ", '" +
                                 target->name + "' of " + target->arch +
                                 "; a program is for one architecture");
    // `native` can be a level that is named as well.
    if (!is_contained(map_range(targets, [](auto &t) { return t.name; }),
                      target->name))
      targets.push_back(std::move(*target));
  }
  auto rank = [](const CpuTarget &target) {
    return find_if(
        kLevels, [&](const Level &level) { return target.name == level.name; });
  };
  sort(targets, [&](const CpuTarget &a, const CpuTarget &b) {
    return rank(a) < rank(b);
  });
  // Panels are as wide as the widest wants, so that the better levels lose
  // nothing. Without AVX-512, products of bf16 then read one cache line of
  // four, and are slower (README.md, Many CPUs).
  int64_t columns = 0;
  for (const CpuTarget &target : targets)
    columns = std::max(columns, target.columns);
  for (CpuTarget &target : targets)
    target.columns = columns;
  return targets;
}
