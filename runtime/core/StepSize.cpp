//===- StepSize.cpp - how many rows a step takes ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/StepSize.h"

#include <algorithm>

using namespace fpmoe;

/// Fewer rows of prompts take hardly less time.
static constexpr int64_t fewestRows = 16;

int64_t StepSize::promptRows(int64_t rowsBefore) const {
  int64_t left = most - rowsBefore;
  if (rowsBefore == 0)
    return left;
  int64_t fit = static_cast<int64_t>(rowsBeside) - rowsBefore;
  return std::min(left, std::max(fit, fewestRows));
}

/// Few rows take longer each than many, and late ones longer than early ones:
/// so it follows steps like those that are to come.
void StepSize::learn(int64_t rows, bool isMixed, double took) {
  double wanted = rowsBeside;
  // What ends a prompt fits, and says nothing of more.
  if (isMixed && (took > seconds || 2 * rows > rowsBeside))
    wanted = rows * std::clamp(seconds / took, 0.5, 2.0);
  else if (!isMixed && !hasMixed && rows >= 4 * blockRows) // a first guess
    wanted = rows * seconds / took;
  hasMixed |= isMixed;
  rowsBeside =
      std::clamp<double>(wanted, fewestRows, std::max(fewestRows, most));
}
