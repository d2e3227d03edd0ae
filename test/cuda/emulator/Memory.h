//===- Memory.h - memory of the emulated GPU ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The memory of the emulated GPU: one arena of host addresses that holds
// device, pinned and shared memory, with two shadows. The state shadow has a
// byte for each word of four bytes: which of its bytes are allocated (low
// nibble) and which were ever written (high nibble). The cell shadow has what
// the race detector knows of the word.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TEST_CUDA_EMULATOR_MEMORY_H
#define FPMOE_TEST_CUDA_EMULATOR_MEMORY_H

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace fpmoe::emulator {

// The last accesses to a word; see Races.h for the encoding. Zero is none.
struct Cell {
  uint64_t write;
  uint64_t read;
};

struct Allocation {
  uint64_t begin = 0, size = 0;
  std::string name;
  bool live = true;
  bool isHosts = false; // the host may write there at any time
};

class Memory {
public:
  Memory();
  ~Memory();
  Memory(const Memory &) = delete;

  // Addresses are never used twice, so that a stale pointer is always seen.
  uint64_t allocate(uint64_t bytes, std::string name, uint64_t alignment = 256);
  // Whether `address` began a live allocation.
  bool release(uint64_t address);
  // A block's window of shared memory, whose first `bytes` are allocated and
  // unwritten. Windows are aligned to their size: the low 18 bits of an address
  // are its offset, as in matrix descriptors.
  uint64_t sharedWindow(unsigned block, uint64_t bytes);
  static constexpr uint64_t windowBytes = 1 << 18;

  bool contains(uint64_t address) const { return address - base < span; }
  // Whole words, allocated and written: what nearly all reads are of.
  bool isReady(uint64_t address, uint64_t bytes) const {
    uint64_t offset = address - base;
    if (offset >= span || (offset | bytes) % 4)
      return false;
    const uint8_t *state = states + offset / 4;
    for (uint64_t i = 0; i < bytes / 4; ++i)
      if (state[i] != 0xff)
        return false;
    return true;
  }
  // All bytes lie in one live allocation.
  bool isAllocated(uint64_t address, uint64_t bytes) const {
    return hasState(address, bytes, 0);
  }
  bool isWritten(uint64_t address, uint64_t bytes) const {
    return hasState(address, bytes, 4);
  }
  // Of an allocation that the host has, too.
  void shareWithHost(uint64_t address) { allocations[address].isHosts = true; }
  bool isHosts(uint64_t address) const {
    const Allocation *in = contains(address) ? find(address) : nullptr;
    return in && in->isHosts;
  }
  void markWritten(uint64_t address, uint64_t bytes) {
    setState(address, bytes, 0xf0, 0);
  }
  void markUnwritten(uint64_t address, uint64_t bytes) {
    setState(address, bytes, 0, 0xf0);
  }
  Cell *cell(uint64_t address) { return cells + (address - base) / 4; }

  // The allocation that holds the address, or the closest one before it.
  const Allocation *find(uint64_t address) const;
  // "buffer 'x' + 12", or how far the address lies from it.
  std::string describe(uint64_t address) const;
  // Forget the accesses to everything: a launch sees all earlier ones.
  void forgetAccesses();

private:
  bool hasState(uint64_t address, uint64_t bytes, unsigned shift) const;
  void setState(uint64_t address, uint64_t bytes, uint8_t on, uint8_t off);
  void clear(uint64_t address, uint64_t bytes);

  static constexpr uint64_t span = uint64_t(64) << 30;
  uint64_t base, next;
  uint8_t *states;
  Cell *cells;
  std::map<uint64_t, Allocation> allocations;
  std::vector<uint64_t> windows;
};

} // namespace fpmoe::emulator

#endif
