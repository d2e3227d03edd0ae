//===- Math.cpp - exponential and logarithm ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Both reduce the argument by powers of two and sum a short series. Products
// and sums are kept apart (-ffp-contract=off) for equal bits on every CPU.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Math.h"

#include <algorithm>
#include <cstring>

using namespace fpmoe;

// ln 2 in two parts; n * ln2High is exact for |n| < 2048.
static constexpr double ln2High = 6.93147180369123816490e-01;
static constexpr double ln2Low = 1.90821492927058770002e-10;

// Two lanes are what every CPU of x86-64 and AArch64 has. Loops over them keep
// a CPU busy as long as turns do not wait for each other.
using Doubles = double __attribute__((vector_size(16)));
using Bits = int64_t __attribute__((vector_size(16)));
using Floats = float __attribute__((vector_size(16)));

/// Returns 2^exponent for an exponent of a normal number.
static double powerOfTwo(int64_t exponent) {
  uint64_t bits = static_cast<uint64_t>(exponent + 1023) << 52;
  double value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

/// Returns e^x of each lane, 0 below -708. No lane is above 709.
[[gnu::always_inline]] static inline Doubles exponentialOfLanes(Doubles x) {
  // Rounds to an integer, which the lowest bits of the sum hold.
  constexpr double rounding = 0x1.8p52;
  Doubles sumWithN = x * 1.44269504088896340736 + rounding;
  Doubles n = sumWithN - rounding;
  Doubles r = (x - n * ln2High) - n * ln2Low;
  // Taylor's series; |r| <= 0.35, so the term after these is below 1e-17.
  static constexpr double factors[] = {1.0 / 87178291200,
                                       1.0 / 6227020800,
                                       1.0 / 479001600,
                                       1.0 / 39916800,
                                       1.0 / 3628800,
                                       1.0 / 362880,
                                       1.0 / 40320,
                                       1.0 / 5040,
                                       1.0 / 720,
                                       1.0 / 120,
                                       1.0 / 24,
                                       1.0 / 6,
                                       1.0 / 2,
                                       1.0,
                                       1.0};
  Doubles sum = {0, 0};
#pragma GCC unroll 15
  for (double factor : factors)
    sum = sum * r + factor;
  // 2^n; what stands above the exponent is shifted out.
  Doubles power = (Doubles)(((Bits)sumWithN + 1023) << 52);
  return (Doubles)((Bits)(sum * power) & ~(Bits)(x < -708));
}

double fpmoe::exponential(double x) {
  if (x > 709)
    return std::numeric_limits<double>::infinity();
  return exponentialOfLanes(Doubles{x, x})[0];
}

void fpmoe::exponentials(const float *row, int64_t count, double top,
                         double temperature, double *weights) {
  int64_t i = 0;
  for (; i + 2 <= count; i += 2) {
    Doubles lanes = {row[i], row[i + 1]};
    lanes = exponentialOfLanes((lanes - top) / temperature);
    memcpy(weights + i, &lanes, sizeof(lanes));
  }
  if (i < count)
    weights[i] = exponential((row[i] - top) / temperature);
}

double fpmoe::logarithm(double x) {
  if (x != x || x < 0)
    return std::numeric_limits<double>::quiet_NaN();
  if (x == 0)
    return -std::numeric_limits<double>::infinity();
  if (x > std::numeric_limits<double>::max())
    return x;
  int64_t exponent = 0;
  if (x < std::numeric_limits<double>::min()) {
    x *= powerOfTwo(54);
    exponent = -54;
  }
  uint64_t bits;
  memcpy(&bits, &x, sizeof(bits));
  exponent += static_cast<int64_t>(bits >> 52) - 1023;
  bits = (bits & 0x000fffffffffffffull) | 0x3ff0000000000000ull;
  double mantissa;
  memcpy(&mantissa, &bits, sizeof(mantissa));
  if (mantissa > 1.41421356237309504880) {
    mantissa *= 0.5;
    ++exponent;
  }
  // log(m) = 2 atanh(s), s = (m - 1) / (m + 1), |s| < 0.172.
  double s = (mantissa - 1) / (mantissa + 1), square = s * s, sum = 0;
  for (int i = 21; i > 1; i -= 2)
    sum = (sum + 1.0 / i) * square;
  return exponent * ln2High + (2 * s * (1 + sum) + exponent * ln2Low);
}

float fpmoe::maximum(const float *row, int64_t count) {
  constexpr int64_t lanes = 4, parts = 4;
  constexpr float least = -std::numeric_limits<float>::infinity();
  Floats most[parts];
  for (Floats &part : most)
    part = Floats{least, least, least, least};
  int64_t i = 0;
  for (; i + lanes * parts <= count; i += lanes * parts)
#pragma GCC unroll 4
    for (int64_t part = 0; part < parts; ++part) {
      Floats values;
      memcpy(&values, row + i + lanes * part, sizeof(values));
      most[part] = values > most[part] ? values : most[part];
    }
  float result = least;
  for (const Floats &part : most)
    for (int64_t lane = 0; lane < lanes; ++lane)
      result = part[lane] > result ? part[lane] : result;
  for (; i < count; ++i)
    result = row[i] > result ? row[i] : result;
  return result;
}

double fpmoe::logSumExp(const float *row, int64_t count) {
  constexpr int64_t block = 256;
  double top = maximum(row, count), sum = 0, weights[block];
  for (int64_t from = 0; from < count; from += block) {
    int64_t size = std::min(block, count - from);
    exponentials(row + from, size, top, /*temperature=*/1, weights);
    double part = 0;
    for (int64_t i = 0; i < size; ++i)
      part += weights[i];
    sum += part;
  }
  return top + logarithm(sum);
}
