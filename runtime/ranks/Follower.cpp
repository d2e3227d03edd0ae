//===- Follower.cpp - what ranks do that rank 0 tells ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/ranks/Follower.h"
#include "runtime/core/TeamRunner.h"
#include "runtime/ranks/RanksRunner.h"

#include <cstdint>

using namespace fpmoe;

void Follower::refuse(const std::string &why) {
  ranks.end(format("%s cannot do what rank 0 told it: %s",
                   ranks.nameOf(ranks.rank()).c_str(), why.c_str()));
}

void Follower::create(MessageReader &reader) {
  Runner runner;
  reader.read(&runner.options);
  if (!reader.isDone() || runner.options.pages < 0 ||
      runner.options.pages > INT32_MAX || runner.options.logitsRows < 1 ||
      runner.options.logitsRows > INT32_MAX)
    refuse("a cache of no such size can be");
  Status status = ranks.agree(
      makeRunner(model, level, team, weights, runner.options, runner.steps));
  // Where one rank has no runner, rank 0 does without.
  runners.push_back(std::move(runner));
}

/// Goes on with the copy of the weights while rank 0 does, so that no step
/// waits for another rank's.
void Follower::copyWeights(CopyState first) {
  constexpr double anyLength = 1e9;
  if (first == CopyState::none)
    return;
  if (!isCopyPlanned)
    weights.planCopy(hugePages, INT64_MAX);
  isCopyPlanned = true;
  weights.continueCopy(team, first == CopyState::complete ? 1 : 0.005,
                       anyLength);
}

void Follower::run(Runner &runner, MessageReader &reader) {
  Status status = decoded.decode(reader, model, level, runner.options);
  if (status.failed())
    refuse("of a step, " + status.message());
  copyWeights(decoded.copy);
  setRank(decoded.step, model, ranks);
  status = runner.steps->run(decoded.step, /*firstLogitsRow=*/0);
  if (status.failed())
    refuse(status.message());
  ranks.gather(runner.steps->logits(), decoded.step.logits_count,
               model.rank_vocabulary, nullptr, model.vocabulary);
}

void Follower::obey(const RanksCommand &command, MessageReader &reader) {
  if (command.kind == RanksCommand::create &&
      command.runner == int64_t(runners.size()))
    return create(reader);
  if (command.runner < 0 || command.runner >= int64_t(runners.size()))
    refuse(format("there is no runner %d", command.runner));
  Runner &runner = runners[command.runner];
  if (command.kind == RanksCommand::destroy) {
    runner.steps.reset();
    return;
  }
  if (!runner.steps)
    refuse(format("runner %d is gone", command.runner));
  if (command.kind == RanksCommand::step)
    return run(runner, reader);
  if (command.kind != RanksCommand::fillCache)
    refuse(format("there is no command %d", command.kind));
  runner.steps->fillCache();
}
