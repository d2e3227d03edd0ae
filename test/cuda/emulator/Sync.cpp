//===- Sync.cpp - what threads meet at ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Sync.h"
#include "Launch.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"
#include <cstring>

using namespace llvm;
using namespace fpmoe::emulator;

// --- Barriers of a block

static void checkWholeWarps(const Site &site, Launch &launch,
                            const BlockBarrier &barrier, uint64_t id) {
  for (auto [warp, lanes] : enumerate(barrier.lanes)) {
    uint32_t all = launch.lanesOf(
        launch.threads[launch.current->block * launch.blockThreads() +
                       warp * 32]);
    if (barrier.aligned && lanes != 0 && lanes != all)
      launch.fail(&site, "barrier " + Twine(id) + ": only a part of warp " +
                             Twine(warp) +
                             " came to an instruction that is .aligned");
  }
}

static uint64_t countVotes(const BlockBarrier &barrier, BarrierUse use) {
  switch (use) {
  case BarrierUse::Popc:
    return barrier.votes;
  case BarrierUse::And:
    return barrier.votes == barrier.arrived;
  case BarrierUse::Or:
    return barrier.votes != 0;
  case BarrierUse::Sync:
  case BarrierUse::Arrive:
    break;
  }
  return 0;
}

void fpmoe::emulator::useBarrier(const Site &site, uint64_t id, uint64_t count,
                                 bool aligned, BarrierUse use, bool predicate,
                                 uint64_t *result) {
  Launch &launch = *Launch::active;
  Thread &thread = *launch.current;
  if (id >= 16)
    launch.fail(&site, "barrier " + Twine(id) + ": there are 16");
  if (count % 32 && count != launch.blockThreads())
    launch.fail(&site, "barrier " + Twine(id) + " for " + Twine(count) +
                           " threads, which is no multiple of 32");
  if (count > (launch.blockThreads() + 31) / 32 * 32)
    launch.fail(&site, "barrier " + Twine(id) + " for " + Twine(count) +
                           " threads, and the block has " +
                           Twine(launch.blockThreads()));
  BlockBarrier &barrier = launch.block().barriers[id];
  if (barrier.expected && barrier.expected != count)
    launch.fail(&site, "barrier " + Twine(id) + " for " + Twine(count) +
                           " threads, and others came to it for " +
                           Twine(barrier.expected));
  if (!barrier.expected)
    barrier.aligned = true;
  barrier.expected = count;
  barrier.aligned &= aligned;
  ++barrier.arrived;
  barrier.votes += predicate;
  barrier.lanes[thread.warpInBlock()] |= 1u << thread.lane();
  barrier.clock.publish(thread.view);
  launch.tick();
  if (barrier.arrived < barrier.expected) {
    if (use == BarrierUse::Arrive)
      return;
    barrier.waiting.push_back({&thread, result});
    launch.wait("barrier " + std::to_string(id) + " for " +
                    std::to_string(count) + " threads",
                &site);
    return;
  }
  checkWholeWarps(site, launch, barrier, id);
  if (use != BarrierUse::Arrive)
    barrier.waiting.push_back({&thread, result});
  for (auto [waiter, to] : barrier.waiting) {
    barrier.clock.acquire(waiter->view);
    if (to)
      *to = countVotes(barrier, use);
    launch.wake(*waiter);
  }
  size_t warps = barrier.lanes.size();
  barrier = {};
  barrier.lanes.resize(warps);
  launch.progress();
}

// --- Operations of a warp

void fpmoe::emulator::meetInWarp(const Site &site, uint32_t mask, bool aligned,
                                 const uint64_t *in, uint64_t *out,
                                 void (*compute)(WarpOperation &)) {
  Launch &launch = *Launch::active;
  Thread &thread = *launch.current;
  Warp &warp = launch.warp();
  mask &= launch.lanesOf(thread);
  uint32_t self = 1u << thread.lane();
  if (!(mask & self))
    launch.fail(&site, "the thread's own lane is not in the mask");
  auto same = [&](const std::unique_ptr<WarpOperation> &other) {
    return other->site->handler == site.handler &&
           other->site->parameter == site.parameter && other->mask == mask &&
           !(other->arrived & self);
  };
  auto found = llvm::find_if(warp.pending, same);
  if (found == warp.pending.end()) {
    if (warp.unused.empty())
      warp.unused.push_back(std::make_unique<WarpOperation>());
    warp.pending.push_back(std::move(warp.unused.back()));
    warp.unused.pop_back();
    found = std::prev(warp.pending.end());
    (*found)->site = &site;
    (*found)->mask = mask;
    (*found)->arrived = 0;
  }
  WarpOperation &operation = **found;
  if (aligned && operation.site != &site)
    launch.fail(&site, "other lanes of the warp are at another instruction, "
                       "and this one is .aligned: " +
                           operation.site->text);
  operation.arrived |= self;
  operation.in[thread.lane()] = in;
  operation.out[thread.lane()] = out;
  operation.lanes[thread.lane()] = &thread;
  if (operation.arrived != mask) {
    launch.wait("the other lanes of the warp", &site);
    return;
  }
  std::unique_ptr<WarpOperation> whole = std::move(*found);
  warp.pending.erase(found);
  compute(*whole);
  for (unsigned lane = 0; lane < 32; ++lane)
    if (whole->has(lane) && whole->lanes[lane] != &thread)
      launch.wake(*whole->lanes[lane]);
  warp.unused.push_back(std::move(whole));
  launch.progress();
}

// --- Mbarriers

Mbarrier &fpmoe::emulator::mbarrierAt(const Site &site, uint64_t address) {
  Launch &launch = *Launch::active;
  auto found = launch.mbarriers.find(address);
  if (found == launch.mbarriers.end())
    launch.fail(&site, "no mbarrier was initialised at " +
                           launch.device.memory.describe(address));
  // Uses race with its init and with plain writes, not with one another: a
  // read.
  launch.access(address, 8, 8, false, StrongBlock, &site);
  if (*reinterpret_cast<uint64_t *>(address) != ~address)
    launch.fail(&site, "the mbarrier was overwritten, " +
                           launch.device.memory.describe(address));
  return found->second;
}

void fpmoe::emulator::arriveAt(const Site *site, uint64_t address,
                               Mbarrier &barrier, int64_t arrivals,
                               int64_t bytes) {
  Launch &launch = *Launch::active;
  barrier.pending -= arrivals;
  barrier.bytes += bytes;
  if (barrier.pending < 0) {
    std::string message = "more than the " + std::to_string(barrier.count) +
                          " arrivals of a phase, mbarrier at " +
                          launch.device.memory.describe(address);
    if (site)
      launch.fail(site, message);
    launch.failLater(message);
    return;
  }
  launch.progress();
  if (barrier.pending || barrier.bytes)
    return;
  ++barrier.phase;
  barrier.pending = barrier.count;
  barrier.done = barrier.arrived;
  for (Thread *waiter : barrier.waiting)
    launch.wake(*waiter);
  barrier.waiting.clear();
}

// --- Atomic accesses and fences

void fpmoe::emulator::synchronizeAt(const Site &site, uint64_t address) {
  Launch &launch = *Launch::active;
  Thread &thread = *launch.current;
  bool wide = site.strength == StrongDevice;
  LocationClock &location = launch.locations[address];
  SyncClock &near = location.blocks[thread.block];
  if (site.reads && site.acquires) {
    near.acquire(thread.view);
    if (wide)
      location.device.acquire(thread.view);
  } else if (site.reads) {
    thread.foundInBlock.publish(near);
    thread.foundInDevice.publish(near);
    if (wide)
      thread.foundInDevice.publish(location.device);
  }
  if (!site.writes)
    return;
  if (!site.reads) // a plain write ends what earlier ones released
    location = {};
  SyncClock &block = location.blocks[thread.block];
  if (site.releases) {
    block.publish(thread.view);
    if (wide)
      location.device.publish(thread.view);
    launch.tick();
    return;
  }
  block.publish(thread.releasedToBlock);
  if (wide)
    location.device.publish(thread.releasedToDevice);
}

void fpmoe::emulator::fence(const Site &site) {
  Launch &launch = *Launch::active;
  Thread &thread = *launch.current;
  bool wide = site.strength == StrongDevice;
  if (site.acquires)
    (wide ? thread.foundInDevice : thread.foundInBlock).acquire(thread.view);
  if (!site.releases)
    return;
  SyncClock now;
  now.publish(thread.view);
  thread.releasedToBlock = now;
  if (wide)
    thread.releasedToDevice = now;
  launch.tick();
}
