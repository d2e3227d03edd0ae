//===- Races.h - the race detector ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The race detector: FastTrack (Flanagan and Freund, 2009) over words of four
// bytes, which are split to bytes where accesses are smaller. A word remembers
// its last weak write, the strong ones since, and the reads since that no other
// read follows.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TEST_CUDA_EMULATOR_RACES_H
#define FPMOE_TEST_CUDA_EMULATOR_RACES_H

#include "Clock.h"
#include "Memory.h"
#include <optional>

namespace fpmoe::emulator {

// How strong an access is, in the words of the PTX memory model: two strong
// ones whose scopes hold both threads are no race.
enum Strength : unsigned { Weak, StrongBlock, StrongDevice };

// An access in 64 bits: agent 16, clock 26, strength 2, site 20.
struct Epoch {
  static constexpr Agent marker = 0xffff; // no agent: an index into a table
  static constexpr uint32_t maxClock = (1u << 26) - 1;
  static constexpr uint32_t maxSite = (1u << 20) - 1;

  uint64_t bits = 0;
  Epoch() = default;
  explicit Epoch(uint64_t bits) : bits(bits) {}
  Epoch(Agent agent, uint32_t clock, Strength strength, uint32_t site)
      : bits(uint64_t(agent) << 48 | uint64_t(clock) << 22 |
             uint64_t(strength) << 20 | site) {}
  Agent agent() const { return bits >> 48; }
  uint32_t clock() const { return bits >> 22 & maxClock; }
  Strength strength() const { return Strength(bits >> 20 & 3); }
  uint32_t site() const { return bits & maxSite; }
};

struct Race {
  uint64_t address;
  Epoch before;    // the access that was there
  bool wrote;      // ... was a write
  bool proxyAlone; // ordered, but for a fence.proxy.async
};

class Races {
public:
  explicit Races(Memory &memory) : memory(memory) {}

  struct AgentInfo {
    uint32_t block;  // for strong accesses of the scope of a block
    bool asyncProxy; // its accesses are of the async proxy
  };
  std::vector<AgentInfo> agents;

  struct Access {
    uint64_t address, bytes;
    bool write;
    bool asyncProxy; // sees only what a fence.proxy.async has shown
    Epoch epoch;
    const View *view;
  };
  std::optional<Race> record(const Access &access);
  void reset();

private:
  struct Split {
    Cell bytes[4];
  };
  using List = std::vector<uint64_t>; // of epochs
  bool unordered(Epoch before, const Access &access) const;
  bool hidden(Epoch before, const Access &access) const;
  std::optional<Race> findRace(uint64_t bits, bool wrote, const Access &access,
                               uint64_t at) const;
  std::optional<Race> apply(Cell &cell, const Access &access, uint64_t at);
  void add(uint64_t &bits, const Access &access);
  void clear(uint64_t &bits);
  uint64_t copy(uint64_t bits);
  void split(Cell &cell);
  void unite(Cell &cell);

  Memory &memory;
  std::vector<List> lists;
  std::vector<uint32_t> freeLists;
  std::vector<Split> splits;
  std::vector<uint32_t> freeSplits;
};

} // namespace fpmoe::emulator

#endif
