//===- Limits.h - how fast this machine can be ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Measures the two limits of the machine that a model step runs into: reading
// memory, and the dot-product instruction that the program was compiled for.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CORE_LIMITS_H
#define FPMOE_RUNTIME_CORE_LIMITS_H

#include "include/fpmoe/runtime/abi.h"
#include "runtime/core/Team.h"
#include "runtime/core/Weights.h"

namespace fpmoe {

/// Bytes per second at which the whole team reads the weights, each worker a
/// slice of its own; 0 when the level has no read_peak or too few weights.
double measureReadRate(const FpmoeLevel &level, Team &team,
                       const Weights &weights);

/// Multiplications and additions per second of the whole team; 0 when the
/// level has no dot_peak.
double measureDotRate(const FpmoeLevel &level, Team &team);

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CORE_LIMITS_H
