//===- Sync.h - what threads meet at ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What threads meet at: barriers of a block, operations of a warp, mbarriers,
// and locations of atomic accesses.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TEST_CUDA_EMULATOR_SYNC_H
#define FPMOE_TEST_CUDA_EMULATOR_SYNC_H

#include "Clock.h"
#include "Races.h"
#include <map>

namespace fpmoe::emulator {

struct Site;
struct Thread;

// One of the sixteen barriers of a block.
struct BlockBarrier {
  uint64_t expected = 0; // 0: nobody came yet
  uint64_t arrived = 0;
  bool aligned = false; // all came by an instruction that is aligned
  SyncClock clock;
  std::vector<std::pair<Thread *, uint64_t *>> waiting; // for what result
  std::vector<uint32_t> lanes; // that arrived, of each warp
  uint64_t votes = 0;          // predicates that were true
};
enum class BarrierUse { Sync, Arrive, Popc, And, Or };
void useBarrier(const Site &site, uint64_t id, uint64_t count, bool aligned,
                BarrierUse use, bool predicate, uint64_t *result);

// An operation that the lanes of a mask do together. The last of them to come
// computes for all; operands and results lie on the stacks of the others.
struct WarpOperation {
  const Site *site = nullptr;
  uint32_t mask = 0, arrived = 0;
  const uint64_t *in[32];
  uint64_t *out[32];
  Thread *lanes[32];
  bool has(unsigned lane) const { return mask >> lane & 1; }
};
void meetInWarp(const Site &site, uint32_t mask, bool aligned,
                const uint64_t *in, uint64_t *out,
                void (*compute)(WarpOperation &));

struct Mbarrier {
  uint64_t count = 0;      // arrivals of each phase
  int64_t pending = 0;     // ... that are missing in this one
  int64_t bytes = 0;       // that were announced and have not come
  uint64_t phase = 0;      // phases completed
  SyncClock arrived, done; // of this phase and before; of those completed
  std::vector<Thread *> waiting;
};
// The mbarrier at an address of shared memory, for an operation of the current
// thread; fails if there is none.
Mbarrier &mbarrierAt(const Site &site, uint64_t address);
// By whatever has completed; without a thread to blame, `site` is null.
void arriveAt(const Site *site, uint64_t address, Mbarrier &barrier,
              int64_t arrivals, int64_t bytes);

// What the releases at a location have left, by the scope that both sides
// need: `device` for those of any block, `blocks` for those of the same one.
struct LocationClock {
  SyncClock device;
  std::map<unsigned, SyncClock> blocks;
};
// The synchronisation of an atomic access that is about to be carried out.
void synchronizeAt(const Site &site, uint64_t address);
void fence(const Site &site);

} // namespace fpmoe::emulator

#endif
