//===- Level.h - which code of the program this CPU runs ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A program has code for one CPU level or for several. All of them read the
// same weights; which one runs is decided once, before threads start.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CORE_LEVEL_H
#define FPMOE_RUNTIME_CORE_LEVEL_H

#include "include/fpmoe/runtime/abi.h"
#include "runtime/core/Cpu.h"
#include "runtime/core/Status.h"

namespace fpmoe {

/// What is wanted of the level: nothing, as a rule.
struct LevelWish {
  const char *name = nullptr; ///< of the level; null or empty: the best one
  int64_t gpu = -1;           ///< number of a GPU; negative: the first that can
};

struct LevelChoice {
  const FpmoeLevel *level = nullptr;
  std::string noGpu; ///< why a better one, of a GPU, does not run here
};

/// Chooses the first level of the model, which is the best one, that a CPU with
/// these words, or a GPU, runs; or the one that is wanted, which then has to
/// run. A GPU that is wanted has to run a level for GPUs, if there is one to
/// choose. Asks the system for the state that the level needs. The error says
/// what is missing, and what to do.
Status chooseLevel(const FpmoeModel &model, const CpuWords &words,
                   const LevelWish &wish, LevelChoice &choice);

/// Bit i: chooseLevel can choose level i, of a CPU, where others do not run.
uint64_t runnableLevels(const FpmoeModel &model, const CpuWords &words,
                        const LevelWish &wish);

/// "amx-bf16, x86-64-v3": the names of all levels.
std::string listLevels(const FpmoeModel &model);

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CORE_LEVEL_H
