//===- Launch.cpp - one run of a kernel ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Launch.h"
#include "Site.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"

using namespace llvm;
using namespace fpmoe::emulator;

Launch *Launch::active = nullptr;

Launch::Launch(Device &device, const Kernel &kernel, const LaunchConfig &config,
               void **arguments)
    : device(device), kernel(kernel), config(config), arguments(arguments),
      draw(config.seed * 0x9e3779b97f4a7c15u + 1) {}

static Dim3 position(uint64_t index, Dim3 in) {
  return {unsigned(index % in.x), unsigned(index / in.x % in.y),
          unsigned(index / in.x / in.y)};
}

void Launch::prepare() {
  uint64_t perBlock = blockThreads(), blockCount = config.grid.count();
  device.memory.forgetAccesses();
  device.races.reset();
  blocks.resize(blockCount);
  warps.resize(blockCount * blockWarps());
  listed.resize(warps.size());
  threads = std::vector<Thread>(blockCount * perBlock);
  live = threads.size();
  uint64_t shared = kernel.staticSharedBytes + config.sharedBytes;
  for (auto [index, block] : enumerate(blocks)) {
    block.shared = device.memory.sharedWindow(index, shared);
    for (BlockBarrier &barrier : block.barriers)
      barrier.lanes.resize(blockWarps());
  }
  for (auto [index, thread] : enumerate(threads)) {
    thread.index = index;
    thread.block = index / perBlock;
    thread.inBlock = index % perBlock;
    thread.id = position(thread.inBlock, config.block);
    thread.view.own.push_back({thread.agent(), 1});
    device.races.agents.push_back({thread.block, false});
    prepareFiber(thread.context, device.stacks.get(index), Stacks::bytes,
                 fiberMain);
    thread.state = Thread::Blocked;
    wake(thread);
  }
}

void Launch::fiberMain() {
  enterFiber();
  Launch *launch = active;
  launch->kernel.entry(launch->arguments);
  Thread &thread = *launch->current;
  thread.state = Thread::Finished;
  --launch->live;
  launch->progress();
  launch->warpOf(thread).ready &= ~(1u << thread.lane());
  for (;;)
    switchContext(thread.context, launch->scheduler);
}

uint32_t Launch::lanesOf(const Thread &thread) const {
  unsigned left = blockThreads() - thread.warpInBlock() * 32;
  return left >= 32 ? ~0u : (1u << left) - 1;
}

void Launch::yield(bool polls, const Site *site) {
  Thread &thread = *current;
  if (polls) {
    ++idlePolls;
    thread.at = site;
  } else {
    progress();
  }
  switchContext(thread.context, scheduler);
}

void Launch::wait(std::string waitsFor, const Site *site) {
  Thread &thread = *current;
  thread.waitsFor = std::move(waitsFor);
  thread.at = site;
  thread.state = Thread::Blocked;
  warpOf(thread).ready &= ~(1u << thread.lane());
  while (thread.state == Thread::Blocked)
    switchContext(thread.context, scheduler);
  thread.waitsFor.clear();
}

void Launch::wake(Thread &thread) {
  if (thread.state != Thread::Blocked)
    return;
  thread.state = Thread::Ready;
  warpOf(thread).ready |= 1u << thread.lane();
  progress();
  unsigned warp = thread.block * blockWarps() + thread.warpInBlock();
  if (!listed[warp]) {
    listed[warp] = true;
    readyWarps.push_back(warp);
  }
}

void Launch::tick(Thread &thread) {
  if (++thread.view.own.front().clock > Epoch::maxClock)
    fail(thread.at, "the race detector's clocks are used up");
}

static std::string nameThread(const Thread &thread) {
  return ("block " + Twine(thread.block) + " thread " + Twine(thread.inBlock))
      .str();
}

static std::string nameSite(const Site &site) {
  return site.function + ": " + site.text;
}

void Launch::failLater(const Twine &message) {
  if (error.empty())
    error = message.str();
}

void Launch::fail(const Site *site, const Twine &message) {
  std::string where = " (" + nameThread(*current);
  if (site)
    where += ", " + nameSite(*site);
  failLater(message + where + ")");
  for (;;)
    switchContext(current->context, scheduler);
}

std::string Launch::nameAgent(Agent agent) const {
  return agent < threads.size() ? nameThread(threads[agent])
                                : agentNames[agent - threads.size()];
}

Agent Launch::newAgent(bool asyncProxy, const Site *site) {
  size_t agent = device.races.agents.size();
  if (agent >= Epoch::marker)
    fail(site, "more threads and asynchronous operations than the race "
               "detector can tell apart");
  device.races.agents.push_back({current->block, asyncProxy});
  agentNames.emplace_back();
  nameAgentOf(agent, *site);
  return agent;
}

void Launch::nameAgentOf(Agent agent, const Site &site) {
  device.races.agents[agent].block = current->block;
  agentNames[agent - threads.size()] =
      site.mnemonic + " of " + nameThread(*current);
}

// A round of a warp: its lanes that can go on, from a random one on.
void Launch::runWarp(unsigned index) {
  unsigned start = random(32);
  for (unsigned i = 0; i < 32 && error.empty(); ++i) {
    unsigned lane = (start + i) % 32;
    if (!(warps[index].ready >> lane & 1))
      continue;
    unsigned block = index / blockWarps();
    current = &threads[uint64_t(block) * blockThreads() +
                       index % blockWarps() * 32 + lane];
    ++steps;
    switchContext(scheduler, current->context);
  }
}

// Carries out one asynchronous copy, or one thread's, if there is any.
bool Launch::settleCopies() {
  std::vector<Thread *> queues;
  for (Thread &thread : threads)
    if (!thread.copies.pending.empty())
      queues.push_back(&thread);
  size_t all = queues.size() + bulk.pending.size();
  if (all == 0)
    return false;
  size_t chosen = random(all);
  progress();
  if (chosen < bulk.pending.size())
    runBulkCopy(*this, chosen);
  else {
    Thread &thread = *queues[chosen - bulk.pending.size()];
    runCopies(*this, thread, thread.copies.pending.front().clock);
  }
  return true;
}

std::string Launch::describeWaits() const {
  // Threads of a block that wait for the same are told of together.
  std::string text;
  std::map<std::pair<unsigned, std::string>, std::vector<unsigned>> groups;
  for (const Thread &thread : threads) {
    if (thread.state == Thread::Finished)
      continue;
    std::string waits =
        thread.state == Thread::Blocked ? thread.waitsFor : "polls";
    if (auto at = mbarriers.find(thread.waitsAt); at != mbarriers.end())
      waits += ", which misses " + std::to_string(at->second.pending) +
               " arrivals and " + std::to_string(at->second.bytes) + " bytes";
    if (thread.at)
      waits += " (" + nameSite(*thread.at) + ")";
    groups[{thread.block, waits}].push_back(thread.inBlock);
  }
  for (const auto &[key, members] : groups) {
    text += "\n  block " + std::to_string(key.first) + " thread";
    text += members.size() > 1 ? "s " : " ";
    for (size_t i = 0; i < members.size();) {
      size_t end = i + 1;
      while (end < members.size() && members[end] == members[end - 1] + 1)
        ++end;
      text += (i ? "," : "") + std::to_string(members[i]);
      if (end - i > 1)
        text += "-" + std::to_string(members[end - 1]);
      i = end;
    }
    text += ": " + key.second;
  }
  return text;
}

Error Launch::run() {
  if (config.grid.count() * blockThreads() > 30000)
    return createStringError("a grid of " + Twine(config.grid.count()) +
                             " blocks of " + Twine(blockThreads()) +
                             " threads is too large for the emulator: it runs "
                             "30000 threads at once");
  active = this;
  prepare();
  // A poll is hopeless once all have polled many times with nothing between.
  const uint64_t hopeless = 200 * uint64_t(threads.size()) + 10000;
  while (live && error.empty()) {
    if (config.copies == Copies::Random && random(4) == 0)
      settleCopies();
    if (readyWarps.empty() || idlePolls > 4 * live + 64) {
      bool settled = settleCopies();
      if (!settled && (readyWarps.empty() || idlePolls > hopeless)) {
        failLater("deadlock:" + describeWaits());
        break;
      }
      if (readyWarps.empty())
        continue;
    }
    size_t chosen = random(readyWarps.size());
    unsigned warp = readyWarps[chosen];
    // Some run far ahead of the others.
    unsigned rounds = 1 + random(random(8) == 0 ? 256 : 8);
    while (rounds-- && warps[warp].ready && error.empty())
      runWarp(warp);
    if (!warps[warp].ready) {
      listed[warp] = false;
      readyWarps.erase(llvm::find(readyWarps, warp));
    }
  }
  while (error.empty() && settleCopies())
    ;
  active = nullptr;
  if (error.empty())
    return Error::success();
  return createStringError(error);
}

void Launch::checkBounds(uint64_t address, uint64_t bytes, uint64_t alignment,
                         bool write, const Site *site) {
  const Memory &memory = device.memory;
  const char *what = write ? "write" : "read";
  if (address % alignment)
    fail(site, "misaligned " + Twine(what) + " of " + Twine(bytes) +
                   " bytes at " + memory.describe(address) +
                   ": the address is no multiple of " + Twine(alignment));
  if (!memory.isAllocated(address, bytes))
    fail(site, "out of bounds: " + Twine(what) + " of " + Twine(bytes) +
                   " bytes at " + memory.describe(address));
}

void Launch::record(uint64_t address, uint64_t bytes, bool write, Epoch epoch,
                    bool asyncProxy, const Site *site) {
  auto race = device.races.record(
      {address, bytes, write, asyncProxy, epoch, &current->view});
  if (!race)
    return;
  const Site &before = *device.sites[race->before.site()];
  std::string who =
      epoch.agent() < threads.size() ? "" : " by " + nameAgent(epoch.agent());
  std::string what = (Twine(race->proxyAlone ? "race of proxies: " : "race: ") +
                      (write ? "write" : "read") + who + " at " +
                      device.memory.describe(race->address) +
                      (race->proxyAlone ? " without a fence.proxy.async after"
                                        : " is not ordered with") +
                      " the " + (race->wrote ? "write" : "read") + " by " +
                      nameAgent(race->before.agent()) + ", " + nameSite(before))
                         .str();
  fail(site, what);
}

void Launch::access(uint64_t address, uint64_t bytes, uint64_t alignment,
                    bool write, Strength strength, const Site *site) {
  // What is in no arena may lie on the thread's own stack: local memory.
  if (!device.memory.contains(address) &&
      device.stacks.holds(current->index, address))
    return;
  bool ready = device.memory.isReady(address, bytes);
  if (!ready || address % alignment)
    checkBounds(address, bytes, alignment, write, site);
  if (device.options.checkRaces)
    record(address, bytes, write,
           Epoch(current->agent(), current->clock(), strength, site->id), false,
           site);
  if (ready)
    return;
  if (write)
    device.memory.markWritten(address, bytes);
  else if (device.options.checkUnwritten &&
           !device.memory.isWritten(address, bytes))
    fail(site, "read of " + Twine(bytes) + " bytes that were never written, " +
                   device.memory.describe(address));
}

void Launch::agentAccess(AgentClock agent, uint64_t address, uint64_t bytes,
                         bool write, const Site *site) {
  if (device.options.checkRaces)
    record(address, bytes, write,
           Epoch(agent.agent, agent.clock, Weak, site->id),
           device.races.agents[agent.agent].asyncProxy, site);
  if (!write && device.options.checkUnwritten &&
      !device.memory.isWritten(address, bytes))
    fail(site, "read of " + Twine(bytes) + " bytes that were never written, " +
                   device.memory.describe(address));
}
