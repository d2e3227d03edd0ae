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

#include "dialects/Mega/Mega.h"
#include "mlir/Pass/Pass.h"

namespace fpmoe {

#define GEN_PASS_DECL
#include "passes/CPU/Passes.h.inc"

/// The codegen phase: from programs to functions over vectors, for the module's
/// `mega.target`.
void populateCodegenPipeline(mlir::OpPassManager &pm);

/// Adds the passes that leave nothing but the LLVM dialect.
void populateLowerToLLVMPipeline(mlir::OpPassManager &pm);

/// Registers the passes, and the pipelines `fpmoe-codegen` and
/// `fpmoe-lower-to-llvm`.
void registerCPUPasses();

} // namespace fpmoe

#endif
