//===- RanksRunner.h - steps on several ranks ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs steps on the teams of all ranks at once: on rank 0, which tells the
// others (Follower) what to run and gathers their logits.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_RANKS_RANKSRUNNER_H
#define FPMOE_RUNTIME_RANKS_RANKSRUNNER_H

#include "runtime/ranks/Ranks.h"
#include "runtime/ranks/StepMessage.h"

namespace fpmoe {

/// Sets of a step what differs between ranks.
void setRank(FpmoeStep &step, const FpmoeModel &model, Ranks &ranks);

class RanksRunner final : public StepRunner {
public:
  /// On all ranks; `ranks` are those that were joined.
  static Status create(Ranks &ranks, const FpmoeModel &model,
                       const FpmoeLevel &level, Team &team, Weights &weights,
                       const StepperOptions &options,
                       std::unique_ptr<StepRunner> &runner);
  ~RanksRunner() override;

  Status run(FpmoeStep step, int64_t firstLogitsRow) override;
  float *logits() override {
    return reinterpret_cast<float *>(logitsMemory.data());
  }
  void fillCache() override;

private:
  RanksRunner(Ranks &ranks, const FpmoeModel &model, Weights &weights)
      : ranks(ranks), model(model), weights(weights),
        number(ranks.numberRunner()) {}
  /// Begins a message about this runner.
  void begin(RanksCommand::Kind kind);

  Ranks &ranks;
  const FpmoeModel &model;
  Weights &weights;
  int32_t number;
  std::unique_ptr<StepRunner> own;
  Memory logitsMemory;
  RanksMessage message;
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_RANKS_RANKSRUNNER_H
