//===- Passes.h - From programs to CPU code ---------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// The codegen phase: functions over vectors, with the target's dot instruction;
// and the lowering of those to the LLVM dialect.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_PASSES_CPU_PASSES_H
#define FPMOE_PASSES_CPU_PASSES_H

#include "mlir/Pass/Pass.h"

namespace fpmoe {

#define GEN_PASS_DECL
#include "passes/CPU/Passes.h.inc"

struct CodegenOptions {
  std::string dotInstruction = "none"; ///< see mega-lower-dot2
  int64_t sums = 24;                   ///< see mega-to-vector
  bool halves = false;                 ///< see mega-to-vector
  int64_t prefetch = 0;                ///< see mega-to-vector
  bool tiles = false;                  ///< see mega-to-vector
};

/// Adds the passes of the codegen phase.
void populateCodegenPipeline(mlir::OpPassManager &pm,
                             const CodegenOptions &options = {});

/// Adds the passes that leave nothing but the LLVM dialect.
void populateLowerToLLVMPipeline(mlir::OpPassManager &pm);

/// Registers the passes, and the pipelines `fpmoe-codegen` and
/// `fpmoe-lower-to-llvm`.
void registerCPUPasses();

} // namespace fpmoe

#endif
