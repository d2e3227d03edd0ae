//===- Progress.cpp - A bar that shows how far long work is ---------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/fpmoe-compile/Progress.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <unistd.h>

using namespace fpmoe;

ProgressBar::ProgressBar(std::string title)
    : title(std::move(title)), visible(isatty(STDERR_FILENO)),
      start(std::chrono::steady_clock::now()) {}

ProgressBar::~ProgressBar() {
  if (drawn)
    llvm::errs() << "\r\033[K";
}

void ProgressBar::update(uint64_t done, uint64_t total) {
  auto now = std::chrono::steady_clock::now();
  if (!visible || !total ||
      (drawn && done < total && now - last < std::chrono::milliseconds(100)))
    return;
  last = now;
  drawn = true;
  constexpr unsigned kWidth = 30;
  unsigned filled = done * kWidth / total;
  double seconds = std::chrono::duration<double>(now - start).count();
  llvm::errs() << "\r\033[K" << title << " [" << std::string(filled, '#')
               << std::string(kWidth - filled, '.') << "] "
               << llvm::format("%.1f of %.1f GB, %.2f GB/s", done / 1e9,
                               total / 1e9,
                               seconds > 0 ? done / 1e9 / seconds : 0.0);
}
