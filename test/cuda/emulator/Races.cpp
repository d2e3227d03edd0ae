//===- Races.cpp - the race detector ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Races.h"

#include <algorithm>

using namespace fpmoe::emulator;

// In place of an epoch: the index of a list of them, or of a split word.
static constexpr uint64_t splitBit = uint64_t(1) << 32;
static bool isMarked(uint64_t bits) {
  return Epoch(bits).agent() == Epoch::marker;
}
static bool isSplit(uint64_t bits) { return isMarked(bits) && bits & splitBit; }
static uint64_t mark(uint32_t index, uint64_t kind = 0) {
  return uint64_t(Epoch::marker) << 48 | kind | index;
}
static uint32_t indexOf(uint64_t bits) { return static_cast<uint32_t>(bits); }

template <typename T>
static uint32_t take(std::vector<T> &table, std::vector<uint32_t> &unused) {
  if (unused.empty()) {
    table.emplace_back();
    return table.size() - 1;
  }
  uint32_t index = unused.back();
  unused.pop_back();
  return index;
}

void Races::reset() {
  lists.clear();
  freeLists.clear();
  splits.clear();
  freeSplits.clear();
  agents.clear();
}

bool Races::unordered(Epoch before, const Access &access) const {
  if (before.agent() == access.epoch.agent())
    return false;
  Strength both = std::min(before.strength(), access.epoch.strength());
  if (both == StrongDevice ||
      (both == StrongBlock &&
       agents[before.agent()].block == agents[access.epoch.agent()].block))
    return false;
  return access.view->get(before.agent()) < before.clock();
}

// A generic write that no fence.proxy.async has shown to the async proxy.
bool Races::hidden(Epoch before, const Access &access) const {
  return access.asyncProxy && !agents[before.agent()].asyncProxy &&
         access.view->getProxied(before.agent()) < before.clock();
}

std::optional<Race> Races::findRace(uint64_t bits, bool wrote,
                                    const Access &access, uint64_t at) const {
  llvm::ArrayRef<uint64_t> all(bits);
  if (isMarked(bits))
    all = lists[indexOf(bits)];
  for (uint64_t each : all) {
    Epoch before(each);
    if (!each)
      continue;
    if (unordered(before, access))
      return Race{at, before, wrote, false};
    if (wrote && hidden(before, access))
      return Race{at, before, wrote, true};
  }
  return std::nullopt;
}

void Races::clear(uint64_t &bits) {
  if (isMarked(bits)) {
    lists[indexOf(bits)].clear();
    freeLists.push_back(indexOf(bits));
  }
  bits = 0;
}

uint64_t Races::copy(uint64_t bits) {
  if (!isMarked(bits))
    return bits;
  uint32_t index = take(lists, freeLists);
  lists[index] = lists[indexOf(bits)];
  return mark(index);
}

// An access that happens before a later one of its kind needs no memory: what
// is unordered with it is so with the later one too, unless that one is
// stronger.
void Races::add(uint64_t &bits, const Access &access) {
  auto covered = [&](uint64_t each) {
    Epoch before(each);
    return access.epoch.strength() <= before.strength() &&
           (before.agent() == access.epoch.agent() ||
            access.view->get(before.agent()) >= before.clock());
  };
  if (!isMarked(bits)) {
    if (!bits || covered(bits)) {
      bits = access.epoch.bits;
      return;
    }
    uint32_t index = take(lists, freeLists);
    lists[index] = {bits, access.epoch.bits};
    bits = mark(index);
    return;
  }
  List &list = lists[indexOf(bits)];
  for (uint64_t &each : list)
    if (Epoch(each).agent() == access.epoch.agent() && covered(each)) {
      each = access.epoch.bits;
      return;
    }
  if (list.size() >= 8 && (list.size() & (list.size() - 1)) == 0)
    list.erase(std::remove_if(list.begin(), list.end(), covered), list.end());
  list.push_back(access.epoch.bits);
}

std::optional<Race> Races::apply(Cell &cell, const Access &access,
                                 uint64_t at) {
  if (access.write ? cell.write == access.epoch.bits && !cell.read
                   : cell.read == access.epoch.bits)
    return std::nullopt;
  if (auto race = findRace(cell.write, true, access, at))
    return race;
  if (!access.write) {
    add(cell.read, access);
    return std::nullopt;
  }
  if (auto race = findRace(cell.read, false, access, at))
    return race;
  clear(cell.read);
  if (access.epoch.strength() == Weak) {
    clear(cell.write);
    cell.write = access.epoch.bits;
  } else {
    add(cell.write, access);
  }
  return std::nullopt;
}

void Races::split(Cell &cell) {
  uint32_t index = take(splits, freeSplits);
  for (Cell &byte : splits[index].bytes)
    byte = {copy(cell.write), copy(cell.read)};
  clear(cell.read);
  clear(cell.write);
  cell.write = mark(index, splitBit);
}

// A write of the whole word makes one of its bytes.
void Races::unite(Cell &cell) {
  Split &parts = splits[indexOf(cell.write)];
  freeSplits.push_back(indexOf(cell.write));
  cell = parts.bytes[0];
  for (unsigned i = 1; i < 4; ++i) {
    clear(parts.bytes[i].write);
    clear(parts.bytes[i].read);
  }
}

std::optional<Race> Races::record(const Access &access) {
  uint64_t at = access.address, end = at + access.bytes;
  while (at < end) {
    Cell *cell = memory.cell(at);
    bool whole = at % 4 == 0 && end - at >= 4;
    if (whole && !isSplit(cell->write)) {
      if (auto race = apply(*cell, access, at))
        return race;
      at += 4;
      continue;
    }
    if (!isSplit(cell->write))
      split(*cell);
    uint64_t stop = std::min(end, at / 4 * 4 + 4);
    for (; at < stop; ++at)
      if (auto race =
              apply(splits[indexOf(cell->write)].bytes[at % 4], access, at))
        return race;
    if (whole && access.write)
      unite(*cell);
  }
  return std::nullopt;
}
