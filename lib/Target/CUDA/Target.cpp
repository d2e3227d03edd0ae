//===- Target.cpp - The level of GPUs -------------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CUDA/Target.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;
using namespace fpmoe;

namespace {
struct Arch {
  StringLiteral name;
  int64_t sharedMemory; ///< KB of a block
};
} // namespace

/// From the oldest on that sums products of bf16 in its tensor cores. Source of
/// the sizes: CUDA C++ Programming Guide, Technical Specifications per Compute
/// Capability.
static constexpr Arch kArchs[] = {
    {"sm_80", 163},  {"sm_86", 99},   {"sm_87", 163},  {"sm_89", 99},
    {"sm_90", 227},  {"sm_90a", 227}, {"sm_100", 227}, {"sm_103", 227},
    {"sm_110", 227}, {"sm_120", 99},  {"sm_121", 99}};

static const Arch *findArch(StringRef name) {
  const Arch *found =
      find_if(kArchs, [&](const Arch &arch) { return arch.name == name; });
  return found == std::end(kArchs) ? nullptr : found;
}

CpuTarget fpmoe::getCudaTarget(const CpuTarget &host) {
  CpuTarget target = host;
  target.name = "cuda";
  target.requiredFeatures = 0;
  target.dot = mega::DotInstruction::CudaMma;
  target.intDot = mega::IntDotInstruction::None;
  // The rows that registers of 256 threads have sums of; a tile of one token
  // has a vector of columns, so that there are tiles for all blocks.
  target.rows = 64;
  target.tileRows = 0;
  target.accumulators = 1;
  target.prefetch = 0;
  // Two positions a lane, and spans for all blocks of a card.
  target.span = 64;
  target.threads = 256;
  target.isGpu = true;
  return target;
}

std::string fpmoe::listGpuArchs() {
  return join(map_range(kArchs, [](const Arch &arch) { return arch.name; }),
              ", ");
}

Expected<std::vector<std::string>> fpmoe::getGpuArchs(StringRef names) {
  SmallVector<StringRef> named;
  names.split(named, ',');
  for (StringRef name : named)
    if (!findArch(name))
      return createStringError("gpu '" + name + "' is not known; choose of " +
                               listGpuArchs());
  std::vector<std::string> archs;
  for (const Arch &arch : kArchs)
    if (is_contained(named, arch.name))
      archs.push_back(arch.name.str());
  return archs;
}

int64_t fpmoe::getSharedMemory(StringRef arch) {
  return findArch(arch)->sharedMemory << 10;
}

StringRef fpmoe::getForwardArch(StringRef arch) {
  return arch.rtrim("abcdefghijklmnopqrstuvwxyz");
}
