//===- Hooks.h - what translated kernels call ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What translated kernels call.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TEST_CUDA_EMULATOR_HOOKS_H
#define FPMOE_TEST_CUDA_EMULATOR_HOOKS_H

#include "Site.h"

namespace fpmoe::emulator::hooks {

// Before the access.
void load(uint64_t address, const Site *site);
void store(uint64_t address, const Site *site);
void atomicAccess(uint64_t address, const Site *site);
// After one that reads and writes.
void atomicDone(uint64_t address, const Site *site);
void fence(const Site *site);
// Instead of the intrinsics.
void copy(uint64_t to, uint64_t from, uint64_t bytes, const Site *site);
void fill(uint64_t to, uint64_t value, uint64_t bytes, const Site *site);

} // namespace fpmoe::emulator::hooks

#endif
