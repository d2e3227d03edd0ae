//===- WgmmaOperations.cpp - products of a warpgroup ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Products of a warpgroup. PTX ISA, "Asynchronous Warpgroup Level Matrix
// Multiply-Accumulate Instructions": fragments and matrix descriptors.
//
//===----------------------------------------------------------------------===//

#include "Launch.h"
#include "Operations.h"
#include "Wgmma.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"
#include <cstdio>
#include <cstring>

using namespace llvm;
using namespace fpmoe::emulator;

uint64_t WgmmaShape::encode() const {
  return columns | uint64_t(format) << 16 | uint64_t(accumulates) << 17 |
         uint64_t(aInRegisters) << 18;
}

WgmmaShape WgmmaShape::decode(uint64_t bits) {
  return {unsigned(bits & 0xffff), Format(bits >> 16 & 1), bool(bits >> 17 & 1),
          bool(bits >> 18 & 1)};
}

std::optional<WgmmaShape>
fpmoe::emulator::parseWgmma(const std::string &mnemonic, unsigned results,
                            unsigned operands) {
  WgmmaShape shape;
  char types[32];
  if (std::sscanf(mnemonic.c_str(),
                  "wgmma.mma_async.sync.aligned.m64n%uk16.f32.%31s",
                  &shape.columns, types) != 2)
    return std::nullopt;
  if (StringRef(types) == "f16.f16")
    shape.format = Format::F16;
  else if (StringRef(types) != "bf16.bf16")
    return std::nullopt;
  if (shape.columns % 8 || shape.columns < 8 || shape.columns > 256 ||
      results != shape.results())
    return std::nullopt;
  // Beside the accumulators: A, B, three scales, and the transpositions.
  for (bool accumulates : {false, true})
    for (bool registers : {false, true})
      if (operands == (accumulates ? results : 0) + (registers ? 9u : 7u)) {
        shape.accumulates = accumulates;
        shape.aInRegisters = registers;
        return shape;
      }
  return std::nullopt;
}

namespace {
// A matrix in shared memory, its rows along k.
class Tile {
public:
  Tile(const Site &site, Launch &launch, uint64_t descriptor)
      : site(site), launch(launch), swizzle(descriptor >> 62),
        leading((descriptor >> 16 & 0x3fff) << 4),
        stride((descriptor >> 32 & 0x3fff) << 4) {
    if (descriptor >> 49 & 7)
      launch.fail(&site, "matrix descriptors with a base offset are not "
                         "modelled");
    uint64_t shared = launch.block().shared;
    start = shared + ((descriptor & 0x3fff) << 4);
  }

  // The 16 bytes of k = 8 half ... 8 half + 7 of a row.
  uint64_t chunk(unsigned row, unsigned half) const {
    if (swizzle == 0) // core matrices of 8 rows of 16 bytes
      return start + row / 8 * stride + half * leading + row % 8 * 16;
    // 128, 64, 32 bytes to a row; address bits from 7 on go into bit 4 on.
    unsigned rowBytes = 256u >> swizzle;
    uint64_t address =
        start + row / 8 * stride + row % 8 * rowBytes + half * 16;
    uint64_t mask = rowBytes / 16 - 1;
    return address ^ (address >> 7 & mask) << 4;
  }

  void read(AgentClock agent, unsigned rows) const {
    for (unsigned row = 0; row < rows; ++row)
      for (unsigned half = 0; half < 2; ++half) {
        launch.checkBounds(chunk(row, half), 16, 16, false, &site);
        launch.agentAccess(agent, chunk(row, half), 16, false, &site);
      }
  }

  float element(unsigned row, unsigned k, Format format) const {
    uint64_t at = chunk(row, k / 8) + k % 8 * 2;
    return toFloat(*reinterpret_cast<const uint16_t *>(at), format);
  }

private:
  const Site &site;
  Launch &launch;
  unsigned swizzle;
  uint64_t leading, stride, start;
};
} // namespace

// Rows 16 w to 16 w + 15 of the product, of warp w of the warpgroup.
static void multiply(WarpOperation &op) {
  Launch &launch = *Launch::active;
  const Site &site = *op.site;
  WgmmaShape shape = WgmmaShape::decode(site.parameter);
  unsigned results = shape.results();
  unsigned aAt = shape.accumulates ? results : 0;
  unsigned bAt = aAt + (shape.aInRegisters ? 4 : 1);
  const uint64_t *first = op.in[0];
  for (unsigned lane = 1; lane < 32; ++lane)
    for (unsigned at = shape.aInRegisters ? bAt : aAt; at < bAt + 4; ++at)
      if (op.in[lane][at] != first[at])
        launch.fail(&site, "the lanes give different descriptors or scales");
  const uint64_t *scales = first + bAt + 1;
  bool transposed = scales[3] || (!shape.aInRegisters && scales[4]);
  if (int32_t(scales[1]) != 1 || int32_t(scales[2]) != 1 || transposed)
    launch.fail(&site, "negated or transposed operands are not modelled");

  Warp &warp = launch.warp();
  if (!warp.productAgent)
    warp.productAgent = launch.newAgent(/*asyncProxy=*/true, &site);
  AgentClock agent{warp.productAgent, launch.current->committed + 1};
  unsigned row0 = launch.current->warpInBlock() % 4 * 16;
  std::vector<float> a(16 * 16), b(shape.columns * 16);
  if (shape.aInRegisters) {
    for (unsigned lane = 0; lane < 32; ++lane)
      for (unsigned r = 0; r < 4; ++r)
        for (unsigned i = 0; i < 2; ++i)
          a[(lane / 4 + 8 * (r % 2)) * 16 + lane % 4 * 2 + i + 8 * (r / 2)] =
              toFloat(op.in[lane][aAt + r] >> 16 * i, shape.format);
  } else {
    Tile tile(site, launch, first[aAt]);
    if (row0 == 0)
      tile.read(agent, 64);
    for (unsigned row = 0; row < 16; ++row)
      for (unsigned k = 0; k < 16; ++k)
        a[row * 16 + k] = tile.element(row0 + row, k, shape.format);
  }
  Tile tile(site, launch, first[bAt]);
  tile.read(agent, shape.columns);
  for (unsigned column = 0; column < shape.columns; ++column)
    for (unsigned k = 0; k < 16; ++k)
      b[column * 16 + k] = tile.element(column, k, shape.format);

  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < results; ++i) {
      unsigned row = lane / 4 + 8 * (i / 2 % 2);
      unsigned column = 8 * (i / 4) + lane % 4 * 2 + i % 2;
      double sum = 0;
      for (unsigned k = 0; k < 16; ++k)
        sum += double(a[row * 16 + k]) * b[column * 16 + k];
      if (scales[0] && shape.accumulates)
        sum += asFloat(op.in[lane][i]);
      op.out[lane][i] = asBits(sum);
    }
}

void fpmoe::emulator::multiplyAsync(const Site &site, const uint64_t *in,
                                    uint64_t *out) {
  Launch &launch = *Launch::active;
  Thread &thread = *launch.current;
  if (thread.registersWritten)
    launch.fail(&site, "no wgmma.fence since registers of the product were "
                       "written");
  meetInWarp(site, ~0u, true, in, out, multiply);
  thread.products.push_back({&site, thread.committed + 1});
}

static bool inFlight(const Thread &thread, const Site *site) {
  return any_of(thread.products,
                [&](const Product &product) { return product.site == site; });
}

void fpmoe::emulator::defineOperand(const Site *site) {
  Launch &launch = *Launch::active;
  Thread &thread = *launch.current;
  thread.registersWritten = true;
  if (inFlight(thread, site))
    launch.fail(site, "a register operand of the product is overwritten "
                      "before wgmma.wait_group has waited for it");
}

void fpmoe::emulator::useResult(const Site *site) {
  Launch &launch = *Launch::active;
  if (inFlight(*launch.current, site))
    launch.fail(site, "a result of the product is read before "
                      "wgmma.wait_group has waited for it");
}

static void fenceRegisters(const Site &, const uint64_t *, uint64_t *) {
  Launch::active->current->registersWritten = false;
}

static void commitGroup(const Site &, const uint64_t *, uint64_t *) {
  ++Launch::active->current->committed;
}

static void waitGroup(const Site &, const uint64_t *in, uint64_t *) {
  Launch &launch = *Launch::active;
  Thread &thread = *launch.current;
  if (thread.committed <= in[0])
    return;
  uint32_t done = thread.committed - in[0];
  erase_if(thread.products,
           [&](const Product &product) { return product.group <= done; });
  if (Agent agent = launch.warp().productAgent)
    thread.view.advance(agent, done);
}

static const Operation operations[] = {
    {"wgmma.fence.sync.aligned", fenceRegisters, 0, 90, 90},
    {"wgmma.commit_group.sync.aligned", commitGroup, 0, 90, 90},
    {"wgmma.wait_group.sync.aligned", waitGroup, 0, 90, 90},
    {"asm.wgmma.fence.sync.aligned", fenceRegisters, 0, 90, 90},
    {"asm.wgmma.commit_group.sync.aligned", commitGroup, 0, 90, 90},
    {"asm.wgmma.wait_group.sync.aligned", waitGroup, 0, 90, 90},
    // Any shape: see parseWgmma.
    {"asm.wgmma.mma_async", multiplyAsync, 0, 90, 90},
};

ArrayRef<Operation> fpmoe::emulator::wgmmaOperations() { return operations; }
