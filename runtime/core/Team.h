//===- Team.h - a team of worker threads ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The threads that run a model step together, and the barrier between its
// phases. Worker 0 is the thread that calls run.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CORE_TEAM_H
#define FPMOE_RUNTIME_CORE_TEAM_H

#include "runtime/core/Machine.h"
#include "runtime/core/Status.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <pthread.h>
#include <vector>

namespace fpmoe {

/// Lets a fixed number of threads wait for each other, again and again. Waits
/// by spinning for a moment, then asleep in the kernel.
class Barrier {
public:
  /// `crowded`: the threads outnumber the CPUs, so spinning would only delay
  /// the thread that is waited for.
  Barrier(int32_t workers, bool crowded);

  /// Lowers the number of workers, before so many have arrived.
  void shrink(int32_t to) { workers.store(to, std::memory_order_relaxed); }

  /// Returns when all workers are here. What each wrote before it called is
  /// visible to all when it returns.
  void wait();

private:
  std::atomic<int32_t> workers;
  const int64_t spinNanoseconds;
  alignas(64) std::atomic<int32_t> arrived{0};
  alignas(64) std::atomic<uint32_t> generation{0};
  alignas(64) std::atomic<int32_t> sleepers{0};
};

class Team {
public:
  /// Starts workers - 1 threads, which have so many CPUs. Fails when the system
  /// refuses a thread; those started before it end.
  static Status create(int32_t workers, std::unique_ptr<Team> &team,
                       int32_t cpus = usableCpus());
  ~Team();

  int32_t size() const { return workers; }
  void barrier() { meeting.wait(); }

  /// Calls job(context, worker) once in every worker and returns when all are
  /// done. Not to be called from inside a job.
  using Job = void (*)(void *context, int64_t worker);
  void run(Job job, void *context);

  template <typename Function> void run(Function &&function) {
    run([](void *context,
           int64_t worker) { (*static_cast<Function *>(context))(worker); },
        static_cast<void *>(&function));
  }

private:
  Team(int32_t workers, bool crowded);
  struct Thread {
    Team *team;
    int64_t worker;
    pthread_t handle;
  };
  static void *work(void *thread);

  int32_t workers;
  Barrier meeting;
  /// Null asks the threads to end.
  Job job = nullptr;
  void *context = nullptr;
  /// The threads that run, workers 1 to size() - 1.
  std::vector<std::unique_ptr<Thread>> threads;
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CORE_TEAM_H
