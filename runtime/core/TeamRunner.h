//===- TeamRunner.h - steps on a team of threads ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs steps of a level of a CPU: every worker of the team calls the compiled
// function, each with scratch of its own.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CORE_TEAMRUNNER_H
#define FPMOE_RUNTIME_CORE_TEAMRUNNER_H

#include "runtime/core/StepRunner.h"

namespace fpmoe {

class TeamRunner final : public StepRunner {
public:
  static Status create(const FpmoeModel &model, const FpmoeLevel &level,
                       Team &team, Weights &weights,
                       const StepperOptions &options,
                       std::unique_ptr<StepRunner> &runner);

  Status run(FpmoeStep step, int64_t firstLogitsRow) override;
  float *logits() override {
    return reinterpret_cast<float *>(logitsMemory.data());
  }
  void fillCache() override;

private:
  TeamRunner(const FpmoeModel &model, const FpmoeLevel &level, Team &team,
             Weights &weights)
      : model(model), level(level), team(team), weights(weights) {}

  const FpmoeModel &model;
  const FpmoeLevel &level;
  Team &team;
  Weights &weights;
  int64_t privateBytes = 0;
  Memory cache, shared, privates, logitsMemory;
  std::vector<int64_t> tickets;
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CORE_TEAMRUNNER_H
