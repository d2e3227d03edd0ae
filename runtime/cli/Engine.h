//===- Engine.h - the parts that run the model ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Opens what the commands that run the model need (weights and a team of
// threads) from the options they share.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CLI_ENGINE_H
#define FPMOE_RUNTIME_CLI_ENGINE_H

#include "runtime/cli/Arguments.h"
#include "runtime/core/Session.h"

#include <memory>

namespace fpmoe {

/// Chooses the level of the program that this CPU runs (runtime/core/Level.h),
/// or the one that FPMOE_CPU names. Comes before everything else here.
Status chooseLevel();

/// The level that was chosen.
const FpmoeLevel &usedLevel();

/// The machine that the code in use was compiled for: "x86_64 avx512-bf16".
std::string usedTarget();

/// Most threads that --threads accepts.
constexpr int64_t mostThreads = 4096;

/// Bytes of a cache for so many texts: what they can need, unless that is much
/// of the machine's memory.
int64_t defaultCacheBytes(int64_t sequences);

struct Engine {
  /// 0: one per usable CPU.
  int64_t threads = 0;
  std::string weightsFile;
  std::string hugePages = "auto";

  std::unique_ptr<Weights> weights;
  std::unique_ptr<Team> team;

  /// Adds --threads, --weights and --huge-pages.
  void declare(Arguments &arguments);
  Status open();
  /// The file with the weights: the program, where none is beside it.
  std::string weightsPath() const;
  /// The choice of --huge-pages.
  HugePages hugePagesChoice() const;
};

/// Sets `language` to the number of the expert called `name`, or to -1 when
/// `name` is empty. The error lists the experts there are.
Status findLanguage(const std::string &name, int32_t &language);

/// Returns the name of an expert, for people.
std::string expertName(int64_t expert);

/// Returns the expert that most of the sparse layers chose in `routes`
/// ([layers, top_k]); the lowest among equals, -1 when there is none.
int32_t mainExpert(const int32_t *routes);

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CLI_ENGINE_H
