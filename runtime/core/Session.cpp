//===- Session.cpp - one sequence of tokens in the model ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything that a step trusts is checked here: ids, positions, and the sizes
// that the model states.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Session.h"

#include <algorithm>
#include <numeric>

using namespace fpmoe;

Status Session::create(const FpmoeModel &model, const FpmoeLevel &level,
                       Team &team, Weights &weights,
                       const SessionOptions &options,
                       std::unique_ptr<Session> &result) {
  std::unique_ptr<Session> session(new Session(model, level, options.language));
  session->chunk = options.chunk ? std::min(options.chunk, level.max_tokens)
                                 : level.max_tokens;
  // Segments that are fed as a whole are computed once.
  if (model.segment > 0 && session->chunk > model.segment)
    session->chunk -= session->chunk % model.segment;
  StepperOptions memory;
  int64_t positions =
      std::max<int64_t>(std::min(options.positions, model.context), 1);
  memory.pages = (positions + pagePositions - 1) / pagePositions;
  memory.logitsRows = options.logitsRows;
  memory.recordRoutes = options.recordRoutes;
  Status status =
      Stepper::create(model, level, team, weights, memory, session->stepper);
  if (status.failed())
    return status;
  session->sequence.pages.resize(memory.pages);
  std::iota(session->sequence.pages.begin(), session->sequence.pages.end(), 0);
  result = std::move(session);
  return Status::success();
}

void Session::restart() {
  sequence.clear();
  routeLog.clear();
}

void Session::rewind(int64_t count) {
  sequence.tokens.resize(count);
  sequence.languages.resize(
      std::min<int64_t>(count, sequence.languages.size()));
  sequence.rewind(count);
  if (hasRoutes())
    routeLog.resize(count * model.layers * model.top_k);
}

void Session::pretend(int64_t count) {
  restart();
  if (model.segment > 0)
    count -= count % model.segment;
  if (count == 0)
    return;
  if (!isFilled)
    stepper->fillCache();
  isFilled = true;
  sequence.tokens.resize(count);
  sequence.resume(count);
}

void Session::setLanguages(int64_t position,
                           const std::vector<int32_t> &added) {
  sequence.languages.resize(position, -1);
  sequence.languages.insert(sequence.languages.end(), added.begin(),
                            added.end());
}

Status Session::check(const int32_t *tokens, int64_t count,
                      int64_t logitsFrom) const {
  using Number = long long;
  int64_t fed = position();
  int64_t most = std::min(stepper->pages() * pagePositions, model.context);
  if (fed + count > most)
    return Status::error(format("%lld tokens do not fit: there is room for "
                                "%lld, the model's context is %lld",
                                Number(fed + count), Number(most),
                                Number(model.context)));
  for (int64_t i = 0; i < count; ++i)
    if (tokens[i] < 0 || tokens[i] >= model.vocabulary)
      return Status::error(format("token %lld has id %d, outside the "
                                  "vocabulary of %lld",
                                  Number(fed + i), tokens[i],
                                  Number(model.vocabulary)));
  int64_t logitsRows = stepper->logitsRows();
  if (count < 1 || count > level.max_tokens || count - logitsFrom > logitsRows)
    return Status::error(format("a step of %lld tokens with logits from %lld "
                                "exceeds its %lld tokens or %lld rows",
                                Number(count), Number(logitsFrom),
                                Number(level.max_tokens), Number(logitsRows)));
  return Status::success();
}

/// All tokens, with all segments that they complete.
Status Session::step(const int32_t *tokens, int64_t count, int64_t logitsFrom) {
  Status status = check(tokens, count, logitsFrom);
  if (status.failed())
    return status;
  sequence.tokens.insert(sequence.tokens.end(), tokens, tokens + count);
  int64_t first = position();
  for (int64_t row = 0; sequence.isBehind();) {
    StepRun run = sequence.plan(level.max_tokens, first + logitsFrom);
    stepper->setFirstLogitsRow(row);
    status = stepper->step({run});
    if (status.failed())
      return status;
    row += run.count - run.logitsFrom;
    int64_t added = sequence.advance(run);
    for (int64_t i = run.count - added; i < run.count; ++i)
      stepper->appendRoutes(i, routeLog);
  }
  return status;
}

Status Session::feed(const int32_t *tokens, int64_t count, bool (*stop)()) {
  for (int64_t done = 0; done < count;) {
    if (stop && stop())
      break;
    int64_t now = std::min(chunk, count - done);
    bool last = done + now == count;
    Status status = step(tokens + done, now, last ? now - 1 : now);
    if (status.failed())
      return status;
    done += now;
  }
  return Status::success();
}
