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
#include <cstring>

using namespace fpmoe;

static int64_t roundUp(int64_t value, int64_t to) {
  return (value + to - 1) / to * to;
}

Status Session::create(const FpmoeModel &model, const FpmoeLevel &level,
                       Team &team, Weights &weights,
                       const SessionOptions &options,
                       std::unique_ptr<Session> &result) {
  std::unique_ptr<Session> session(new Session(model, level, team, weights));
  session->capacity = roundUp(
      std::max<int64_t>(std::min(options.positions, model.context), 1), 16);
  session->chunk = options.chunk ? std::min(options.chunk, level.max_tokens)
                                 : level.max_tokens;
  session->logitsRows = options.logitsRows;
  session->language = options.language;
  session->wholeText = options.wholeText && model.segment > 0;
  // Segments that are fed as a whole are computed once.
  if (model.segment > 0 && session->chunk > model.segment)
    session->chunk -= session->chunk % model.segment;
  session->privateBytes = roundUp(level.private_bytes, 4096);
  session->tickets.resize(level.tickets);
  if (options.recordRoutes && model.top_k > 0)
    session->stepRoutes.resize(model.layers * level.max_tokens * model.top_k);

  int64_t cacheBytes;
  if (__builtin_mul_overflow(session->capacity, level.cache_bytes_per_position,
                             &cacheBytes))
    return Status::error("the key/value cache is larger than memory can be");
  Status status = session->cache.allocate(cacheBytes, "the key/value cache");
  if (!status.failed())
    status = session->shared.allocate(level.shared_bytes, "shared scratch");
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
  languages.clear();
  openTokens.clear();
  routeLog.clear();
}

void Session::pretend(int64_t count) {
  restart();
  if (model.segment > 0)
    count -= count % model.segment;
  if (count == 0)
    return;
  // Bytes that are small numbers in every type of cache.
  if (!isFilled)
    std::memset(cache.data(), 0x3c, cache.size());
  isFilled = true;
  fed = count;
}

void Session::setLanguages(int64_t position,
                           const std::vector<int32_t> &added) {
  languages.resize(position, -1);
  languages.insert(languages.end(), added.begin(), added.end());
}

Status Session::check(const int32_t *tokens, int64_t count,
                      int64_t logitsFrom) const {
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
  if (count < 1 || count > level.max_tokens || count - logitsFrom > logitsRows)
    return Status::error(format("a step of %lld tokens with logits from %lld "
                                "exceeds its %lld tokens or %lld rows",
                                Number(count), Number(logitsFrom),
                                Number(level.max_tokens), Number(logitsRows)));
  if (wholeText && fed > 0)
    return Status::error(format("a whole text is one step, and %lld tokens are "
                                "there already",
                                Number(fed)));
  return Status::success();
}

void Session::run(const int32_t *tokens, int64_t count, int64_t position,
                  int64_t logitsFrom, int64_t row, int32_t segments) {
  std::fill(tickets.begin(), tickets.end(), 0);
  FpmoeStep step = {};
  step.tokens = tokens;
  step.count = count;
  step.position = position;
  step.logits_from = logitsFrom;
  step.logits = logitsRow(row);
  step.weights = weights.data();
  step.cache = cache.data();
  step.cache_capacity = capacity;
  step.shared = shared.data();
  step.tickets = tickets.data();
  step.routes = stepRoutes.empty() ? nullptr : stepRoutes.data();
  step.team = &team;
  step.workers = team.size();
  step.language = language;
  step.segments = segments;
  if (model.languages > 0) {
    int64_t known = languages.size();
    languages.resize(std::max(known, position + count), -1);
    if (language >= 0)
      std::fill(languages.begin(), languages.end(), language);
    step.languages = languages.data() + position;
    step.language = -1;
  }
  std::fill(stepRoutes.begin(), stepRoutes.end(), -1);
  // A whole text of one token is no segment.
  FpmoeStepFn function = count == 1 ? level.decode : level.prefill;
  team.run([&](int64_t worker) {
    function(&step, worker, privates.data() + worker * privateBytes);
  });
}

Status Session::step(const int32_t *tokens, int64_t count, int64_t logitsFrom) {
  Status status = check(tokens, count, logitsFrom);
  if (status.failed())
    return status;
  if (model.segment > 0 && !wholeText) {
    feedSegments(tokens, count, logitsFrom);
    return status;
  }
  run(tokens, count, fed, logitsFrom, 0,
      wholeText ? FPMOE_SEGMENTS_WHOLE : FPMOE_SEGMENTS_OPEN);
  recordRoutes(count);
  fed += count;
  return status;
}

/// Logits of a token are those it has while its segment is open; the keys and
/// values that later tokens see are those it has when the segment is complete.
/// A segment without logits is therefore computed once, any other twice.
void Session::feedSegments(const int32_t *tokens, int64_t count,
                           int64_t logitsFrom) {
  int64_t length = model.segment;
  for (int64_t done = 0; done < count;) {
    int64_t left = count - done, offset = fed % length;
    int64_t whole = std::max<int64_t>(std::min(left, logitsFrom - done), 0) /
                    length * length;
    if (offset == 0 && whole > 0) {
      // What is left may go with them, if no segment of it is complete.
      int64_t now = left - whole < length ? left : whole;
      int64_t from = std::min(logitsFrom - done, now);
      run(tokens + done, now, fed, from, 0, FPMOE_SEGMENTS_CLOSED);
      recordRoutes(now);
      openTokens.assign(tokens + done + whole, tokens + done + now);
      fed += now;
      done += now;
      continue;
    }
    int64_t now = std::min(left, length - offset);
    int64_t from = std::min(std::max<int64_t>(logitsFrom - done, 0), now);
    int64_t row = std::max<int64_t>(done - logitsFrom, 0);
    run(tokens + done, now, fed, from, row, FPMOE_SEGMENTS_OPEN);
    recordRoutes(now);
    openTokens.insert(openTokens.end(), tokens + done, tokens + done + now);
    fed += now;
    done += now;
    if (static_cast<int64_t>(openTokens.size()) < length)
      continue;
    run(openTokens.data(), length, fed - length, length, 0,
        FPMOE_SEGMENTS_CLOSED);
    openTokens.clear();
  }
}

void Session::recordRoutes(int64_t count) {
  if (stepRoutes.empty())
    return;
  int64_t k = model.top_k;
  for (int64_t token = 0; token < count; ++token)
    for (int64_t layer = 0; layer < model.layers; ++layer) {
      auto from = stepRoutes.begin() + (layer * level.max_tokens + token) * k;
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
