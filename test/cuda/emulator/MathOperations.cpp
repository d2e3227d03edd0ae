//===- MathOperations.cpp - arithmetic of PTX ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Arithmetic that LLVM has no instruction for. What PTX calls approximate is
// rounded correctly here, or as the host's library does.
//
//===----------------------------------------------------------------------===//

#include "Numbers.h"
#include "Operations.h"

#include <algorithm>
#include <cmath>

using namespace llvm;
using namespace fpmoe::emulator;

template <float (*function)(float)>
static void unary(const Site &, const uint64_t *in, uint64_t *out) {
  out[0] = asBits(function(asFloat(in[0])));
}
template <float (*function)(float, float)>
static void binary(const Site &, const uint64_t *in, uint64_t *out) {
  out[0] = asBits(function(asFloat(in[0]), asFloat(in[1])));
}

static float exp2Of(float x) { return std::exp2(x); }
static float log2Of(float x) { return std::log2(x); }
static float rsqrtOf(float x) { return 1.0 / std::sqrt(double(x)); }
static float sqrtOf(float x) { return std::sqrt(x); }
static float reciprocalOf(float x) { return 1.0f / x; }
static float sinOf(float x) { return std::sin(x); }
static float cosOf(float x) { return std::cos(x); }
static float tanhOf(float x) { return std::tanh(x); }
static float absOf(float x) { return std::fabs(x); }
static float sum(float a, float b) { return a + b; }
static float product(float a, float b) { return a * b; }
static float quotient(float a, float b) { return a / b; }
static float larger(float a, float b) { return std::fmax(a, b); }
static float smaller(float a, float b) { return std::fmin(a, b); }

static void fmaFloat(const Site &, const uint64_t *in, uint64_t *out) {
  out[0] = asBits(std::fma(asFloat(in[0]), asFloat(in[1]), asFloat(in[2])));
}

// Of one value or, packed, two of the format that the parameter says.
template <unsigned lanes>
static void fmaShort(const Site &site, const uint64_t *in, uint64_t *out) {
  Format format = Format(site.parameter);
  out[0] = 0;
  for (unsigned i = 0; i < lanes; ++i) {
    // By way of double, which only at exact ties differs from one rounding.
    double a = toFloat(in[0] >> 16 * i, format);
    double b = toFloat(in[1] >> 16 * i, format);
    double c = toFloat(in[2] >> 16 * i, format);
    out[0] |= uint64_t(fromDouble(std::fma(a, b, c), format)) << 16 * i;
  }
}

static void exp2Short(const Site &site, const uint64_t *in, uint64_t *out) {
  Format format = Format(site.parameter);
  out[0] = fromFloat(std::exp2(toFloat(in[0], format)), format);
}

static constexpr uint64_t rounded(Format format, bool toZero = false,
                                  bool relu = false) {
  return uint64_t(format) | uint64_t(toZero) << 1 | uint64_t(relu) << 2;
}
static uint64_t convert(uint64_t bits, uint64_t how) {
  float value = asFloat(bits);
  if (how & 4 && value < 0)
    value = 0;
  return fromFloat(value, Format(how & 1), how & 2);
}
static void convertOne(const Site &site, const uint64_t *in, uint64_t *out) {
  out[0] = convert(in[0], site.parameter);
}
// The first operand goes to the upper half.
static void convertTwo(const Site &site, const uint64_t *in, uint64_t *out) {
  out[0] =
      convert(in[0], site.parameter) << 16 | convert(in[1], site.parameter);
}

// PTX ISA, "dp4a": c and four products of bytes, of which each operand's have a
// sign or not.
enum Signs : uint64_t { FirstHasSign = 1, SecondHasSign = 2 };
static void dotOfBytes(const Site &site, const uint64_t *in, uint64_t *out) {
  auto byteOf = [&](unsigned operand, unsigned i, uint64_t hasSign) -> int32_t {
    uint8_t byte = in[operand] >> 8 * i;
    return site.parameter & hasSign ? int8_t(byte) : byte;
  };
  uint32_t sum = in[2];
  for (unsigned i = 0; i < 4; ++i)
    sum += byteOf(0, i, FirstHasSign) * byteOf(1, i, SecondHasSign);
  out[0] = sum;
}

// PTX ISA, "prmt": a byte of b:a for each nibble of the selector; bit 3 of a
// nibble repeats the byte's sign.
static void permute(const Site &, const uint64_t *in, uint64_t *out) {
  uint64_t bytes = in[1] << 32 | uint32_t(in[0]);
  out[0] = 0;
  for (unsigned i = 0; i < 4; ++i) {
    unsigned nibble = in[2] >> 4 * i & 15;
    uint64_t byte = bytes >> 8 * (nibble & 7) & 0xff;
    if (nibble & 8)
      byte = byte & 0x80 ? 0xff : 0;
    out[0] |= byte << 8 * i;
  }
}

// PTX ISA, "lop3": the table is indexed by the bits of a, b and c.
static void lookup3(const Site &, const uint64_t *in, uint64_t *out) {
  out[0] = 0;
  for (unsigned i = 0; i < 32; ++i) {
    unsigned index =
        (in[0] >> i & 1) << 2 | (in[1] >> i & 1) << 1 | (in[2] >> i & 1);
    out[0] |= (in[3] >> index & 1) << i;
  }
}

static void move(const Site &, const uint64_t *in, uint64_t *out) {
  out[0] = in[0];
}

static void highSigned(const Site &, const uint64_t *in, uint64_t *out) {
  out[0] = uint32_t(int64_t(int32_t(in[0])) * int32_t(in[1]) >> 32);
}
static void highUnsigned(const Site &, const uint64_t *in, uint64_t *out) {
  out[0] = uint64_t(uint32_t(in[0])) * uint32_t(in[1]) >> 32;
}

static const Operation operations[] = {
    {"ex2.approx.f32", unary<exp2Of>},
    {"ex2.approx.ftz.f32", unary<exp2Of>},
    {"ex2.approx.f", unary<exp2Of>},
    {"ex2.approx.ftz.f", unary<exp2Of>},
    {"ex2.approx.f16", exp2Short, uint64_t(Format::F16), 75},
    {"ex2.approx.ftz.bf16", exp2Short, uint64_t(Format::BF16), 90},
    {"asm.ex2.approx.f32", unary<exp2Of>},
    {"asm.ex2.approx.ftz.f32", unary<exp2Of>},
    {"lg2.approx.f", unary<log2Of>},
    {"lg2.approx.ftz.f", unary<log2Of>},
    {"rsqrt.approx.f", unary<rsqrtOf>},
    {"rsqrt.approx.ftz.f", unary<rsqrtOf>},
    {"sqrt.f", unary<sqrtOf>},
    {"sqrt.rn.f", unary<sqrtOf>},
    {"sqrt.approx.f", unary<sqrtOf>},
    {"sqrt.approx.ftz.f", unary<sqrtOf>},
    {"rcp.rn.f", unary<reciprocalOf>},
    {"rcp.approx.ftz.f", unary<reciprocalOf>},
    {"sin.approx.f", unary<sinOf>},
    {"cos.approx.f", unary<cosOf>},
    {"asm.tanh.approx.f32", unary<tanhOf>, 0, 75},
    {"fabs.f32", unary<absOf>},
    {"add.rn.f", binary<sum>},
    {"mul.rn.f", binary<product>},
    {"div.rn.f", binary<quotient>},
    {"div.full", binary<quotient>},
    {"div.approx.f", binary<quotient>},
    {"div.approx.ftz.f", binary<quotient>},
    {"fmax.f", binary<larger>},
    {"fmin.f", binary<smaller>},
    {"fma.rn.f", fmaFloat},
    {"fma.rn.f16", fmaShort<1>, uint64_t(Format::F16)},
    {"fma.rn.f16x2", fmaShort<2>, uint64_t(Format::F16)},
    {"fma.rn.bf16", fmaShort<1>, uint64_t(Format::BF16), 80},
    {"fma.rn.bf16x2", fmaShort<2>, uint64_t(Format::BF16), 80},
    {"asm.fma.rn.bf16x2", fmaShort<2>, uint64_t(Format::BF16), 80},
    {"asm.fma.rn.f16x2", fmaShort<2>, uint64_t(Format::F16)},
    {"f2bf16.rn", convertOne, rounded(Format::BF16), 80},
    {"f2bf16.rz", convertOne, rounded(Format::BF16, true), 80},
    {"f2bf16.rn.relu", convertOne, rounded(Format::BF16, false, true), 80},
    {"f2f16.rn", convertOne, rounded(Format::F16)},
    {"f2f16.rz", convertOne, rounded(Format::F16, true)},
    {"f2h.rn", convertOne, rounded(Format::F16)},
    {"ff2bf16x2.rn", convertTwo, rounded(Format::BF16), 80},
    {"ff2bf16x2.rz", convertTwo, rounded(Format::BF16, true), 80},
    {"ff2bf16x2.rn.relu", convertTwo, rounded(Format::BF16, false, true), 80},
    {"ff2f16x2.rn", convertTwo, rounded(Format::F16), 80},
    {"ff2f16x2.rz", convertTwo, rounded(Format::F16, true), 80},
    {"asm.cvt.rn.bf16x2.f32", convertTwo, rounded(Format::BF16), 80},
    {"asm.cvt.rn.f16x2.f32", convertTwo, rounded(Format::F16), 80},
    {"idp4a.s.s", dotOfBytes, FirstHasSign | SecondHasSign, 61},
    {"idp4a.s.u", dotOfBytes, FirstHasSign, 61},
    {"idp4a.u.s", dotOfBytes, SecondHasSign, 61},
    {"idp4a.u.u", dotOfBytes, 0, 61},
    {"prmt", permute},
    {"asm.prmt.b32", permute},
    {"asm.lop3.b32", lookup3},
    {"asm.mov.b32", move},
    {"asm.mov.u32", move},
    {"asm.mov.b64", move},
    {"mulhi.i", highSigned},
    {"mulhi.ui", highUnsigned},
};

ArrayRef<Operation> fpmoe::emulator::mathOperations() { return operations; }
