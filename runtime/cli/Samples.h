//===- Samples.h - measurements of one quantity ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CLI_SAMPLES_H
#define FPMOE_RUNTIME_CLI_SAMPLES_H

#include <algorithm>
#include <vector>

namespace fpmoe {

struct Samples {
  std::vector<double> values;

  void add(double value) { values.push_back(value); }
  /// The value below which this share of the samples lies; 0 of none.
  double quantile(double share) const {
    if (values.empty())
      return 0;
    std::vector<double> sorted = values;
    std::sort(sorted.begin(), sorted.end());
    double at = share * (sorted.size() - 1);
    auto below = static_cast<size_t>(at);
    size_t above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
  }
  double median() const { return quantile(0.5); }
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CLI_SAMPLES_H
