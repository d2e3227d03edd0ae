//===- Target.h - CPUs that programs are made for ---------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_TARGET_CPU_TARGET_H
#define FPMOE_LIB_TARGET_CPU_TARGET_H

#include "dialects/Mega/Mega.h"
#include "runtime/core/Cpu.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <string>
#include <vector>

namespace fpmoe {

/// A level of an instruction set, or that of GPUs (lib/Target/CUDA), which says
/// of the CPU beside them what an object file needs.
struct CpuTarget {
  std::string name; ///< as on the command line: "avx512-bf16"
  std::string arch; ///< "x86_64" or "aarch64"
  std::string triple;
  std::string cpu;           ///< LLVM's name of the processor
  std::string features;      ///< LLVM's feature string
  uint32_t requiredFeatures; ///< FPMOE_CPU_* that a program checks at start
  mega::DotInstruction dot;  ///< these: see #mega.target
  mega::IntDotInstruction intDot;
  int64_t rows, tileRows, accumulators, columns, prefetch;
  /// Keys and values of a span stay in the second-level cache while the rows of
  /// a block pass.
  int64_t span = 512;
  int64_t threads = 1;
  bool isGpu = false;

  /// What passes know of it: the module attribute `mega.target`.
  mega::TargetAttr getAttr(mlir::MLIRContext *context) const;
};

/// The level called `name`; "native" is the best one whose programs start on
/// this machine, whose CPU has these words.
llvm::Expected<CpuTarget> getCpuTarget(llvm::StringRef name,
                                       const CpuWords &words = readCpuWords());

/// The levels of a list such as "avx512-bf16,x86-64-v3", each once, the best
/// one first; "all" are those of this machine's architecture. They are of one
/// architecture, and agree on how weights are packed, so that one program can
/// have all of them.
llvm::Expected<std::vector<CpuTarget>>
getCpuTargets(llvm::StringRef names, const CpuWords &words = readCpuWords());

/// The level of this machine's architecture that asks for the least.
llvm::Expected<CpuTarget> getBaseTarget();

/// Names of all levels, for messages: "native, avx512-bf16, ...".
std::string listCpuTargets();

} // namespace fpmoe

#endif
