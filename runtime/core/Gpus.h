//===- Gpus.h - the GPUs of this machine ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the rest of the runtime knows of GPUs. A level for them brings who runs
// it: so only programs that have one are linked with it (runtime/cuda).
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CORE_GPUS_H
#define FPMOE_RUNTIME_CORE_GPUS_H

#include "runtime/core/StepRunner.h"

namespace fpmoe {

/// A GPU, for people.
struct GpuInfo {
  int32_t number = 0;       ///< from 0, as the driver counts
  std::string name;         ///< "NVIDIA H100 80GB HBM3"
  std::string architecture; ///< "sm_90"
  std::string image;        ///< of the level, that runs on it: "sm_90a"
  std::string driver;       ///< "CUDA 12.8"
  int64_t memoryBytes = 0;
  int32_t multiprocessors = 0;
};

class Gpus {
public:
  /// Chooses where the level runs: on the GPU of this number, or where it is
  /// negative, the first one that can. The error says why none can. Nothing is
  /// started on it before a runner is made.
  virtual Status choose(const FpmoeLevel &level, int64_t number) = 0;

  /// Chooses a GPU for one of several processes of this machine, which are
  /// numbered from 0: each has another one, as far as there are enough.
  virtual Status chooseFor(const FpmoeLevel &level, int64_t process) = 0;

  /// The one that was chosen.
  virtual const GpuInfo &chosen() const = 0;

  /// Makes memory for steps on the GPU that was chosen for the level, or on the
  /// first one that can run it. The weights are there once, however many
  /// runners there are at a time; the team copies them.
  virtual Status makeRunner(const FpmoeModel &model, const FpmoeLevel &level,
                            Team &team, const Weights &weights,
                            const StepperOptions &options,
                            std::unique_ptr<StepRunner> &runner) = 0;

protected:
  ~Gpus() = default; // they are there as long as the process
};

/// Of a level of a GPU.
inline Gpus &gpusOf(const FpmoeLevel &level) {
  return *static_cast<Gpus *>(level.cuda->gpus());
}

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CORE_GPUS_H
