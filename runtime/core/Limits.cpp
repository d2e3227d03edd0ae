//===- Limits.cpp - how fast this machine can be ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each sample is one run of the team, long enough that starting it does not
// count. The caller takes several, in turn with what it compares them to.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Limits.h"
#include "runtime/core/Machine.h"

#include <algorithm>
#include <atomic>

using namespace fpmoe;

// Seconds that a sample lasts at least.
static constexpr double sampleSeconds = 0.05;

double fpmoe::measureReadRate(const FpmoeLevel &level, Team &team,
                              const Weights &weights) {
  int64_t slice = weights.size() / team.size() / 1024 * 1024;
  if (!level.read_peak || slice == 0)
    return 0;
  const uint8_t *data = weights.data();
  std::atomic<int64_t> sink{0};
  for (int64_t passes = 1;; passes *= 2) {
    double start = seconds();
    team.run([&](int64_t worker) {
      for (int64_t pass = 0; pass < passes; ++pass)
        sink += level.read_peak(data + worker * slice, slice);
    });
    double taken = seconds() - start;
    if (taken >= sampleSeconds)
      return double(slice) * team.size() * passes / taken;
  }
}

double fpmoe::measureDotRate(const FpmoeLevel &level, Team &team) {
  if (!level.dot_peak)
    return 0;
  for (int64_t iterations = 4096;; iterations *= 2) {
    std::atomic<int64_t> done{0};
    double start = seconds();
    team.run([&](int64_t) { done += level.dot_peak(iterations); });
    double taken = seconds() - start;
    if (taken >= sampleSeconds || iterations > (int64_t(1) << 40))
      return done / std::max(taken, 1e-9);
  }
}
