//===- WarpOperations.cpp - operations of a warp ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Shuffles, votes, reductions and the barrier of a warp. PTX ISA, "shfl.sync"
// and "Parallel Synchronization and Communication Instructions". Only
// bar.warp.sync orders memory.
//
//===----------------------------------------------------------------------===//

#include "Launch.h"
#include "Operations.h"

#include <algorithm>
#include <cstring>

using namespace llvm;
using namespace fpmoe::emulator;

template <typename Lane> static void forLanes(WarpOperation &op, Lane &&body) {
  for (unsigned lane = 0; lane < 32; ++lane)
    if (op.has(lane))
      body(lane);
}

static void warpBarrier(const Site &site, const uint64_t *in, uint64_t *out) {
  meetInWarp(site, in[0], false, in, out, [](WarpOperation &op) {
    SyncClock clock;
    forLanes(op, [&](unsigned lane) { clock.publish(op.lanes[lane]->view); });
    forLanes(op, [&](unsigned lane) {
      clock.acquire(op.lanes[lane]->view);
      Launch::active->tick(*op.lanes[lane]);
    });
  });
}

// --- shfl.sync: mask, value, b, c; the pseudo-code of the PTX ISA
namespace {
enum Shuffle : uint64_t { Up, Down, Bfly, Idx, WithPredicate = 4 };
}

static bool shuffleSource(Shuffle mode, unsigned lane, uint32_t b, uint32_t c,
                          unsigned &source) {
  unsigned clamp = c & 31, segment = c >> 8 & 31;
  unsigned last = (lane & segment) | (clamp & ~segment);
  unsigned first = lane & segment;
  int from = 0;
  bool valid = false;
  switch (mode) {
  case Up:
    from = int(lane) - int(b & 31);
    valid = from >= int(last);
    break;
  case Down:
    from = lane + (b & 31);
    valid = from <= int(last);
    break;
  case Bfly:
    from = lane ^ (b & 31);
    valid = from <= int(last);
    break;
  default:
    from = first | (b & 31 & ~segment);
    valid = from <= int(last);
  }
  source = valid ? from : lane;
  return valid;
}

static void shuffle(const Site &site, const uint64_t *in, uint64_t *out) {
  meetInWarp(site, in[0], false, in, out, [](WarpOperation &op) {
    uint64_t results[32];
    forLanes(op, [&](unsigned lane) {
      const uint64_t *in = op.in[lane];
      unsigned source;
      bool valid = shuffleSource(Shuffle(op.site->parameter & 3), lane, in[2],
                                 in[3], source);
      if (!op.has(source))
        Launch::active->fail(op.site, "the shuffle reads lane " +
                                          Twine(source) +
                                          ", which does not take part");
      results[lane] = op.in[source][1];
      if (op.site->parameter & WithPredicate)
        op.out[lane][1] = valid;
    });
    forLanes(op, [&](unsigned lane) { op.out[lane][0] = results[lane]; });
  });
}

// --- vote.sync: mask, predicate
namespace {
enum Vote : uint64_t { All, Any, Uni, Ballot };
}

static void vote(const Site &site, const uint64_t *in, uint64_t *out) {
  meetInWarp(site, in[0], false, in, out, [](WarpOperation &op) {
    uint32_t votes = 0;
    forLanes(op, [&](unsigned lane) {
      votes |= uint32_t(op.in[lane][1] & 1) << lane;
    });
    uint64_t result = votes;
    if (op.site->parameter == All)
      result = votes == op.mask;
    else if (op.site->parameter == Any)
      result = votes != 0;
    else if (op.site->parameter == Uni)
      result = votes == 0 || votes == op.mask;
    forLanes(op, [&](unsigned lane) { op.out[lane][0] = result; });
  });
}

static void elect(const Site &site, const uint64_t *in, uint64_t *out) {
  meetInWarp(site, in[0], false, in, out, [](WarpOperation &op) {
    unsigned leader = __builtin_ctz(op.mask);
    forLanes(op, [&](unsigned lane) {
      op.out[lane][0] = leader;
      op.out[lane][1] = lane == leader;
    });
  });
}

// --- redux.sync: value, mask
namespace {
enum Reduction : uint64_t { Add, Umin, Umax, Min, Max, And, Or, Xor };
}

static uint32_t combine(Reduction how, uint32_t a, uint32_t b) {
  switch (how) {
  case Add:
    return a + b;
  case Umin:
    return std::min(a, b);
  case Umax:
    return std::max(a, b);
  case Min:
    return std::min(int32_t(a), int32_t(b));
  case Max:
    return std::max(int32_t(a), int32_t(b));
  case And:
    return a & b;
  case Or:
    return a | b;
  case Xor:
    return a ^ b;
  }
  return 0;
}

static void reduce(const Site &site, const uint64_t *in, uint64_t *out) {
  meetInWarp(site, in[1], false, in, out, [](WarpOperation &op) {
    unsigned first = __builtin_ctz(op.mask);
    uint32_t result = op.in[first][0];
    forLanes(op, [&](unsigned lane) {
      if (lane != first)
        result = combine(Reduction(op.site->parameter), result, op.in[lane][0]);
    });
    forLanes(op, [&](unsigned lane) { op.out[lane][0] = result; });
  });
}

static const Operation operations[] = {
    {"bar.warp.sync", warpBarrier},
    {"shfl.sync.up.i32", shuffle, Up},
    {"shfl.sync.up.f32", shuffle, Up},
    {"shfl.sync.down.i32", shuffle, Down},
    {"shfl.sync.down.f32", shuffle, Down},
    {"shfl.sync.bfly.i32", shuffle, Bfly},
    {"shfl.sync.bfly.f32", shuffle, Bfly},
    {"shfl.sync.idx.i32", shuffle, Idx},
    {"shfl.sync.idx.f32", shuffle, Idx},
    {"shfl.sync.up.i32p", shuffle, Up | WithPredicate},
    {"shfl.sync.up.f32p", shuffle, Up | WithPredicate},
    {"shfl.sync.down.i32p", shuffle, Down | WithPredicate},
    {"shfl.sync.down.f32p", shuffle, Down | WithPredicate},
    {"shfl.sync.bfly.i32p", shuffle, Bfly | WithPredicate},
    {"shfl.sync.bfly.f32p", shuffle, Bfly | WithPredicate},
    {"shfl.sync.idx.i32p", shuffle, Idx | WithPredicate},
    {"shfl.sync.idx.f32p", shuffle, Idx | WithPredicate},
    {"vote.all.sync", vote, All},
    {"vote.any.sync", vote, Any},
    {"vote.uni.sync", vote, Uni},
    {"vote.ballot.sync", vote, Ballot},
    {"elect.sync", elect, 0, 90},
    {"redux.sync.add", reduce, Add, 80},
    {"redux.sync.umin", reduce, Umin, 80},
    {"redux.sync.umax", reduce, Umax, 80},
    {"redux.sync.min", reduce, Min, 80},
    {"redux.sync.max", reduce, Max, 80},
    {"redux.sync.and", reduce, And, 80},
    {"redux.sync.or", reduce, Or, 80},
    {"redux.sync.xor", reduce, Xor, 80},
};

ArrayRef<Operation> fpmoe::emulator::warpOperations() { return operations; }
