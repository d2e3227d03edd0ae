//===- Scheduler.h - many sequences in the steps of a model ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Decides which tokens of which sequences a step takes, and which pages of the
// cache they have. Each step takes the next token of every sequence that is
// being written, and then as much of the prompts as keeps the others waiting
// for `stepSeconds` at most. What a sequence gets depends on nothing of this:
// not on what shares its steps, not on how its prompt was cut, whether pages
// were found, or whether it was put off and computed again.
//
// All functions are to be called from one thread.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CORE_SCHEDULER_H
#define FPMOE_RUNTIME_CORE_SCHEDULER_H

#include "runtime/core/Guesser.h"
#include "runtime/core/PagePool.h"
#include "runtime/core/Sequence.h"
#include "runtime/core/StepSize.h"

#include <algorithm>
#include <atomic>
#include <deque>

namespace fpmoe {

/// A text that is wanted: what the scheduler is told of it, and what it tells.
class Task {
public:
  virtual ~Task() = default;

  std::vector<int32_t> prompt; ///< at least one token, ids of the vocabulary
  /// Expert of every token, or -1. Where tokens have languages: the language of
  /// every token, or -1: languagesOf says.
  int32_t forced = -1;
  /// Who asks. Pages are found by the same owner alone, and owners take turns.
  uint64_t owner = 0;
  /// Most tokens to guess in a step, where the text repeats itself.
  int64_t drafts = 0;
  /// Whether logits of all tokens of the prompt are wanted.
  bool wantsPromptLogits = false;
  /// Whether the experts of tokens are wanted.
  bool wantsRoutes = false;
  /// Whether no token is to be made now. May be set in any thread.
  std::atomic<bool> isHeld{false};

  /// The languages of the next tokens of the text, where tokens have them.
  virtual std::vector<int32_t> languagesOf(const std::vector<int32_t> &tokens) {
    return std::vector<int32_t>(tokens.size(), -1);
  }
  /// The same of tokens that may come next, or not.
  virtual std::vector<int32_t>
  languagesAhead(const std::vector<int32_t> &tokens) const {
    return std::vector<int32_t>(tokens.size(), -1);
  }
  /// Tells that so many tokens of the prompt were found in the cache.
  virtual void onStart(int64_t found) {}
  /// Tells the logits behind token `position` of the prompt, but the last one.
  virtual void onPromptLogits(int64_t position, float *logits) {}
  /// Tells the experts of token `position`, [layers, top_k].
  virtual void onRoutes(int64_t position, const int32_t *routes) {}
  struct Next {
    int32_t token; ///< that follows, or -1: the text ends
    bool isLast;   ///< nothing follows it
  };
  /// Takes the logits behind the last token, which it may change.
  virtual Next next(float *logits) = 0;

  enum class End {
    finished, ///< `next` said so
    full,     ///< the context, or the cache, has no room for another token
    cancelled,
    failed, ///< no step can be run any more: `failure` says why
  };
  Status failure = Status::success();

  /// The last call, and the only one of its kind.
  virtual void onEnd(End end) = 0;
};

struct SchedulerOptions {
  int64_t sequences = 8;  ///< that are in the cache at a time
  int64_t cacheBytes = 0; ///< 0: so many sequences of the whole context
  double stepSeconds = 0.15;
  bool recordRoutes = false;
};

/// Counts since the start, but for those that say "now".
struct SchedulerCounts {
  int64_t running = 0, waiting = 0;  ///< now
  int64_t pages = 0, pagesInUse = 0; ///< now
  int64_t steps = 0, preemptions = 0;
  int64_t promptTokens = 0, foundTokens = 0; ///< of prompts; those found
  int64_t madeTokens = 0;
  int64_t drafted = 0, accepted = 0;
  double stepSeconds = 0;
};

class Scheduler {
public:
  static Status create(const FpmoeModel &model, const FpmoeLevel &level,
                       Team &team, Weights &weights,
                       const SchedulerOptions &options,
                       std::unique_ptr<Scheduler> &scheduler);
  ~Scheduler();

  /// Adds a text, which waits for its turn. The task lives until onEnd. Refuses
  /// ids outside the vocabulary, and prompts that are empty or do not fit.
  Status add(Task &task);
  /// Ends a task that has not ended.
  void cancel(Task &task);
  /// Runs one step. Returns false if there is nothing to do, all is held, or
  /// steps fail: then all texts have ended, and status() says why.
  bool step();
  const Status &status() const { return broken; }

  const SchedulerCounts &counts();
  /// Positions that the cache has room for, and one sequence can have.
  int64_t room() const { return stepper->pages() * pagePositions; }
  int64_t mostPositions() const { return std::min(model.context, room()); }

private:
  struct Job;
  struct Part; ///< of a step
  explicit Scheduler(const FpmoeModel &model);

  void admit();
  Job *findNext();
  void start(Job &job);
  void findPages(Job &job);
  void publishPages(Job &job);
  bool hasPages(Job &job, int64_t positions);
  bool preemptFor(Job &job);
  void releasePages(Job &job);
  void addGuesses(Job &job, int64_t most);
  bool followsLanguages(const Job &job) const;
  bool addPart(Job &job, int64_t most, int64_t mostLogits);
  void planStep();
  void finishPart(const Part &part, int64_t row, int64_t logitsRow);
  void takeToken(Job &job, const Part &part, int64_t logitsRow, int64_t rows);
  void end(Job &job, Task::End how);
  void endAll();
  int64_t tokensBehind(int64_t pages) const;
  PageKey keyOf(const Job &job, int64_t page) const;

  const FpmoeModel &model;
  int64_t sequences = 0;
  std::unique_ptr<StepSize> stepSize;
  std::unique_ptr<Stepper> stepper;
  std::unique_ptr<PagePool> pool;
  std::deque<std::unique_ptr<Job>> waiting;
  std::vector<std::unique_ptr<Job>> running; ///< the oldest first
  std::vector<Part> parts;
  SchedulerCounts numbers;
  Status broken = Status::success();
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CORE_SCHEDULER_H
