//===- Session.cpp - one sequence of tokens in the model ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything that a step trusts is checked here: ids, positions, and the sizes
// that the model states. A single token goes through the decode function, more
// go through prefill.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Session.h"

#include <algorithm>

using namespace fpmoe;

static int64_t roundUp(int64_t value, int64_t to) {
  return (value + to - 1) / to * to;
}

Status Session::create(const FpmoeModel &model, Team &team, Weights &weights,
                       const SessionOptions &options,
                       std::unique_ptr<Session> &result) {
  std::unique_ptr<Session> session(new Session(model, team, weights));
  session->capacity = roundUp(
      std::max<int64_t>(std::min(options.positions, model.context), 1), 16);
  session->chunk = options.chunk ? std::min(options.chunk, model.max_tokens)
                                 : model.max_tokens;
  session->logitsRows = options.logitsRows;
  session->language = options.language;
  session->privateBytes = roundUp(model.private_bytes, 4096);
  session->tickets.resize(model.tickets);
  if (options.recordRoutes && model.top_k > 0)
    session->stepRoutes.resize(model.layers * model.max_tokens * model.top_k);

  int64_t cacheBytes;
  if (__builtin_mul_overflow(session->capacity, model.cache_bytes_per_position,
                             &cacheBytes))
    return Status::error("the key/value cache is larger than memory can be");
  Status status = session->cache.allocate(cacheBytes, "the key/value cache");
  if (!status.failed())
    status = session->shared.allocate(model.shared_bytes, "shared scratch");
  if (!status.failed())
    status = session->privates.allocate(session->privateBytes * team.size(),
                                        "the workers' scratch");
  if (!status.failed())
    status = session->logitsMemory.allocate(
        options.logitsRows * model.vocabulary * int64_t(sizeof(float)),
        "the logits");
  if (status.failed())
    return status;
  result = std::move(session);
  return Status::success();
}

void Session::restart() {
  fed = 0;
  routeLog.clear();
}

Status Session::step(const int32_t *tokens, int64_t count, int64_t logitsFrom) {
  using Number = long long;
  int64_t most = std::min(capacity, model.context);
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
  if (count < 1 || count > model.max_tokens || count - logitsFrom > logitsRows)
    return Status::error(format("a step of %lld tokens with logits from %lld "
                                "exceeds its %lld tokens or %lld rows",
                                Number(count), Number(logitsFrom),
                                Number(model.max_tokens), Number(logitsRows)));

  std::fill(tickets.begin(), tickets.end(), 0);
  FpmoeStep step = {};
  step.tokens = tokens;
  step.count = count;
  step.position = fed;
  step.logits_from = logitsFrom;
  step.logits = logits();
  step.weights = weights.data();
  step.cache = cache.data();
  step.cache_capacity = capacity;
  step.shared = shared.data();
  step.tickets = tickets.data();
  step.routes = stepRoutes.empty() ? nullptr : stepRoutes.data();
  step.team = &team;
  step.workers = team.size();
  step.language = language;
  std::fill(stepRoutes.begin(), stepRoutes.end(), -1);
  FpmoeStepFn function = count == 1 ? model.decode : model.prefill;
  team.run([&](int64_t worker) {
    function(&step, worker, privates.data() + worker * privateBytes);
  });
  recordRoutes(count);
  fed += count;
  return Status::success();
}

void Session::recordRoutes(int64_t count) {
  if (stepRoutes.empty())
    return;
  int64_t k = model.top_k;
  for (int64_t token = 0; token < count; ++token)
    for (int64_t layer = 0; layer < model.layers; ++layer) {
      auto from = stepRoutes.begin() + (layer * model.max_tokens + token) * k;
      routeLog.insert(routeLog.end(), from, from + k);
    }
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
