//===- Memory.cpp - memory of the emulated GPU ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Memory.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

using namespace fpmoe::emulator;

static uint64_t alignUp(uint64_t value, uint64_t to) {
  return (value + to - 1) / to * to;
}

// Address space alone: pages come when they are touched.
static void *reserve(uint64_t bytes) {
  void *at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) {
    std::perror("emulator: cannot reserve address space");
    std::exit(1);
  }
  return at;
}

// Zeroes, without touching whole pages.
static void zero(void *at, uint64_t bytes) {
  uint64_t begin = reinterpret_cast<uint64_t>(at), end = begin + bytes;
  uint64_t first = alignUp(begin, 4096), last = end / 4096 * 4096;
  if (last < first + (1 << 16)) {
    std::memset(at, 0, bytes);
    return;
  }
  std::memset(at, 0, first - begin);
  madvise(reinterpret_cast<void *>(first), last - first, MADV_DONTNEED);
  std::memset(reinterpret_cast<void *>(last), 0, end - last);
}

Memory::Memory() {
  base = alignUp(reinterpret_cast<uint64_t>(reserve(span + windowBytes)),
                 windowBytes);
  next = base + windowBytes;
  states = static_cast<uint8_t *>(reserve(span / 4));
  cells = static_cast<Cell *>(reserve(span / 4 * sizeof(Cell)));
}

Memory::~Memory() {
  munmap(reinterpret_cast<void *>(base), span);
  munmap(states, span / 4);
  munmap(cells, span / 4 * sizeof(Cell));
}

bool Memory::hasState(uint64_t address, uint64_t bytes, unsigned shift) const {
  uint64_t first = address - base, last = first + bytes;
  if (first >= span || bytes > span || last > span)
    return false;
  while (first < last) {
    unsigned from = first % 4;
    unsigned to = std::min<uint64_t>(4, from + (last - first));
    unsigned mask = (0xfu << from & ((1u << to) - 1)) << shift;
    if ((states[first / 4] & mask) != mask)
      return false;
    first += to - from;
  }
  return true;
}

void Memory::setState(uint64_t address, uint64_t bytes, uint8_t on,
                      uint8_t off) {
  uint64_t first = address - base, last = first + bytes;
  while (first < last) {
    if (first % 4 == 0 && last - first >= 4) {
      states[first / 4] = (states[first / 4] & ~off) | on;
      first += 4;
      continue;
    }
    uint8_t byte = 0x11 << first % 4;
    states[first / 4] = (states[first / 4] & ~(off & byte)) | (on & byte);
    ++first;
  }
}

void Memory::clear(uint64_t address, uint64_t bytes) {
  setState(address, bytes, 0, 0xff);
  zero(cell(address), alignUp(bytes, 4) / 4 * sizeof(Cell));
}

uint64_t Memory::allocate(uint64_t bytes, std::string name,
                          uint64_t alignment) {
  uint64_t begin = alignUp(next, std::max<uint64_t>(alignment, 16));
  // A gap behind each allocation: what overruns it is in no other.
  next = begin + alignUp(bytes, 256) + 256;
  if (next - base > span) {
    std::fprintf(stderr, "emulator: its 64 GiB of addresses are used up\n");
    std::exit(1);
  }
  setState(begin, bytes, 0x0f, 0);
  allocations[begin] = {begin, bytes, std::move(name), true};
  return begin;
}

bool Memory::release(uint64_t address) {
  auto found = allocations.find(address);
  if (found == allocations.end() || !found->second.live)
    return false;
  Allocation &dead = found->second;
  dead.live = false;
  clear(dead.begin, dead.size);
  zero(reinterpret_cast<void *>(dead.begin), dead.size);
  return true;
}

uint64_t Memory::sharedWindow(unsigned block, uint64_t bytes) {
  while (windows.size() <= block) {
    std::string name =
        "shared memory of block " + std::to_string(windows.size());
    windows.push_back(allocate(windowBytes - 256, name, windowBytes));
  }
  Allocation &window = allocations[windows[block]];
  clear(window.begin, window.size);
  window.size = bytes;
  setState(window.begin, bytes, 0x0f, 0);
  return window.begin;
}

const Allocation *Memory::find(uint64_t address) const {
  auto after = allocations.upper_bound(address);
  return after == allocations.begin() ? nullptr : &std::prev(after)->second;
}

std::string Memory::describe(uint64_t address) const {
  const Allocation *in = contains(address) ? find(address) : nullptr;
  char text[64];
  if (!in) {
    std::snprintf(text, sizeof text, "address 0x%llx, in no allocation",
                  static_cast<unsigned long long>(address));
    return text;
  }
  uint64_t offset = address - in->begin;
  std::string where = in->name + " + " + std::to_string(offset);
  if (!in->live)
    return where + ", which was freed";
  if (offset >= in->size)
    return where + ", which has " + std::to_string(in->size) + " bytes";
  return where;
}

void Memory::forgetAccesses() {
  for (auto &[begin, allocation] : allocations)
    if (allocation.live)
      zero(cell(begin), alignUp(allocation.size, 4) / 4 * sizeof(Cell));
}
