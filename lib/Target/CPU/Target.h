//===- Target.h - CPUs that programs are made for ---------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_TARGET_CPU_TARGET_H
#define FPMOE_LIB_TARGET_CPU_TARGET_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <string>

namespace fpmoe {

/// A level of an instruction set.
struct CpuTarget {
  std::string name; ///< as on the command line: "avx512-bf16"
  std::string arch; ///< "x86_64" or "aarch64"
  std::string triple;
  std::string cpu;            ///< LLVM's name of the processor
  std::string features;       ///< LLVM's feature string
  uint32_t requiredFeatures;  ///< FPMOE_CPU_* that a program checks at start
  std::string dotInstruction; ///< see the pass mega-lower-dot2
  int64_t rows;               ///< tokens that are multiplied at a time
  int64_t tileRows;           ///< the same with the tile registers; 0: has none
  int64_t sums;               ///< see the pass mega-to-vector
  bool halves;                ///< see the pass mega-to-vector
  int64_t prefetch;           ///< see the pass mega-to-vector
  int64_t streams;            ///< see the pass fpmoe-build-programs
};

/// The level called `name`; "native" is the best one that this machine has.
llvm::Expected<CpuTarget> getCpuTarget(llvm::StringRef name);

/// Names of all levels, for messages: "native, avx512-bf16, ...".
std::string listCpuTargets();

} // namespace fpmoe

#endif
