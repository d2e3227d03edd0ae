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

/// From the oldest on that sums products of bf16 in its tensor cores.
static constexpr StringLiteral kArchs[] = {
    "sm_80",  "sm_86",  "sm_87",  "sm_89",  "sm_90", "sm_90a",
    "sm_100", "sm_103", "sm_110", "sm_120", "sm_121"};

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
  return join(std::begin(kArchs), std::end(kArchs), ", ");
}

Expected<std::vector<std::string>> fpmoe::getGpuArchs(StringRef names) {
  SmallVector<StringRef> named;
  names.split(named, ',');
  for (StringRef name : named)
    if (!is_contained(kArchs, name))
      return createStringError("gpu '" + name + "' is not known; choose of " +
                               listGpuArchs());
  std::vector<std::string> archs;
  for (StringRef arch : kArchs)
    if (is_contained(named, arch))
      archs.push_back(arch.str());
  return archs;
}

StringRef fpmoe::getForwardArch(StringRef arch) {
  return arch.rtrim("abcdefghijklmnopqrstuvwxyz");
}
