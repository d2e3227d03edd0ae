//===- ThreadOperations.cpp - registers, barriers, fences ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Special registers, clocks, barriers of a block, fences. PTX ISA, "Special
// Registers", "Parallel Synchronization and Communication Instructions".
//
//===----------------------------------------------------------------------===//

#include "Launch.h"
#include "Operations.h"

#include "llvm/ADT/Twine.h"

using namespace llvm;
using namespace fpmoe::emulator;

namespace {
enum Register : uint64_t {
  TidX,
  TidY,
  TidZ,
  NtidX,
  NtidY,
  NtidZ,
  CtaidX,
  CtaidY,
  CtaidZ,
  NctaidX,
  NctaidY,
  NctaidZ,
  Laneid,
  Warpid,
  Nwarpid,
  Warpsize,
  Smid,
  Nsmid,
  LanemaskEq,
  LanemaskLt,
  LanemaskLe,
  LanemaskGt,
  LanemaskGe,
  DynamicShared,
  TotalShared,
  One,
  Zero,
};
} // namespace

static uint64_t readBlockIndex(const Launch &launch, Register which) {
  uint64_t block = launch.current->block;
  const Dim3 &grid = launch.config.grid;
  if (which == CtaidX)
    return block % grid.x;
  return which == CtaidY ? block / grid.x % grid.y : block / grid.x / grid.y;
}

static uint64_t readRegister(const Launch &launch, Register which) {
  const Thread &thread = *launch.current;
  const LaunchConfig &config = launch.config;
  uint64_t bit = uint64_t(1) << thread.lane();
  switch (which) {
  case TidX:
    return thread.id.x;
  case TidY:
    return thread.id.y;
  case TidZ:
    return thread.id.z;
  case NtidX:
    return config.block.x;
  case NtidY:
    return config.block.y;
  case NtidZ:
    return config.block.z;
  case CtaidX:
  case CtaidY:
  case CtaidZ:
    return readBlockIndex(launch, which);
  case NctaidX:
    return config.grid.x;
  case NctaidY:
    return config.grid.y;
  case NctaidZ:
    return config.grid.z;
  case Laneid:
    return thread.lane();
  case Warpid:
    return thread.warpInBlock();
  case Nwarpid:
    return launch.blockWarps();
  case Warpsize:
    return 32;
  case Smid:
    return thread.block;
  case Nsmid:
    return config.grid.count();
  case LanemaskEq:
    return bit;
  case LanemaskLt:
    return bit - 1;
  case LanemaskLe:
    return bit * 2 - 1;
  case LanemaskGt:
    return uint32_t(~(bit * 2 - 1));
  case LanemaskGe:
    return uint32_t(~(bit - 1));
  case DynamicShared:
    return config.sharedBytes;
  case TotalShared:
    return config.sharedBytes + launch.kernel.staticSharedBytes;
  case One:
    return 1;
  case Zero:
    return 0;
  }
  return 0;
}

static void specialRegister(const Site &site, const uint64_t *, uint64_t *out) {
  out[0] = readRegister(*Launch::active, Register(site.parameter));
}

// A thread that looks at the clock waits for something.
static void readTimer(const Site &site, const uint64_t *, uint64_t *out) {
  Launch::active->yield(/*polls=*/true, &site);
  out[0] = Launch::active->time();
}
static void sleep(const Site &site, const uint64_t *, uint64_t *) {
  Launch::active->yield(/*polls=*/true, &site);
}

static void trap(const Site &site, const uint64_t *, uint64_t *) {
  Launch::active->fail(&site, "trap");
}

// Where the shared memory of the block begins.
static void sharedBase(const Site &, const uint64_t *, uint64_t *out) {
  out[0] = Launch::active->block().shared;
}

namespace {
enum Space : uint64_t { Shared, Global };
}
static void isInSpace(const Site &site, const uint64_t *in, uint64_t *out) {
  Launch &launch = *Launch::active;
  bool inArena = launch.device.memory.contains(in[0]);
  bool shared = in[0] - launch.block().shared < Memory::windowBytes;
  out[0] = site.parameter == Shared ? shared : inArena && !shared;
}

// Parameter: how it is used, whether it is .aligned, whether it has a count.
static constexpr uint64_t barrier(BarrierUse use, bool aligned, bool count) {
  return uint64_t(use) << 2 | uint64_t(aligned) << 1 | uint64_t(count);
}
static void blockBarrier(const Site &site, const uint64_t *in, uint64_t *out) {
  bool hasCount = site.parameter & 1;
  BarrierUse use = BarrierUse(site.parameter >> 2);
  bool votes = use != BarrierUse::Sync && use != BarrierUse::Arrive;
  uint64_t count = hasCount ? in[1] : Launch::active->blockThreads();
  useBarrier(site, in[0], count, site.parameter & 2, use,
             votes && in[1 + hasCount], votes ? out : nullptr);
}

static void wholeBlockBarrier(const Site &site, const uint64_t *, uint64_t *) {
  useBarrier(site, 0, Launch::active->blockThreads(), true, BarrierUse::Sync,
             false, nullptr);
}

// membar is fence.sc, of a scope; the site has none from LLVM.
static void memoryBarrier(const Site &site, const uint64_t *, uint64_t *) {
  Site strong = site;
  strong.acquires = strong.releases = true;
  strong.strength = Strength(site.parameter);
  fence(strong);
}

static void proxyFence(const Site &, const uint64_t *, uint64_t *) {
  Launch::active->current->view.fenceProxy();
}

// Reads nothing, but what it asks for has to be there.
static void prefetch(const Site &site, const uint64_t *in, uint64_t *) {
  Launch::active->checkBounds(in[0], 1, 1, false, &site);
}

static void nothing(const Site &, const uint64_t *, uint64_t *) {}

static const Operation operations[] = {
    {"read.ptx.sreg.tid.x", specialRegister, TidX},
    {"read.ptx.sreg.tid.y", specialRegister, TidY},
    {"read.ptx.sreg.tid.z", specialRegister, TidZ},
    {"read.ptx.sreg.ntid.x", specialRegister, NtidX},
    {"read.ptx.sreg.ntid.y", specialRegister, NtidY},
    {"read.ptx.sreg.ntid.z", specialRegister, NtidZ},
    {"read.ptx.sreg.ctaid.x", specialRegister, CtaidX},
    {"read.ptx.sreg.ctaid.y", specialRegister, CtaidY},
    {"read.ptx.sreg.ctaid.z", specialRegister, CtaidZ},
    {"read.ptx.sreg.nctaid.x", specialRegister, NctaidX},
    {"read.ptx.sreg.nctaid.y", specialRegister, NctaidY},
    {"read.ptx.sreg.nctaid.z", specialRegister, NctaidZ},
    {"read.ptx.sreg.laneid", specialRegister, Laneid},
    {"read.ptx.sreg.warpid", specialRegister, Warpid},
    {"read.ptx.sreg.nwarpid", specialRegister, Nwarpid},
    {"read.ptx.sreg.warpsize", specialRegister, Warpsize},
    {"read.ptx.sreg.smid", specialRegister, Smid},
    {"read.ptx.sreg.nsmid", specialRegister, Nsmid},
    {"read.ptx.sreg.lanemask.eq", specialRegister, LanemaskEq},
    {"read.ptx.sreg.lanemask.lt", specialRegister, LanemaskLt},
    {"read.ptx.sreg.lanemask.le", specialRegister, LanemaskLe},
    {"read.ptx.sreg.lanemask.gt", specialRegister, LanemaskGt},
    {"read.ptx.sreg.lanemask.ge", specialRegister, LanemaskGe},
    {"read.ptx.sreg.dynamic_smem_size", specialRegister, DynamicShared},
    {"read.ptx.sreg.total_smem_size", specialRegister, TotalShared},
    {"read.ptx.sreg.cluster.nctarank", specialRegister, One, 90},
    {"read.ptx.sreg.cluster.ctarank", specialRegister, Zero, 90},
    {"read.ptx.sreg.clock", readTimer},
    {"read.ptx.sreg.clock64", readTimer},
    {"read.ptx.sreg.globaltimer", readTimer},
    {"read.ptx.sreg.globaltimer.lo", readTimer},
    {"nanosleep", sleep, 0, 70},
    {"trap", trap},
    {"asm.trap", trap},
    {"shared.base", sharedBase},
    {"isspacep.shared", isInSpace, Shared},
    {"isspacep.global", isInSpace, Global},
    {"barrier0", wholeBlockBarrier},
    {"barrier.cta.sync.aligned.all", blockBarrier,
     barrier(BarrierUse::Sync, true, false)},
    {"barrier.cta.sync.aligned.count", blockBarrier,
     barrier(BarrierUse::Sync, true, true)},
    {"barrier.cta.sync.all", blockBarrier,
     barrier(BarrierUse::Sync, false, false)},
    {"barrier.cta.sync.count", blockBarrier,
     barrier(BarrierUse::Sync, false, true)},
    {"barrier.cta.arrive.aligned.count", blockBarrier,
     barrier(BarrierUse::Arrive, true, true)},
    {"barrier.cta.arrive.count", blockBarrier,
     barrier(BarrierUse::Arrive, false, true)},
    {"barrier.cta.red.popc.aligned.all", blockBarrier,
     barrier(BarrierUse::Popc, true, false)},
    {"barrier.cta.red.popc.aligned.count", blockBarrier,
     barrier(BarrierUse::Popc, true, true)},
    {"barrier.cta.red.and.aligned.all", blockBarrier,
     barrier(BarrierUse::And, true, false)},
    {"barrier.cta.red.and.aligned.count", blockBarrier,
     barrier(BarrierUse::And, true, true)},
    {"barrier.cta.red.or.aligned.all", blockBarrier,
     barrier(BarrierUse::Or, true, false)},
    {"barrier.cta.red.or.aligned.count", blockBarrier,
     barrier(BarrierUse::Or, true, true)},
    {"membar.cta", memoryBarrier, StrongBlock},
    {"membar.gl", memoryBarrier, StrongDevice},
    {"membar.sys", memoryBarrier, StrongDevice},
    {"fence.proxy.async", proxyFence, 0, 90},
    {"fence.proxy.async.global", proxyFence, 0, 90},
    {"fence.proxy.async.shared_cta", proxyFence, 0, 90},
    {"fence.proxy.async.shared_cluster", proxyFence, 0, 90},
    // Orders inits of mbarriers for other blocks of a cluster; there are none.
    {"fence.mbarrier_init.release.cluster", nothing, 0, 90},
    {"prefetch.global.L1", prefetch},
    {"prefetch.global.L2", prefetch},
    {"asm.prefetch.global.L2", prefetch},
    {"prefetch.L1", nothing},
    {"prefetch.L2", nothing},
    // How many registers a warp has says nothing of what it computes.
    {"setmaxnreg.inc.sync.aligned.u32", nothing, 0, 90, 90},
    {"setmaxnreg.dec.sync.aligned.u32", nothing, 0, 90, 90},
    {"asm.setmaxnreg.inc.sync.aligned.u32", nothing, 0, 90, 90},
    {"asm.setmaxnreg.dec.sync.aligned.u32", nothing, 0, 90, 90},
    {"asm.createpolicy.fractional.L2::evict_first.b64", specialRegister, Zero,
     80},
    {"asm.createpolicy.fractional.L2::evict_last.b64", specialRegister, Zero,
     80},
};

ArrayRef<Operation> fpmoe::emulator::threadOperations() { return operations; }
