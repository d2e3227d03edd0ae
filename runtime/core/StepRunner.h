//===- StepRunner.h - what runs a step ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where steps run, a team of threads, teams of several ranks or a GPU, and the
// memory that they have there: the cache, scratch, logits.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CORE_STEPRUNNER_H
#define FPMOE_RUNTIME_CORE_STEPRUNNER_H

#include "include/fpmoe/runtime/abi.h"
#include "runtime/core/Team.h"
#include "runtime/core/Weights.h"

namespace fpmoe {

/// Positions that a page of the cache holds, of one sequence.
constexpr int64_t pagePositions = FPMOE_PAGE_POSITIONS;

struct StepperOptions {
  int64_t pages = 0;      ///< of the cache, of all sequences
  int64_t logitsRows = 1; ///< that a step may ask for
  bool recordRoutes = false;
};

class StepRunner {
public:
  virtual ~StepRunner() = default;

  /// Runs a step. The caller has set what its tokens say, and `routes`, which
  /// are -1; the rest is set here. Its logits begin at row `firstLogitsRow` of
  /// logits(). After an error no other step can be run.
  virtual Status run(FpmoeStep step, int64_t firstLogitsRow) = 0;

  /// [logitsRows, vocabulary], in memory of the host; of one rank of several
  /// what it computes, [logitsRows, rank_vocabulary].
  virtual float *logits() = 0;

  /// Makes the cache look as if it were written. What fails here, the next step
  /// tells.
  virtual void fillCache() = 0;
};

/// Bytes that are small numbers in every type of cache.
constexpr uint8_t filledCacheByte = 0x3c;

/// Columns of the logits that a step of this process computes.
inline int64_t logitsColumns(const FpmoeModel &model) {
  return model.ranks > 1 ? model.rank_vocabulary : model.vocabulary;
}

/// Makes the runner of this process for the level: of its GPU, or of the team.
Status makeRunner(const FpmoeModel &model, const FpmoeLevel &level, Team &team,
                  Weights &weights, const StepperOptions &options,
                  std::unique_ptr<StepRunner> &runner);

/// Bytes of a cache of so many pages.
Status cacheBytes(const FpmoeLevel &level, int64_t pages, int64_t &bytes);

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CORE_STEPRUNNER_H
