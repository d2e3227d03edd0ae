//===- StepSize.h - how many rows a step takes ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How much of prompts a step takes beside texts that are being written, so that
// these wait for so many seconds at most. Learnt from the steps that there
// were.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CORE_STEPSIZE_H
#define FPMOE_RUNTIME_CORE_STEPSIZE_H

#include <cstdint>

namespace fpmoe {

class StepSize {
public:
  /// Of steps of up to `most` rows, which are multiplied in blocks.
  StepSize(int64_t most, int64_t blockRows, double seconds)
      : most(most), blockRows(blockRows), seconds(seconds) {}

  /// Rows of prompts that a step takes beside `rowsBefore` others.
  int64_t promptRows(int64_t rowsBefore) const;
  /// Takes how many seconds a step of `rows` rows took, all of prompts or,
  /// mixed, some of them.
  void learn(int64_t rows, bool isMixed, double took);

private:
  int64_t most, blockRows;
  double seconds;
  double rowsBeside = 64; ///< of a step that prompts share with others
  bool hasMixed = false;  ///< whether there was such a step
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CORE_STEPSIZE_H
