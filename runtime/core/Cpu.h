//===- Cpu.h - what this CPU can do ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compares the features that a program was compiled for with those of the CPU
// it runs on, before any of its code runs: a missing one is a message, never
// an illegal instruction. The compiler asks the same when it chooses for
// `native`, so that it makes no program that would not start here.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CORE_CPU_H
#define FPMOE_RUNTIME_CORE_CPU_H

#include <cstdint>
#include <string>
#include <vector>

namespace fpmoe {

/// The words that the features are read from: those of cpuid and xgetbv, or of
/// what Linux says of an Arm CPU.
struct CpuWords {
  uint32_t leaf1Ecx = 0;
  uint32_t leaf7Ebx = 0;
  uint32_t leaf7Ecx = 0;
  uint32_t leaf7Edx = 0;
  uint32_t leaf7Sub1Eax = 0;
  uint32_t extended1Ecx = 0;
  uint64_t enabledState = 0; /// xcr0; 0 without operating system support
  uint32_t hwcap = 0, hwcap2 = 0;
};

/// Reads the words of this CPU; all 0 on other architectures.
CpuWords readCpuWords();

/// Returns the names of the features of `needed`, a mask of FPMOE_CPU_*, that
/// are missing, in /proc/cpuinfo's spelling. A bit that this runtime does not
/// know counts as missing.
std::vector<std::string> missingFeatures(uint32_t needed,
                                         const CpuWords &words);

/// Asks the system for the state that features of `needed` have beside the
/// registers of every process. Must come before threads start. Returns false
/// where the system refuses.
bool requestState(uint32_t needed);

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CORE_CPU_H
