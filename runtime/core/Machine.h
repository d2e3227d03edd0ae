//===- Machine.h - what the machine offers ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The CPUs and the memory that this process may use, within its affinity mask
// and its control group, and a clock.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CORE_MACHINE_H
#define FPMOE_RUNTIME_CORE_MACHINE_H

#include <cstdint>
#include <string>

namespace fpmoe {

/// Monotonic time in nanoseconds, and in seconds.
int64_t nanoseconds();
inline double seconds() { return nanoseconds() * 1e-9; }

/// CPUs of the affinity mask, or fewer where the control group's quota gives
/// fewer; at least 1.
int32_t usableCpus();

/// Bytes of the second-level cache of a CPU and of its part of the third level,
/// of which 8 MiB count at most; a guess where they are unknown.
int64_t cacheBytesOfCpu();

/// Bytes of memory that the machine has.
int64_t installedMemory();

/// Bytes that can be allocated without swapping, within the control group.
int64_t availableMemory();

/// Whether a loader has started the program, without which no library works
/// that needs one: not of a program that was linked with --static.
bool hasLoader();

/// Returns the CPU's name, "" when it is unknown.
std::string cpuName();

/// Returns the text of a small file, "" when it cannot be read.
std::string readSmallFile(const char *path);

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CORE_MACHINE_H
