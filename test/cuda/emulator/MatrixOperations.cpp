//===- MatrixOperations.cpp - mma.sync and ldmatrix ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mma.sync and ldmatrix. Which lane holds what: PTX ISA, "Matrix Fragments for
// mma.m16n8k8", "... mma.m16n8k16", "... mma.m16n8k32" and "ldmatrix".
//
//===----------------------------------------------------------------------===//

#include "Launch.h"
#include "Numbers.h"
#include "Operations.h"

#include "llvm/ADT/Twine.h"

using namespace llvm;
using namespace fpmoe::emulator;

namespace {
enum class Element : uint64_t { BF16, F16, S8, U8 };

// D = A B + C, A of 16 rows, B of 8 columns.
struct Shape {
  unsigned k;
  Element a, b;
};
} // namespace

static constexpr uint64_t shape(unsigned k, Element a, Element b) {
  return k | uint64_t(a) << 8 | uint64_t(b) << 16;
}
static constexpr uint64_t shape(unsigned k, Element both) {
  return shape(k, both, both);
}
static Shape shapeOf(const Site &site) {
  return {unsigned(site.parameter & 0xff), Element(site.parameter >> 8 & 0xff),
          Element(site.parameter >> 16 & 0xff)};
}

static double element(uint64_t word, unsigned index, Element type) {
  switch (type) {
  case Element::BF16:
    return toFloat(word >> 16 * index, Format::BF16);
  case Element::F16:
    return toFloat(word >> 16 * index, Format::F16);
  case Element::S8:
    return int8_t(word >> 8 * index);
  case Element::U8:
    return uint8_t(word >> 8 * index);
  }
  return 0;
}

// A register holds `packed` neighbours in k; the four lanes of a group lie side
// by side in k, the eight groups in the rows of A and the columns of B.
static void multiply(WarpOperation &op) {
  Shape shape = shapeOf(*op.site);
  bool integer = shape.a == Element::S8 || shape.a == Element::U8;
  unsigned packed = integer ? 4 : 2, half = 4 * packed;
  unsigned parts = shape.k / half; // registers of B; A has two for each
  double a[16][32], b[32][8];
  for (unsigned lane = 0; lane < 32; ++lane) {
    unsigned group = lane / 4, k0 = lane % 4 * packed;
    const uint64_t *in = op.in[lane];
    for (unsigned part = 0; part < parts; ++part)
      for (unsigned i = 0; i < packed; ++i) {
        unsigned k = k0 + part * half + i;
        a[group][k] = element(in[2 * part], i, shape.a);
        a[group + 8][k] = element(in[2 * part + 1], i, shape.a);
        b[k][group] = element(in[2 * parts + part], i, shape.b);
      }
  }
  // In double all products and, of integers, all sums are exact.
  for (unsigned row = 0; row < 16; ++row) {
    double sums[8] = {};
    for (unsigned k = 0; k < shape.k; ++k)
      for (unsigned column = 0; column < 8; ++column)
        sums[column] += a[row][k] * b[k][column];
    for (unsigned column = 0; column < 8; ++column) {
      unsigned lane = row % 8 * 4 + column / 2;
      unsigned at = row / 8 * 2 + column % 2;
      uint64_t c = op.in[lane][3 * parts + at];
      op.out[lane][at] = integer ? uint32_t(int64_t(sums[column]) + int32_t(c))
                                 : asBits(float(sums[column] + asFloat(c)));
    }
  }
}

static void mma(const Site &site, const uint64_t *in, uint64_t *out) {
  meetInWarp(site, ~0u, true, in, out, multiply);
}

// Parameter: how many matrices, and whether they are transposed. Lane 8 m + r
// has the address of row r of matrix m.
static constexpr uint64_t transposed = 8;

static void loadMatrices(WarpOperation &op) {
  unsigned count = op.site->parameter & 7;
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned matrix = 0; matrix < count; ++matrix) {
      auto element = [&](unsigned i) -> uint32_t {
        unsigned row = lane / 4, column = lane % 4 * 2 + i;
        if (op.site->parameter & transposed)
          std::swap(row, column);
        uint64_t address = op.in[matrix * 8 + row][0];
        return reinterpret_cast<const uint16_t *>(address)[column];
      };
      op.out[lane][matrix] = element(0) | element(1) << 16;
    }
}

static void ldmatrix(const Site &site, const uint64_t *in, uint64_t *out) {
  Launch &launch = *Launch::active;
  if (launch.current->lane() < 8 * (site.parameter & 7))
    launch.access(in[0], 16, 16, false, Weak, &site);
  meetInWarp(site, ~0u, true, in, out, loadMatrices);
}

static const Operation operations[] = {
    {"mma.m16n8k8.row.col.bf16", mma, shape(8, Element::BF16), 80},
    {"mma.m16n8k8.row.col.f32.f32", mma, shape(8, Element::F16), 75},
    {"mma.m16n8k16.row.col.bf16", mma, shape(16, Element::BF16), 80},
    {"mma.m16n8k16.row.col.f32.f32", mma, shape(16, Element::F16), 80},
    {"mma.m16n8k16.row.col.s8", mma, shape(16, Element::S8), 80},
    {"mma.m16n8k16.row.col.u8", mma, shape(16, Element::U8), 80},
    {"mma.m16n8k16.row.col.s8.u8", mma, shape(16, Element::S8, Element::U8),
     80},
    {"mma.m16n8k16.row.col.u8.s8", mma, shape(16, Element::U8, Element::S8),
     80},
    {"mma.m16n8k32.row.col.s8", mma, shape(32, Element::S8), 80},
    {"mma.m16n8k32.row.col.u8", mma, shape(32, Element::U8), 80},
    {"mma.m16n8k32.row.col.s8.u8", mma, shape(32, Element::S8, Element::U8),
     80},
    {"mma.m16n8k32.row.col.u8.s8", mma, shape(32, Element::U8, Element::S8),
     80},
    {"ldmatrix.sync.aligned.m8n8.x1.b16", ldmatrix, 1, 75},
    {"ldmatrix.sync.aligned.m8n8.x2.b16", ldmatrix, 2, 75},
    {"ldmatrix.sync.aligned.m8n8.x4.b16", ldmatrix, 4, 75},
    {"ldmatrix.sync.aligned.m8n8.x1.trans.b16", ldmatrix, 1 | transposed, 75},
    {"ldmatrix.sync.aligned.m8n8.x2.trans.b16", ldmatrix, 2 | transposed, 75},
    {"ldmatrix.sync.aligned.m8n8.x4.trans.b16", ldmatrix, 4 | transposed, 75},
};

ArrayRef<Operation> fpmoe::emulator::matrixOperations() { return operations; }
