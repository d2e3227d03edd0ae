//===- Sequence.h - a text in the model ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tokens of a text, where in the cache they are, and how far they have been
// fed; says which of them the next step takes.
//
// Where the model routes segments, a token's logits are those it has while its
// segment is open, and the keys and values that later tokens see are those it
// has when the segment is complete. A segment of which no logits are wanted is
// therefore computed once, any other twice.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CORE_SEQUENCE_H
#define FPMOE_RUNTIME_CORE_SEQUENCE_H

#include "runtime/core/Stepper.h"

namespace fpmoe {

class Sequence {
public:
  /// `forced` is the expert of every token, or -1; where tokens have languages,
  /// the language of every token, whatever `languages` says.
  explicit Sequence(const FpmoeModel &model, int32_t forced = -1)
      : model(model), forced(forced) {}

  std::vector<int32_t> tokens;
  /// Of the first tokens; the others have none.
  std::vector<int32_t> languages;
  /// Of the cache, for all tokens that are fed or planned.
  std::vector<int32_t> pages;

  int64_t size() const { return tokens.size(); }
  /// Tokens that steps have taken.
  int64_t fed() const { return numFed; }
  /// Tokens whose keys and values no step changes any more.
  int64_t closed() const { return model.segment > 0 ? numClosed : numFed; }
  /// Most tokens that the next step may take behind its first one, which is the
  /// last of the text, and that can be taken back.
  int64_t guessRoom() const;
  /// Whether there is something to plan.
  bool isBehind() const { return numFed < size(); }

  /// The next step's part of the tokens, of at most `most` tokens, with logits
  /// of tokens from `logitsFrom` on. Valid until the sequence changes.
  StepRun plan(int64_t most, int64_t logitsFrom);
  /// Says that a planned run was taken. Returns how many tokens of it are new.
  int64_t advance(const StepRun &run);
  /// Says that the first `count` tokens are in the cache and closed, and no
  /// others.
  void resume(int64_t count) { numFed = numClosed = count; }
  /// Says that tokens from `count` on, none of them closed, are to be taken
  /// again.
  void rewind(int64_t count);
  /// Forgets all tokens.
  void clear();

private:
  bool mustClose() const {
    return model.segment > 0 && numFed - numClosed == model.segment;
  }

  const FpmoeModel &model;
  int32_t forced;
  int64_t numFed = 0;
  int64_t numClosed = 0; ///< where segments are routed: in complete ones
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CORE_SEQUENCE_H
