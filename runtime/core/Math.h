//===- Math.h - exponential and logarithm ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A compiled program may need no library but libc.so.6, which leaves libm out;
// this is all that sampling and scoring want of it. The bits are the same on
// every CPU, so a seed draws the same text everywhere.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CORE_MATH_H
#define FPMOE_RUNTIME_CORE_MATH_H

#include <cstdint>
#include <limits>

namespace fpmoe {

/// Returns e^x with a relative error below 1e-15; 0 below -708.
double exponential(double x);

/// Sets weights[i] to exponential((row[i] - top) / temperature), with its bits.
/// No value of the row may be above `top`; the temperature is above 0.
void exponentials(const float *row, int64_t count, double top,
                  double temperature, double *weights);

/// Returns the natural logarithm of x with a relative error below 1e-15;
/// -infinity for 0, NaN below.
double logarithm(double x);

/// Returns the largest of `count` values, but those that are no numbers;
/// -infinity where none is left.
float maximum(const float *row, int64_t count);

/// Returns log(sum(exp(row[i]))) over `count` values, in double precision.
double logSumExp(const float *row, int64_t count);

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CORE_MATH_H
