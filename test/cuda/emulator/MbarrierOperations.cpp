//===- MbarrierOperations.cpp - mbarriers ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Mbarriers in shared memory. PTX ISA, "mbarrier". The eight bytes in memory
// hold only a pattern by which overwriting is seen.
//
//===----------------------------------------------------------------------===//

#include "Launch.h"
#include "Operations.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"

using namespace llvm;
using namespace fpmoe::emulator;

static void init(const Site &site, const uint64_t *in, uint64_t *) {
  Launch &launch = *Launch::active;
  if (in[1] == 0 || in[1] >= 1 << 20)
    launch.fail(&site, "an mbarrier for " + Twine(in[1]) +
                           " arrivals: it takes 1 to 2^20 - 1");
  if (in[0] - launch.block().shared >= Memory::windowBytes)
    launch.fail(&site, "an mbarrier outside of the block's shared memory");
  launch.access(in[0], 8, 8, true, Weak, &site);
  auto [at, isNew] = launch.mbarriers.try_emplace(in[0]);
  if (!isNew)
    launch.fail(&site, "the mbarrier is initialised already, " +
                           launch.device.memory.describe(in[0]));
  at->second.count = in[1];
  at->second.pending = in[1];
  *reinterpret_cast<uint64_t *>(in[0]) = ~in[0];
}

static void invalidate(const Site &site, const uint64_t *in, uint64_t *) {
  Launch &launch = *Launch::active;
  mbarrierAt(site, in[0]);
  launch.access(in[0], 8, 8, true, Weak, &site);
  launch.mbarriers.erase(in[0]);
}

namespace {
enum Arrival : uint64_t {
  Bytes = 1,   // the operand is how many bytes to expect, not arrivals
  Counted = 2, // has an operand
  Relaxed = 4,
  NoArrival = 8, // of expect_tx and complete_tx
  Negative = 16, // complete_tx
};
}

static void arrive(const Site &site, const uint64_t *in, uint64_t *out) {
  Launch &launch = *Launch::active;
  uint64_t how = site.parameter;
  launch.yield(false, &site);
  Mbarrier &barrier = mbarrierAt(site, in[0]);
  int64_t operand = how & Counted ? uint32_t(in[1]) : 1;
  int64_t bytes = how & Bytes ? operand : 0;
  int64_t arrivals = how & NoArrival ? 0 : how & Bytes ? 1 : operand;
  if (!(how & NoArrival))
    out[0] = barrier.phase;
  if (!(how & (Relaxed | NoArrival))) {
    barrier.arrived.publish(launch.current->view);
    launch.tick();
  }
  arriveAt(&site, in[0], barrier, arrivals, how & Negative ? -bytes : bytes);
}

namespace {
enum Wait : uint64_t { Parity = 1, Try = 2, RelaxedWait = 4 };
}

// try_wait may return early, and a program must expect that.
static void wait(const Site &site, const uint64_t *in, uint64_t *out) {
  Launch &launch = *Launch::active;
  Thread &thread = *launch.current;
  bool parity = site.parameter & Parity;
  auto isDone = [&](const Mbarrier &barrier) {
    return parity ? (barrier.phase & 1) != (in[1] & 1) : barrier.phase > in[1];
  };
  if (parity && in[1] > 1)
    launch.fail(&site, "a parity of " + Twine(in[1]));
  Mbarrier *barrier = &mbarrierAt(site, in[0]);
  if (!isDone(*barrier)) {
    thread.waitsAt = in[0];
    if (!(site.parameter & Try) || launch.random(8) == 0) {
      launch.yield(/*polls=*/true, &site);
    } else {
      barrier->waiting.push_back(&thread);
      launch.wait((parity ? "the phase of parity " : "phase ") +
                      std::to_string(in[1]) + " of the mbarrier at " +
                      launch.device.memory.describe(in[0]),
                  &site);
    }
    barrier = &mbarrierAt(site, in[0]);
    thread.waitsAt = 0;
  }
  out[0] = isDone(*barrier);
  if (out[0] && !(site.parameter & RelaxedWait))
    barrier->done.acquire(thread.view);
}

static const Operation operations[] = {
    {"mbarrier.init", init, 0, 80},
    {"mbarrier.init.shared", init, 0, 80},
    {"mbarrier.inval", invalidate, 0, 80},
    {"mbarrier.inval.shared", invalidate, 0, 80},
    {"mbarrier.arrive", arrive, 0, 80},
    {"mbarrier.arrive.shared", arrive, 0, 80},
    {"mbarrier.arrive.scope.cta.space.cta", arrive, Counted, 90},
    {"mbarrier.arrive.relaxed.scope.cta.space.cta", arrive, Counted | Relaxed,
     90},
    {"mbarrier.arrive.expect.tx.scope.cta.space.cta", arrive, Counted | Bytes,
     90},
    {"mbarrier.arrive.expect.tx.relaxed.scope.cta.space.cta", arrive,
     Counted | Bytes | Relaxed, 90},
    {"mbarrier.expect.tx.scope.cta.space.cta", arrive,
     Counted | Bytes | NoArrival, 90},
    {"mbarrier.complete.tx.scope.cta.space.cta", arrive,
     Counted | Bytes | NoArrival | Negative, 90},
    {"mbarrier.test.wait", wait, 0, 80},
    {"mbarrier.test.wait.shared", wait, 0, 80},
    {"mbarrier.test.wait.scope.cta.space.cta", wait, 0, 80},
    {"mbarrier.test.wait.relaxed.scope.cta.space.cta", wait, RelaxedWait, 90},
    {"mbarrier.test.wait.parity.scope.cta.space.cta", wait, Parity, 80},
    {"mbarrier.test.wait.parity.relaxed.scope.cta.space.cta", wait,
     Parity | RelaxedWait, 90},
    {"mbarrier.try.wait.scope.cta.space.cta", wait, Try, 90},
    {"mbarrier.try.wait.relaxed.scope.cta.space.cta", wait, Try | RelaxedWait,
     90},
    {"mbarrier.try.wait.tl.scope.cta.space.cta", wait, Try, 90},
    {"mbarrier.try.wait.parity.scope.cta.space.cta", wait, Parity | Try, 90},
    {"mbarrier.try.wait.parity.relaxed.scope.cta.space.cta", wait,
     Parity | Try | RelaxedWait, 90},
    {"mbarrier.try.wait.parity.tl.scope.cta.space.cta", wait, Parity | Try, 90},
};

ArrayRef<Operation> fpmoe::emulator::mbarrierOperations() { return operations; }
