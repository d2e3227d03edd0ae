//===- PackedStep.h - a step in one piece of memory ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a step says, as the device gets it: FpmoeStep first, then all that it
// points to, so that a step takes one copy.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CUDA_PACKEDSTEP_H
#define FPMOE_RUNTIME_CUDA_PACKEDSTEP_H

#include "include/fpmoe/runtime/abi.h"

namespace fpmoe::cuda {

/// Writes the step to `to`, and behind it its tickets, all zero, and what the
/// host has set of it; pointers are those that they become when it lies at `at`
/// of the device. Logits, weights, cache, shared and routes are addresses of
/// the device already. Returns how many bytes that takes; writes nothing where
/// `to` is null.
int64_t packStep(const FpmoeStep &step, int64_t tickets, uint8_t *to,
                 uint64_t at);

} // namespace fpmoe::cuda

#endif // FPMOE_RUNTIME_CUDA_PACKEDSTEP_H
