//===- Hooks.cpp - what translated kernels call ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Hooks.h"
#include "Launch.h"

#include <cstring>
#include <sched.h>

using namespace fpmoe::emulator;

void hooks::load(uint64_t address, const Site *site) {
  Launch::active->access(address, site->bytes, site->alignment, false, Weak,
                         site);
}

void hooks::store(uint64_t address, const Site *site) {
  Launch::active->access(address, site->bytes, site->alignment, true, Weak,
                         site);
}

static uint64_t contents(uint64_t address, const Site *site) {
  uint64_t value = 0;
  std::memcpy(&value, reinterpret_cast<const void *>(address),
              std::min<uint64_t>(site->bytes, 8));
  return value;
}

void hooks::atomicAccess(uint64_t address, const Site *site) {
  Launch &launch = *Launch::active;
  // A load, or what fails to change a value, may be tried for ever; but the
  // host may answer.
  bool isHosts = site->reads && launch.device.memory.isHosts(address);
  if (isHosts)
    sched_yield();
  launch.yield(/*polls=*/site->reads && !isHosts, site);
  if (!launch.device.memory.contains(address) &&
      launch.device.stacks.holds(launch.current->index, address))
    return;
  if (site->reads)
    launch.access(address, site->bytes, site->alignment, false, site->strength,
                  site);
  if (site->writes)
    launch.access(address, site->bytes, site->alignment, true, site->strength,
                  site);
  synchronizeAt(*site, address);
  if (site->reads && site->writes)
    launch.current->oldValue = contents(address, site);
}

void hooks::atomicDone(uint64_t address, const Site *site) {
  Launch &launch = *Launch::active;
  if (contents(address, site) != launch.current->oldValue)
    launch.progress();
}

void hooks::fence(const Site *site) { emulator::fence(*site); }

void hooks::copy(uint64_t to, uint64_t from, uint64_t bytes, const Site *site) {
  if (bytes == 0)
    return;
  Launch::active->access(from, bytes, 1, false, Weak, site);
  Launch::active->access(to, bytes, 1, true, Weak, site);
  std::memmove(reinterpret_cast<void *>(to),
               reinterpret_cast<const void *>(from), bytes);
}

void hooks::fill(uint64_t to, uint64_t value, uint64_t bytes,
                 const Site *site) {
  if (bytes == 0)
    return;
  Launch::active->access(to, bytes, 1, true, Weak, site);
  std::memset(reinterpret_cast<void *>(to), int(value), bytes);
}
