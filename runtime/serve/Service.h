//===- Service.h - a thread that runs the model ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Owns the scheduler and the team, so that whoever asks never waits for a step.
// What is asked lies in a box that the thread empties between steps.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_SERVE_SERVICE_H
#define FPMOE_RUNTIME_SERVE_SERVICE_H

#include "runtime/core/Scheduler.h"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <pthread.h>

namespace fpmoe {

class Service {
public:
  explicit Service(std::unique_ptr<Scheduler> scheduler)
      : scheduler(std::move(scheduler)) {}
  ~Service() { stop(); }

  /// Starts the thread; `between` is called in it between steps.
  Status start(std::function<void()> between = nullptr);
  /// Ends the thread behind its step. Tasks that have not ended are told
  /// nothing more.
  void stop();

  /// Has something done in the thread, between two steps. From any thread.
  void post(std::function<void(Scheduler &)> job);

  int64_t mostPositions() const { return scheduler->mostPositions(); }
  int64_t room() const { return scheduler->room(); }
  /// Those of the last step. From any thread.
  SchedulerCounts counts();
  /// Makes them those of now. Called in the thread.
  void renewCounts();
  /// Failed: no step can be run any more. From any thread.
  Status status();

private:
  void work();

  std::unique_ptr<Scheduler> scheduler;
  std::function<void()> between;
  std::mutex mutex;
  std::condition_variable arrived;
  std::vector<std::function<void(Scheduler &)>> box;
  SchedulerCounts lastCounts;
  Status broken = Status::success();
  bool isEnding = false, isRunning = false;
  pthread_t thread = {};
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_SERVE_SERVICE_H
