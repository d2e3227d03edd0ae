//===- Stepper.h - steps of the model over several sequences ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes steps of the tokens of sequences, which a team of threads or a GPU runs
// (StepRunner). Nothing that shares a step changes a bit of what another
// sequence gets.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CORE_STEPPER_H
#define FPMOE_RUNTIME_CORE_STEPPER_H

#include "runtime/core/StepRunner.h"

#include <memory>
#include <vector>

namespace fpmoe {

/// The next tokens of a sequence, in a step.
struct StepRun {
  const int32_t *tokens = nullptr;
  int64_t count = 0;
  int64_t position = 0; ///< of the first token
  /// Of the sequence: page pages[p / 32] holds position p.
  const int32_t *pages = nullptr;
  /// Logits are wanted of tokens [logitsFrom, count).
  int64_t logitsFrom = 0;
  int32_t forced = -1; ///< expert of every token, or -1: the router
  /// [count], -1 where a token has none; null: none has one.
  const int32_t *languages = nullptr;
  /// Segments from the first token on that the step completes, where the model
  /// routes segments.
  int64_t segments = 0;
};

class Stepper {
public:
  /// `level` is that of the model that this machine runs.
  static Status create(const FpmoeModel &model, const FpmoeLevel &level,
                       Team &team, Weights &weights,
                       const StepperOptions &options,
                       std::unique_ptr<Stepper> &stepper);

  /// Runs one step over all tokens of all runs, each of another sequence and
  /// not empty; a single token goes through the decode function. The caller has
  /// checked ids, positions, pages, and that there are at most maxTokens()
  /// tokens and logitsRows() logits. `wholeText`: the only run is a whole text,
  /// whose segments are routed by the published rule. After an error, which
  /// only GPUs have, no other step can be run.
  Status step(const std::vector<StepRun> &runs, bool wholeText = false);

  /// Logits that the last step was asked for, [rows, vocabulary], run by run.
  /// May be changed by the caller.
  float *logits() { return runner->logits(); }
  float *logitsRow(int64_t row) { return logits() + row * model.vocabulary; }
  /// The same of a step that is to come: they begin at this row.
  void setFirstLogitsRow(int64_t row) { firstLogitsRow = row; }

  /// Experts that a row of the last step took in each layer, [layers, top_k],
  /// -1 in dense layers, behind what `routes` holds.
  void appendRoutes(int64_t row, std::vector<int32_t> &routes) const;
  bool hasRoutes() const { return !routes.empty(); }

  int64_t maxTokens() const { return level.max_tokens; }
  int64_t logitsRows() const { return maxLogits; }
  int64_t pages() const { return cachePages; }
  /// Makes the cache look as if it were written: for measuring.
  void fillCache() { runner->fillCache(); }

private:
  Stepper(const FpmoeModel &model, const FpmoeLevel &level)
      : model(model), level(level) {}
  void addRun(const StepRun &run);
  void addQueryBlocks(int64_t first, int64_t count);

  const FpmoeModel &model;
  const FpmoeLevel &level;
  std::unique_ptr<StepRunner> runner;
  int64_t cachePages = 0, maxLogits = 0, firstLogitsRow = 0;
  // Of a step; see FpmoeStep.
  std::vector<int32_t> tokens, positions, logitsRowsOf, forced, languages,
      segments;
  std::vector<const int32_t *> pagesOf;
  std::vector<FpmoeQueryBlock> queryBlocks;
  std::vector<int32_t> routes; ///< [layers, max_tokens, top_k]
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CORE_STEPPER_H
