//===- Guesser.h - what may follow in a text ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Guesses the next tokens of a text by what followed the same tokens in it
// before: code repeats itself, and edits repeat what they do not change. A step
// that takes right guesses makes several tokens at little more than the cost of
// one; guesses change nothing of the text, whether they are right or not.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CORE_GUESSER_H
#define FPMOE_RUNTIME_CORE_GUESSER_H

#include <cstdint>
#include <vector>

namespace fpmoe {

class Guesser {
public:
  /// Guesses at most `most` tokens at a time; 0: never.
  explicit Guesser(int64_t most) : most(most) {}

  /// Up to `room` tokens that may follow `tokens`. Fewer, or none for a while,
  /// where guesses were wrong of late.
  std::vector<int32_t> guess(const std::vector<int32_t> &tokens, int64_t room);
  /// Says that so many of the guesses were right; `count` is at least 1.
  void learn(int64_t count, int64_t right);

private:
  int64_t most;
  double usual = 3;  ///< right guesses in a step, of late
  int64_t pause = 0; ///< tokens to come without a guess
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CORE_GUESSER_H
