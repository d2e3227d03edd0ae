//===- RanksRunner.cpp - steps on several ranks ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/ranks/RanksRunner.h"

using namespace fpmoe;

void fpmoe::setRank(FpmoeStep &step, const FpmoeModel &model, Ranks &ranks) {
  step.ranks = &ranks;
  step.reduce = [](void *ranks, float *numbers, int64_t count) {
    static_cast<Ranks *>(ranks)->reduce(numbers, count);
  };
  step.first_token = ranks.rank() * model.rank_vocabulary;
}

void RanksRunner::begin(RanksCommand::Kind kind) {
  message.clear();
  RanksCommand command = {kind, number};
  append(message, &command);
}

Status RanksRunner::create(Ranks &ranks, const FpmoeModel &model,
                           const FpmoeLevel &level, Team &team,
                           Weights &weights, const StepperOptions &options,
                           std::unique_ptr<StepRunner> &result) {
  std::unique_ptr<RanksRunner> made(new RanksRunner(ranks, model, weights));
  made->begin(RanksCommand::create);
  append(made->message, &options);
  ranks.send(made->message);
  Status status = makeRunner(model, level, team, weights, options, made->own);
  if (!status.failed())
    status = made->logitsMemory.allocate(options.logitsRows * model.vocabulary *
                                             int64_t(sizeof(float)),
                                         "the logits of all ranks");
  status = ranks.agree(status);
  if (!status.failed())
    result = std::move(made);
  return status;
}

RanksRunner::~RanksRunner() {
  begin(RanksCommand::destroy);
  ranks.send(message);
}

Status RanksRunner::run(FpmoeStep step, int64_t firstLogitsRow) {
  begin(RanksCommand::step);
  encodeStep(step,
             weights.isCopied()    ? CopyState::complete
             : weights.isPlanned() ? CopyState::planned
                                   : CopyState::none,
             message);
  ranks.send(message);
  setRank(step, model, ranks);
  Status status = own->run(step, /*firstLogitsRow=*/0);
  ranks.gather(own->logits(), step.logits_count, model.rank_vocabulary,
               logits() + firstLogitsRow * model.vocabulary, model.vocabulary);
  return status;
}

void RanksRunner::fillCache() {
  begin(RanksCommand::fillCache);
  ranks.send(message);
  own->fillCache();
}
