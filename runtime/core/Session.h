//===- Session.h - one sequence of tokens in the model ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One sequence with a cache of its own, for commands that follow one text.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CORE_SESSION_H
#define FPMOE_RUNTIME_CORE_SESSION_H

#include "runtime/core/Sequence.h"

namespace fpmoe {

struct SessionOptions {
  /// Positions the sequence can grow to; at most the model's context.
  int64_t positions = 0;
  /// Rows of logits that one step may ask for.
  int64_t logitsRows = 1;
  /// Tokens per step of feed, 1 to the level's max_tokens; 0: max_tokens.
  int64_t chunk = 0;
  /// Expert forced for every token, or -1: the router decides. Where tokens
  /// have languages, the language of every token, whatever setLanguages says.
  int32_t language = -1;
  bool recordRoutes = false;
};

class Session {
public:
  /// `level` is that of the model that this CPU runs.
  static Status create(const FpmoeModel &model, const FpmoeLevel &level,
                       Team &team, Weights &weights,
                       const SessionOptions &options,
                       std::unique_ptr<Session> &session);

  /// Runs one step over `count` tokens after those already fed, with logits
  /// for tokens [logitsFrom, count). Refuses ids outside the vocabulary and
  /// more positions than planned. Where the model routes segments, the step is
  /// made of several, so that results do not depend on how tokens are cut into
  /// steps.
  Status step(const int32_t *tokens, int64_t count, int64_t logitsFrom);

  /// Feeds any number of tokens in chunks, with logits for the last one only.
  /// Stops early, without logits, when `stop` returns true between chunks.
  Status feed(const int32_t *tokens, int64_t count, bool (*stop)() = nullptr);

  /// Sets the languages of tokens from `position` on, which are not fed yet.
  /// Tokens without one have none.
  void setLanguages(int64_t position, const std::vector<int32_t> &languages);

  /// Logits of the last step, one row of the vocabulary per token asked for.
  /// May be changed by the caller.
  float *logits() { return stepper->logits(); }
  float *logitsRow(int64_t row) { return stepper->logitsRow(row); }

  /// Tokens fed so far.
  int64_t position() const { return sequence.fed(); }
  /// Forgets all tokens.
  void restart();
  /// Most tokens that a step may take behind its first one, so that they can
  /// be taken back.
  int64_t guessRoom() const { return sequence.guessRoom(); }
  /// Forgets all but the first `count` tokens; those may be forgotten that the
  /// last step took behind its first one, of as many as guessRoom() said.
  void rewind(int64_t count);
  /// Goes on as if `count` tokens, which must fit, had been fed, with keys and
  /// values that are made up: for measuring. Where the model routes segments,
  /// whole ones of them.
  void pretend(int64_t count);

  /// Experts taken by token `position` in each layer, [layers, top_k], -1 in
  /// dense layers. Only with recordRoutes and a top_k above 0.
  const int32_t *routesOf(int64_t position) const {
    return &routeLog[position * model.layers * model.top_k];
  }
  bool hasRoutes() const { return stepper->hasRoutes(); }

private:
  Session(const FpmoeModel &model, const FpmoeLevel &level, int32_t language)
      : model(model), level(level), sequence(model, language) {}
  Status check(const int32_t *tokens, int64_t count, int64_t logitsFrom) const;

  const FpmoeModel &model;
  const FpmoeLevel &level;
  int64_t chunk = 0;
  bool isFilled = false;
  Sequence sequence;
  std::unique_ptr<Stepper> stepper;
  std::vector<int32_t> routeLog; ///< [position, layers, top_k]
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CORE_SESSION_H
