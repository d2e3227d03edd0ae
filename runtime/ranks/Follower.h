//===- Follower.h - what ranks do that rank 0 tells ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Has a runner for each of rank 0's, and runs their steps when that says so.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_RANKS_FOLLOWER_H
#define FPMOE_RUNTIME_RANKS_FOLLOWER_H

#include "runtime/ranks/Ranks.h"
#include "runtime/ranks/StepMessage.h"

namespace fpmoe {

class Follower {
public:
  Follower(Ranks &ranks, const FpmoeModel &model, const FpmoeLevel &level,
           Team &team, Weights &weights, HugePages hugePages)
      : ranks(ranks), model(model), level(level), team(team), weights(weights),
        hugePages(hugePages) {}

  /// Does what rank 0 says about a runner; the command is read. Ends all ranks
  /// where it makes no sense.
  void obey(const RanksCommand &command, MessageReader &reader);

private:
  struct Runner {
    StepperOptions options;
    std::unique_ptr<StepRunner> steps;
  };
  void create(MessageReader &reader);
  void run(Runner &runner, MessageReader &reader);
  void copyWeights(CopyState first);
  [[noreturn]] void refuse(const std::string &why);

  Ranks &ranks;
  const FpmoeModel &model;
  const FpmoeLevel &level;
  Team &team;
  Weights &weights;
  HugePages hugePages;
  bool isCopyPlanned = false;  ///< or was found to be of no use
  std::vector<Runner> runners; ///< by their numbers
  DecodedStep decoded;
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_RANKS_FOLLOWER_H
