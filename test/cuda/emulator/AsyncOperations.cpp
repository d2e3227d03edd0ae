//===- AsyncOperations.cpp - cp.async and bulk copies ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// cp.async and bulk copies. PTX ISA, "Data Movement and Conversion
// Instructions: Asynchronous copy"; what goes through which proxy: its "Async
// proxy".
//
//===----------------------------------------------------------------------===//

#include "Launch.h"
#include "Operations.h"

#include "llvm/ADT/Twine.h"
#include <cstring>

using namespace llvm;
using namespace fpmoe::emulator;

static void checkInBlock(const Site &site, Launch &launch, uint64_t address) {
  if (address - launch.block().shared >= Memory::windowBytes)
    launch.fail(&site, "no shared memory of the block: " +
                           launch.device.memory.describe(address));
}

static void carryOut(Memory &memory, uint64_t to, uint64_t from, uint64_t bytes,
                     uint64_t zeros) {
  std::memcpy(reinterpret_cast<void *>(to),
              reinterpret_cast<const void *>(from), bytes);
  std::memset(reinterpret_cast<void *>(to + bytes), 0, zeros);
  memory.markWritten(to, bytes + zeros);
}

void fpmoe::emulator::runCopies(Launch &launch, Thread &thread, uint32_t upTo) {
  CopyQueue &queue = thread.copies;
  while (!queue.pending.empty() && queue.pending.front().clock <= upTo) {
    Copy copy = queue.pending.front();
    queue.pending.pop_front();
    if (!copy.mbarrier) {
      carryOut(launch.device.memory, copy.to, copy.from, copy.bytes,
               copy.zeros);
      continue;
    }
    Mbarrier &barrier = launch.mbarriers[copy.mbarrier];
    barrier.arrived.publish(AgentClock{queue.agent, copy.clock});
    arriveAt(nullptr, copy.mbarrier, barrier, 1, 0);
  }
}

void fpmoe::emulator::runBulkCopy(Launch &launch, size_t index) {
  BulkCopy copy = launch.bulk.pending[index];
  launch.bulk.pending.erase(launch.bulk.pending.begin() + index);
  launch.bulk.idle.push_back({copy.agent.agent, copy.agent.clock + 1});
  carryOut(launch.device.memory, copy.to, copy.from, copy.bytes, 0);
  Mbarrier &barrier = launch.mbarriers[copy.mbarrier];
  barrier.arrived.publish(copy.agent);
  arriveAt(nullptr, copy.mbarrier, barrier, 0, -int64_t(copy.bytes));
}

static CopyQueue &queueOf(const Site &site, Launch &launch) {
  CopyQueue &queue = launch.current->copies;
  if (!queue.agent)
    queue.agent = launch.newAgent(/*asyncProxy=*/false, &site);
  return queue;
}

static void add(Launch &launch, CopyQueue &queue, const Copy &copy) {
  queue.pending.push_back(copy);
  if (launch.config.copies == Copies::Eager)
    runCopies(launch, *launch.current, copy.clock);
}

// Destination, source and, in the form ".s", how many bytes to read.
static void copyAsync(const Site &site, const uint64_t *in, uint64_t *) {
  Launch &launch = *Launch::active;
  CopyQueue &queue = queueOf(site, launch);
  uint64_t size = site.parameter;
  uint64_t bytes = site.operands == 3 ? in[2] : size;
  if (bytes > size)
    launch.fail(&site, "copies " + Twine(bytes) + " bytes of " + Twine(size));
  checkInBlock(site, launch, in[0]);
  launch.checkBounds(in[0], size, size, true, &site);
  launch.agentAccess({queue.agent, queue.clock}, in[0], size, true, &site);
  if (bytes) {
    launch.checkBounds(in[1], bytes, size, false, &site);
    launch.agentAccess({queue.agent, queue.clock}, in[1], bytes, false, &site);
  }
  add(launch, queue, {in[0], in[1], bytes, size - bytes, 0, queue.clock});
}

static void commitGroup(const Site &site, const uint64_t *, uint64_t *) {
  CopyQueue &queue = queueOf(site, *Launch::active);
  queue.groups.push_back(queue.clock++);
}

static void waitGroup(const Site &site, const uint64_t *in, uint64_t *) {
  Launch &launch = *Launch::active;
  CopyQueue &queue = queueOf(site, launch);
  while (queue.groups.size() > in[0]) {
    uint32_t clock = queue.groups.front();
    queue.groups.pop_front();
    runCopies(launch, *launch.current, clock);
    launch.current->view.advance(queue.agent, clock);
  }
}

static void waitAll(const Site &site, const uint64_t *, uint64_t *) {
  Launch &launch = *Launch::active;
  CopyQueue &queue = queueOf(site, launch);
  queue.groups.clear();
  runCopies(launch, *launch.current, queue.clock);
  launch.current->view.advance(queue.agent, queue.clock++);
}

// Without .noinc, the phase waits for one more arrival: this one.
static void arriveAfterCopies(const Site &site, const uint64_t *in,
                              uint64_t *) {
  Launch &launch = *Launch::active;
  CopyQueue &queue = queueOf(site, launch);
  Mbarrier &barrier = mbarrierAt(site, in[0]);
  bool noIncrement = site.parameter;
  if (!noIncrement)
    ++barrier.pending;
  add(launch, queue, {0, 0, 0, 0, in[0], queue.clock++});
}

// Destination, mbarrier, source, bytes; then, for a cluster, the mask of its
// blocks; cache hint; flags of which are used.
static void copyBulk(const Site &site, const uint64_t *in, uint64_t *) {
  Launch &launch = *Launch::active;
  bool toCluster = site.parameter;
  if (toCluster && in[6])
    launch.fail(&site, "copies to several blocks of a cluster are not "
                       "modelled");
  uint64_t to = in[0], mbarrier = in[1], from = in[2], bytes = in[3];
  checkInBlock(site, launch, to);
  if (bytes % 16 || bytes == 0)
    launch.fail(&site, "a bulk copy of " + Twine(bytes) +
                           " bytes, which is no multiple of 16");
  launch.checkBounds(to, bytes, 16, true, &site);
  launch.checkBounds(from, bytes, 16, false, &site);
  mbarrierAt(site, mbarrier);
  std::deque<AgentClock> &idle = launch.bulk.idle;
  AgentClock agent;
  if (idle.size() < 32) {
    agent = {launch.newAgent(/*asyncProxy=*/true, &site), 1};
  } else {
    agent = idle.front();
    idle.pop_front();
  }
  launch.nameAgentOf(agent.agent, site);
  launch.agentAccess(agent, from, bytes, false, &site);
  launch.agentAccess(agent, to, bytes, true, &site);
  launch.bulk.pending.push_back({to, from, bytes, mbarrier, agent});
  if (launch.config.copies == Copies::Eager)
    runBulkCopy(launch, launch.bulk.pending.size() - 1);
}

static void prefetchBulk(const Site &site, const uint64_t *in, uint64_t *) {
  Launch &launch = *Launch::active;
  if (in[1] % 16)
    launch.fail(&site, "a bulk prefetch of " + Twine(in[1]) +
                           " bytes, which is no multiple of 16");
  launch.checkBounds(in[0], in[1], 16, false, &site);
}

static const Operation operations[] = {
    {"cp.async.ca.shared.global.4", copyAsync, 4, 80},
    {"cp.async.ca.shared.global.8", copyAsync, 8, 80},
    {"cp.async.ca.shared.global.16", copyAsync, 16, 80},
    {"cp.async.cg.shared.global.16", copyAsync, 16, 80},
    {"cp.async.ca.shared.global.4.s", copyAsync, 4, 80},
    {"cp.async.ca.shared.global.8.s", copyAsync, 8, 80},
    {"cp.async.ca.shared.global.16.s", copyAsync, 16, 80},
    {"cp.async.cg.shared.global.16.s", copyAsync, 16, 80},
    {"cp.async.commit.group", commitGroup, 0, 80},
    {"cp.async.wait.group", waitGroup, 0, 80},
    {"cp.async.wait.all", waitAll, 0, 80},
    {"cp.async.mbarrier.arrive", arriveAfterCopies, 0, 80},
    {"cp.async.mbarrier.arrive.shared", arriveAfterCopies, 0, 80},
    {"cp.async.mbarrier.arrive.noinc", arriveAfterCopies, 1, 80},
    {"cp.async.mbarrier.arrive.noinc.shared", arriveAfterCopies, 1, 80},
    {"cp.async.bulk.global.to.shared.cluster", copyBulk, 1, 90},
    {"cp.async.bulk.global.to.shared.cta", copyBulk, 0, 90},
    {"cp.async.bulk.prefetch.L2", prefetchBulk, 0, 90},
};

ArrayRef<Operation> fpmoe::emulator::asyncOperations() { return operations; }
