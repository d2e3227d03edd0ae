//===- Guesser.cpp - what may follow in a text ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Guesser.h"

#include <algorithm>

using namespace fpmoe;

std::vector<int32_t> Guesser::guess(const std::vector<int32_t> &tokens,
                                    int64_t room) {
  if (pause > 0) {
    --pause;
    return {};
  }
  // A row of a step costs about a quarter of what reading the weights does:
  // twice as many guesses as are right as a rule are worth it.
  int64_t limit = std::min({most, room, static_cast<int64_t>(2 * usual) + 1});
  if (limit < 1)
    return {};
  int64_t size = tokens.size();
  for (int64_t length = 4; length >= 2; --length)
    for (int64_t end = size - 1; end >= length; --end)
      if (std::equal(tokens.end() - length, tokens.end(),
                     tokens.begin() + end - length)) {
        std::vector<int32_t> found;
        for (int64_t i = 0; i < limit; ++i)
          found.push_back(end + i < size ? tokens[end + i]
                                         : found[end + i - size]);
        return found;
      }
  return {};
}

void Guesser::learn(int64_t count, int64_t right) {
  // Where all were right, more would have been.
  double seen = right == count ? right + 1 : right;
  usual = 0.7 * usual + 0.3 * seen;
  if (usual >= 1)
    return;
  pause = 16;
  usual = 2;
}
