//===- Launch.h - one run of a kernel ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One run of a kernel: all blocks of the grid at once, each thread a fibre,
// under a scheduler that draws at random whom it lets go on.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TEST_CUDA_EMULATOR_LAUNCH_H
#define FPMOE_TEST_CUDA_EMULATOR_LAUNCH_H

#include "Async.h"
#include "Device.h"
#include "Fiber.h"
#include "Sync.h"
#include <random>

namespace fpmoe::emulator {

// What the translator knows of an instruction that calls the emulator.
struct Site;

// A matrix product of a warpgroup that its threads have not waited for.
struct Product {
  const Site *site;
  uint32_t group; // counted from 1
};

struct Thread {
  unsigned index; // in the grid
  unsigned block, inBlock;
  Dim3 id;
  Context context;
  enum State { Ready, Blocked, Finished } state = Ready;
  std::string waitsFor; // while blocked
  uint64_t waitsAt = 0; // the mbarrier, if it is one
  const Site *at = nullptr;

  View view;
  // What its last release fences have released, and what relaxed reads have
  // found for an acquire fence to come; by scope.
  SyncClock releasedToBlock, releasedToDevice;
  SyncClock foundInBlock, foundInDevice;

  CopyQueue copies;
  uint64_t oldValue = 0; // what an atomic access found

  std::vector<Product> products;
  uint32_t committed = 0;       // groups of products
  bool registersWritten = true; // since the last wgmma.fence

  Agent agent() const { return index; }
  unsigned lane() const { return inBlock % 32; }
  unsigned warpInBlock() const { return inBlock / 32; }
  uint32_t clock() const { return view.own.front().clock; }
};

struct Block {
  uint64_t shared; // its window
  std::vector<BlockBarrier> barriers{16};
};

struct Warp {
  uint32_t ready = 0; // lanes
  std::vector<std::unique_ptr<WarpOperation>> pending, unused;
  Agent productAgent = 0; // 0: none yet
};

class Launch {
public:
  Launch(Device &device, const Kernel &kernel, const LaunchConfig &config,
         void **arguments);
  // The first fault, or success.
  llvm::Error run();

  Device &device;
  const Kernel &kernel;
  const LaunchConfig config;
  std::vector<Thread> threads;
  std::vector<Block> blocks;
  std::vector<Warp> warps;
  std::map<uint64_t, Mbarrier> mbarriers;
  std::map<uint64_t, LocationClock> locations;
  BulkCopies bulk;
  Thread *current = nullptr;
  uint64_t steps = 0; // how often a thread was let run

  Block &block() { return blocks[current->block]; }
  unsigned blockThreads() const { return config.block.count(); }
  unsigned blockWarps() const { return (blockThreads() + 31) / 32; }
  Warp &warp() { return warpOf(*current); }
  Warp &warpOf(const Thread &thread) {
    return warps[thread.block * blockWarps() + thread.warpInBlock()];
  }
  // The lanes of its warp that exist.
  uint32_t lanesOf(const Thread &thread) const;

  // --- For what runs on a fibre
  // Lets others run; `polls` where it is a try that may go on for ever.
  void yield(bool polls, const Site *site);
  void wait(std::string waitsFor, const Site *site);
  void wake(Thread &thread);
  // The current thread's accesses so far come before those to come.
  void tick() { tick(*current); }
  void tick(Thread &thread);
  [[noreturn]] void fail(const Site *site, const llvm::Twine &message);
  // From the scheduler, where no thread is to blame.
  void failLater(const llvm::Twine &message);
  void progress() { idlePolls = 0; }

  // --- Accesses
  void access(uint64_t address, uint64_t bytes, uint64_t alignment, bool write,
              Strength strength, const Site *site);
  // Of an agent that works for the current thread.
  void agentAccess(AgentClock agent, uint64_t address, uint64_t bytes,
                   bool write, const Site *site);
  Agent newAgent(bool asyncProxy, const Site *site);
  // The agent works for the current thread from now on.
  void nameAgentOf(Agent agent, const Site &site);
  void checkBounds(uint64_t address, uint64_t bytes, uint64_t alignment,
                   bool write, const Site *site);
  // Nanoseconds since the launch, of no real clock.
  uint64_t time() const { return steps * 10; }
  uint64_t random(uint64_t below) { return draw() % below; }

  static Launch *active;

private:
  void record(uint64_t address, uint64_t bytes, bool write, Epoch epoch,
              bool asyncProxy, const Site *site);
  void prepare();
  void runWarp(unsigned index);
  bool settleCopies();
  std::string nameAgent(Agent agent) const;
  std::string describeWaits() const;
  static void fiberMain();

  void **arguments;
  std::string error;
  Context scheduler;
  std::mt19937_64 draw;
  std::vector<unsigned> readyWarps;
  std::vector<bool> listed;
  unsigned live = 0;
  uint64_t idlePolls = 0;
  std::vector<std::string> agentNames; // those that are no threads
};

} // namespace fpmoe::emulator

#endif
