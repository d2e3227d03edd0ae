//===- Engine.h - the parts that run the model ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Opens what the commands that run the model need (weights and a team of
// threads, maybe a GPU) from the options they share.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CLI_ENGINE_H
#define FPMOE_RUNTIME_CLI_ENGINE_H

#include "runtime/cli/Arguments.h"
#include "runtime/core/Gpus.h"
#include "runtime/core/Session.h"
#include "runtime/ranks/Agreement.h"
#include "runtime/ranks/Ranks.h"
#include "runtime/ranks/StepMessage.h"

#include <memory>

namespace fpmoe {

/// Chooses the level of the program that this machine runs
/// (runtime/core/Level.h), or the one that FPMOE_CPU names, on the GPU that
/// FPMOE_DEVICE numbers. Comes before everything else here.
Status chooseLevel();

/// Instead, where nothing is run and a command only says what it does: no
/// machine is too old for that, and no GPU is looked for.
void assumeLevel();

/// Why the level in use is not that of a GPU that the program has; "" if it is,
/// or was named.
const std::string &whyNoGpu();

/// The level that was chosen.
const FpmoeLevel &usedLevel();
/// Another one of the program, which has to run here.
void useLevel(const FpmoeLevel &level);

/// The GPU that it runs on; null where it is a CPU's.
const GpuInfo *usedGpu();

/// The machine that the code in use was compiled for: "x86_64 avx512-bf16".
std::string usedTarget();

/// Most threads that --threads accepts.
constexpr int64_t mostThreads = 4096;

/// "NVIDIA H100 80GB HBM3", or "8 threads": what runs the model.
std::string runnerText(const Team &team);

/// Bytes of this machine's memory; of several ranks, those that each has.
int64_t machineMemory();
/// Bytes of this GPU's memory; of several ranks, those of the smallest one.
int64_t gpuMemory(const GpuInfo &gpu);

/// Rank 0, which exits with this code, tells the others that this is the end;
/// nothing happens where there are none.
void leaveRanks(int code);

/// Bytes of a cache for so many texts: what they can need, unless that is much
/// of the memory that it is in.
int64_t defaultCacheBytes(int64_t sequences);

class Engine {
public:
  /// 0: one per usable CPU.
  int64_t threads = 0;
  /// -1: the one that was chosen with the level.
  int64_t gpu = -1;
  std::string weightsFile;
  std::string hugePages = "auto";
  /// --mpi was given, maybe with a library.
  bool withMpi = false;
  std::string mpiLibrary;
  int64_t mpiTimeout = 30;

  std::unique_ptr<Weights> weights;
  std::unique_ptr<Team> team;

  /// Adds --threads, --weights, --huge-pages and --mpi, and --device where the
  /// program has a level for GPUs. When they are parsed, ranks join, and only
  /// rank 0 comes back from there.
  void declare(Arguments &arguments);
  Status open();
  /// The file with the weights: the program, where none is beside it.
  std::string weightsPath() const;
  /// The choice of --huge-pages; off where the weights are on a GPU.
  HugePages hugePagesChoice() const;

private:
  void declareRanks(Arguments &arguments);
  Status chooseGpuOfRank(RankMachine &own) const;
  Status join(const std::string &command);
  int follow(Ranks &ranks);
  void tellRanks(Ranks &ranks) const;
  HugePages takeTold(MessageReader &reader);
  /// CPUs that this process has, if other ranks take theirs.
  int32_t ownCpus() const;
  /// Opens the weights of a rank and starts its team.
  Status openParts(int32_t rank);
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
