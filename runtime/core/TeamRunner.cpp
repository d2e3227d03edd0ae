//===- TeamRunner.cpp - steps on a team of threads ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/TeamRunner.h"

#include <algorithm>
#include <cstring>

using namespace fpmoe;

Status fpmoe::cacheBytes(const FpmoeLevel &level, int64_t pages,
                         int64_t &bytes) {
  if (__builtin_mul_overflow(pages * pagePositions,
                             level.cache_bytes_per_position, &bytes))
    return Status::error("the key/value cache is larger than memory can be");
  return Status::success();
}

Status TeamRunner::create(const FpmoeModel &model, const FpmoeLevel &level,
                          Team &team, Weights &weights,
                          const StepperOptions &options,
                          std::unique_ptr<StepRunner> &result) {
  std::unique_ptr<TeamRunner> made(new TeamRunner(model, level, team, weights));
  made->privateBytes = (level.private_bytes + 4095) / 4096 * 4096;
  made->tickets.resize(level.tickets);
  int64_t bytes;
  Status status = cacheBytes(level, options.pages, bytes);
  if (!status.failed())
    status = made->cache.allocate(bytes, "the key/value cache");
  if (!status.failed())
    status = made->shared.allocate(level.shared_bytes, "shared scratch");
  if (!status.failed())
    status = made->privates.allocate(made->privateBytes * team.size(),
                                     "the workers' scratch");
  if (!status.failed())
    status = made->logitsMemory.allocate(
        options.logitsRows * logitsColumns(model) * int64_t(sizeof(float)),
        "the logits");
  if (!status.failed())
    result = std::move(made);
  return status;
}

Status TeamRunner::run(FpmoeStep step, int64_t firstLogitsRow) {
  std::fill(tickets.begin(), tickets.end(), 0);
  step.logits = logits() + firstLogitsRow * logitsColumns(model);
  step.weights = weights.data();
  step.cache = cache.data();
  step.shared = shared.data();
  step.tickets = tickets.data();
  step.team = &team;
  step.workers = team.size();
  // The other half is for what is read meanwhile.
  static const int64_t ahead = cacheBytesOfCpu() / 2;
  step.ahead = ahead;
  // A whole text of one token is no segment.
  FpmoeStepFn function = step.count == 1 ? level.decode : level.prefill;
  team.run([&](int64_t worker) {
    function(&step, worker, privates.data() + worker * privateBytes);
  });
  return Status::success();
}

void TeamRunner::fillCache() {
  std::memset(cache.data(), filledCacheByte, cache.size());
}
