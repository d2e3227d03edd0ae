//===- StopStrings.cpp - texts that end a generation ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Of the text, only the longest end that begins a string is kept.
//
//===----------------------------------------------------------------------===//

#include "runtime/cli/StopStrings.h"

#include <algorithm>

using namespace fpmoe;

bool StopStrings::push(const std::string &piece) {
  tail += piece;
  size_t found = std::string::npos, longest = 0;
  for (const std::string &string : strings) {
    found = std::min(found, tail.find(string));
    longest = std::max(longest, string.size());
  }
  if (found != std::string::npos) {
    tail.erase(0, found);
    return true;
  }
  auto beginsOne = [&](size_t length) {
    size_t at = tail.size() - length;
    return std::any_of(strings.begin(), strings.end(),
                       [&](const std::string &string) {
                         return string.compare(0, length, tail, at) == 0;
                       });
  };
  size_t held = std::min(tail.size(), longest - 1);
  while (held > 0 && !beginsOne(held))
    --held;
  tail.erase(0, tail.size() - held);
  return false;
}
