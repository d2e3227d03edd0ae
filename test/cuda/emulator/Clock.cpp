//===- Clock.cpp - vector clocks ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Clock.h"

#include <algorithm>

using namespace fpmoe::emulator;

// All threads that leave a barrier join the same two vectors.
namespace {
struct Memo {
  ClockRef a, b, result;
};
} // namespace
static Memo memos[64];

static bool covers(const ClockVector &a, const ClockVector &b) {
  for (size_t i = 0; i < b.at.size(); ++i)
    if (a.get(i) < b.at[i])
      return false;
  return true;
}

ClockRef fpmoe::emulator::join(const ClockRef &a, const ClockRef &b) {
  if (a == b || !b)
    return a;
  if (!a)
    return b;
  uint64_t hash = reinterpret_cast<uint64_t>(a.get()) / 16 * 31 +
                  reinterpret_cast<uint64_t>(b.get()) / 16;
  Memo &memo = memos[hash % 64];
  if (memo.a == a && memo.b == b)
    return memo.result;
  ClockRef result;
  if (covers(*a, *b)) {
    result = a;
  } else if (covers(*b, *a)) {
    result = b;
  } else {
    result = new ClockVector;
    result->at = a->at;
    result->at.resize(std::max(a->at.size(), b->at.size()));
    for (size_t i = 0; i < b->at.size(); ++i)
      result->at[i] = std::max(result->at[i], b->at[i]);
  }
  memo = {a, b, result};
  return result;
}

ClockRef fpmoe::emulator::join(const ClockRef &a,
                               llvm::ArrayRef<AgentClock> entries) {
  if (entries.empty())
    return a;
  ClockRef result = new ClockVector;
  if (a)
    result->at = a->at;
  for (const AgentClock &entry : entries) {
    if (entry.agent >= result->at.size())
      result->at.resize(entry.agent + 1);
    result->at[entry.agent] = std::max(result->at[entry.agent], entry.clock);
  }
  return result;
}

void View::advance(Agent agent, uint32_t clock) {
  for (AgentClock &entry : own)
    if (entry.agent == agent) {
      entry.clock = std::max(entry.clock, clock);
      return;
    }
  own.push_back({agent, clock});
}

void SyncClock::publish(const View &view) {
  seen = join(seen, view.seen);
  proxied = join(proxied, view.proxied);
  fresh.append(view.own.begin(), view.own.end());
}

void SyncClock::publish(SyncClock &other) {
  other.settle();
  seen = join(seen, other.seen);
  proxied = join(proxied, other.proxied);
}

void SyncClock::settle() {
  seen = join(seen, fresh);
  fresh.clear();
}

void SyncClock::acquire(View &view) {
  settle();
  view.seen = join(view.seen, seen);
  view.proxied = join(view.proxied, proxied);
}
