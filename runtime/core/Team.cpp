//===- Team.cpp - a team of worker threads ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A step crosses some hundred barriers per token, so a waiting thread spins
// first; a thread that waits for long, as between steps, sleeps on a futex.
// The barrier counts arrivals, and the last one starts a new generation.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Team.h"
#include "include/fpmoe/runtime/abi.h"

#include <climits>
#include <cstring>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace fpmoe;

static void pauseCpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t),
              "the kernel reads the generation as a plain 32-bit word");

Barrier::Barrier(int32_t workers, bool crowded)
    : workers(workers), spinNanoseconds(crowded ? 0 : 50000) {}

void Barrier::wait() {
  if (workers.load(std::memory_order_relaxed) == 1)
    return;
  uint32_t before = generation.load(std::memory_order_relaxed);
  // Who arrives after the number of workers was lowered sees it lowered.
  int32_t others = arrived.fetch_add(1, std::memory_order_acq_rel);
  if (others == workers.load(std::memory_order_relaxed) - 1) {
    arrived.store(0, std::memory_order_relaxed);
    // Sequentially consistent with the count of sleepers: either this thread
    // sees the sleeper, or the kernel sees the new generation and wakes it.
    generation.store(before + 1);
    if (sleepers.load() > 0)
      syscall(SYS_futex, &generation, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr,
              nullptr, 0);
    return;
  }
  int64_t giveUp = 0;
  do {
    for (int i = 0; i < 64; ++i) {
      if (generation.load(std::memory_order_acquire) != before)
        return;
      pauseCpu();
    }
    int64_t now = nanoseconds();
    giveUp = giveUp ? giveUp : now + spinNanoseconds;
    if (now >= giveUp)
      break;
  } while (true);
  sleepers.fetch_add(1);
  while (generation.load() == before)
    syscall(SYS_futex, &generation, FUTEX_WAIT_PRIVATE, before, nullptr,
            nullptr, 0);
  sleepers.fetch_sub(1, std::memory_order_relaxed);
}

void fpmoe_barrier(void *team, int64_t) {
  static_cast<Team *>(team)->barrier();
}

Team::Team(int32_t workers, bool crowded)
    : workers(workers), meeting(workers, crowded) {}

Status Team::create(int32_t workers, std::unique_ptr<Team> &result,
                    int32_t cpus) {
  std::unique_ptr<Team> team(new Team(workers, workers > cpus));
  for (int32_t i = 1; i < workers; ++i) {
    std::unique_ptr<Thread> thread(new Thread{team.get(), i, {}});
    int error = pthread_create(&thread->handle, nullptr, work, thread.get());
    if (error) {
      // The threads already started wait for a full team: this is it.
      team->meeting.shrink(i);
      return Status::error(format("cannot start thread %d of %d: %s", i + 1,
                                  workers, strerror(error)));
    }
    team->threads.push_back(std::move(thread));
  }
  result = std::move(team);
  return Status::success();
}

Team::~Team() {
  if (threads.empty())
    return;
  job = nullptr;
  meeting.wait();
  for (std::unique_ptr<Thread> &thread : threads)
    pthread_join(thread->handle, nullptr);
}

void Team::run(Job newJob, void *newContext) {
  job = newJob;
  context = newContext;
  meeting.wait();
  newJob(newContext, 0);
  meeting.wait();
}

void *Team::work(void *argument) {
  auto *thread = static_cast<Thread *>(argument);
  Team *team = thread->team;
  while (true) {
    team->meeting.wait();
    if (!team->job)
      return nullptr;
    team->job(team->context, thread->worker);
    team->meeting.wait();
  }
}
