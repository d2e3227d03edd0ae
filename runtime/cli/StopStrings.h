//===- StopStrings.h - texts that end a generation ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Finds stop strings in a text that comes in pieces, and says how much of its
// end must not be written yet because it may become one.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CLI_STOPSTRINGS_H
#define FPMOE_RUNTIME_CLI_STOPSTRINGS_H

#include <cstddef>
#include <string>
#include <vector>

namespace fpmoe {

class StopStrings {
public:
  /// None of `strings` is empty.
  explicit StopStrings(std::vector<std::string> strings)
      : strings(std::move(strings)) {}

  /// Takes the next piece of the text. Returns true when a string is complete;
  /// no piece follows.
  bool push(const std::string &piece);

  /// Bytes at the end of the text so far that are a stop string and what
  /// follows it, or could begin one. Of UTF-8, whole characters.
  size_t held() const { return tail.size(); }

private:
  std::vector<std::string> strings;
  std::string tail; ///< the bytes held
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CLI_STOPSTRINGS_H
