//===- Async.h - asynchronous copies ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Asynchronous copies. Those of cp.async complete in order for each thread,
// bulk copies in any order.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TEST_CUDA_EMULATOR_ASYNC_H
#define FPMOE_TEST_CUDA_EMULATOR_ASYNC_H

#include "Clock.h"
#include <deque>

namespace fpmoe::emulator {

class Launch;
struct Site;
struct Thread;

struct Copy {
  uint64_t to = 0, from = 0;
  uint64_t bytes = 0, zeros = 0; // zeros behind what is copied
  uint64_t mbarrier = 0; // instead: arrive there, when all before are done
  uint32_t clock = 0;    // of the agent
};

struct CopyQueue {
  Agent agent = 0; // 0: none yet
  uint32_t clock = 1;
  std::deque<Copy> pending;
  std::deque<uint32_t> groups; // clocks, committed and not waited for
};

struct BulkCopy {
  uint64_t to, from, bytes, mbarrier;
  AgentClock agent;
};

struct BulkCopies {
  std::vector<BulkCopy> pending;
  std::deque<AgentClock> idle; // agents, the clock that each has next
};

// Carries out what a thread's queue has up to a clock of its agent.
void runCopies(Launch &launch, Thread &thread, uint32_t upTo);
void runBulkCopy(Launch &launch, size_t index);

} // namespace fpmoe::emulator

#endif
