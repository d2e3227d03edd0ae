//===- Errors.h - What formats change of weights ----------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_WEIGHTS_ERRORS_H
#define FPMOE_LIB_WEIGHTS_ERRORS_H

#include "lib/Weights/Sources.h"

#include <functional>
#include <string>
#include <vector>

namespace fpmoe {

/// An instance of a weight that is rounded to a format.
struct WeightError {
  std::string weight;
  std::optional<int64_t> layer;
  std::string format;
  int64_t elements = 0, bytes = 0;
  /// sqrt(sum of squared differences / sum of squares); 0 of zeros.
  double relative = 0;
};

/// Evaluates every matrix with a storage format, before and after it is
/// rounded, on all cores, in the order of the module. Packed weights count as
/// they are without their padding.
llvm::Expected<std::vector<WeightError>> measureErrors(
    mlir::ModuleOp module, const Sources &sources,
    const std::function<void(uint64_t done, uint64_t total)> &progress);

} // namespace fpmoe

#endif
