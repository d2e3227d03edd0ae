//===- Math.h - exponential and logarithm ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A compiled program may need no library but libc.so.6, which leaves libm out;
// these two functions are all that sampling and scoring want of it. They give
// the same bits on every CPU, so a seed draws the same text everywhere.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CORE_MATH_H
#define FPMOE_RUNTIME_CORE_MATH_H

#include <cstdint>
#include <limits>

namespace fpmoe {

/// Returns e^x with a relative error below 1e-15; 0 below -708.
double exponential(double x);

/// Returns the natural logarithm of x with a relative error below 1e-15;
/// -infinity for 0, NaN below.
double logarithm(double x);

/// Returns log(sum(exp(row[i]))) over `count` values, in double precision.
double logSumExp(const float *row, int64_t count);

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CORE_MATH_H
