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

#include <cstring>

using namespace fpmoe;

// ln 2 in two parts; n * ln2High is exact for |n| < 2048.
static constexpr double ln2High = 6.93147180369123816490e-01;
static constexpr double ln2Low = 1.90821492927058770002e-10;

/// Returns 2^exponent for an exponent of a normal number.
static double powerOfTwo(int64_t exponent) {
  uint64_t bits = static_cast<uint64_t>(exponent + 1023) << 52;
  double value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

double fpmoe::exponential(double x) {
  if (x != x)
    return x;
  if (x < -708)
    return 0;
  if (x > 709)
    return std::numeric_limits<double>::infinity();
  double scaled = x * 1.44269504088896340736;
  auto n = static_cast<int64_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
  double r = (x - n * ln2High) - n * ln2Low;
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
  double sum = 0;
  for (double factor : factors)
    sum = sum * r + factor;
  return sum * powerOfTwo(n);
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

double fpmoe::logSumExp(const float *row, int64_t count) {
  float largest = -std::numeric_limits<float>::infinity();
  for (int64_t i = 0; i < count; ++i)
    largest = row[i] > largest ? row[i] : largest;
  double sum = 0;
  for (int64_t i = 0; i < count; ++i)
    sum += exponential(static_cast<double>(row[i]) - largest);
  return largest + logarithm(sum);
}
