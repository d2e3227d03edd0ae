//===- Metrics.h - what a server has done, for Prometheus ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Names are vLLM's, under `fpmoe:`.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_SERVE_METRICS_H
#define FPMOE_RUNTIME_SERVE_METRICS_H

#include "runtime/core/Scheduler.h"

#include <array>

namespace fpmoe {

class Metrics {
public:
  /// A time in seconds, by the bounds that people look at.
  struct Histogram {
    static constexpr std::array<double, 12> bounds = {
        0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60};
    std::array<int64_t, 13> counts = {};
    double sum = 0;
    void add(double seconds);
  };

  Histogram firstToken, betweenTokens, request;
  int64_t stopped = 0, tooLong = 0, cancelled = 0, failed = 0;
  int64_t refused = 0; ///< requests answered with an error

  /// All of it in the text format of Prometheus.
  std::string text(const SchedulerCounts &counts) const;
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_SERVE_METRICS_H
