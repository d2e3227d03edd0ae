//===- Clock.h - vector clocks ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Vector clocks. A clock is an immutable vector that many threads share (after
// a barrier all threads of a block have the same one), beside the few entries
// that are a thread's own.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TEST_CUDA_EMULATOR_CLOCK_H
#define FPMOE_TEST_CUDA_EMULATOR_CLOCK_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/IntrusiveRefCntPtr.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <vector>

namespace fpmoe::emulator {

using Agent = uint16_t; // a thread, or what copies or multiplies for one

struct ClockVector : llvm::RefCountedBase<ClockVector> {
  std::vector<uint32_t> at; // agents beyond its end are at zero
  uint32_t get(Agent agent) const { return agent < at.size() ? at[agent] : 0; }
};
using ClockRef = llvm::IntrusiveRefCntPtr<ClockVector>; // null is all zero

struct AgentClock {
  Agent agent;
  uint32_t clock;
};

// The larger of both in each entry.
ClockRef join(const ClockRef &a, const ClockRef &b);
ClockRef join(const ClockRef &a, llvm::ArrayRef<AgentClock> entries);

// What a thread has seen. `proxied` holds those generic writes that a
// fence.proxy.async on the way has shown to the async proxy.
struct View {
  ClockRef seen, proxied;
  // The thread itself, then its agents as far as it waited for them.
  llvm::SmallVector<AgentClock, 3> own;

  uint32_t get(Agent agent) const {
    for (const AgentClock &entry : own)
      if (entry.agent == agent)
        return entry.clock;
    return seen ? seen->get(agent) : 0;
  }
  uint32_t getProxied(Agent agent) const {
    return proxied ? proxied->get(agent) : 0;
  }
  // An agent of the thread's own is seen up to `clock`.
  void advance(Agent agent, uint32_t clock);
  void fenceProxy() { proxied = join(join(proxied, seen), own); }
};

// What release operations leave behind for those that acquire.
class SyncClock {
public:
  void publish(const View &view);
  void publish(AgentClock entry) { fresh.push_back(entry); }
  void publish(SyncClock &other);
  void acquire(View &view);

private:
  void settle();

  ClockRef seen, proxied;
  llvm::SmallVector<AgentClock, 4> fresh; // not in `seen` yet
};

} // namespace fpmoe::emulator

#endif
