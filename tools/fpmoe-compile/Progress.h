//===- Progress.h - A bar that shows how far long work is -------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TOOLS_FPMOE_COMPILE_PROGRESS_H
#define FPMOE_TOOLS_FPMOE_COMPILE_PROGRESS_H

#include <chrono>
#include <cstdint>
#include <string>

namespace fpmoe {

/// Draws on the error stream where that is a terminal, and nothing elsewhere.
/// Removes itself when it goes.
class ProgressBar {
public:
  explicit ProgressBar(std::string title);
  ~ProgressBar();
  /// `done` of `total` bytes.
  void update(uint64_t done, uint64_t total);

private:
  std::string title;
  bool visible, drawn = false;
  std::chrono::steady_clock::time_point start, last;
};

} // namespace fpmoe

#endif
