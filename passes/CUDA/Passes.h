//===- Passes.h - From programs to kernels for NVIDIA GPUs ------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// The codegen phase for GPUs: a persistent kernel of each program, whose blocks
// of threads are the workers; and the lowering to the LLVM and NVVM dialects.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_PASSES_CUDA_PASSES_H
#define FPMOE_PASSES_CUDA_PASSES_H

#include "dialects/Mega/Mega.h"
#include "mlir/Pass/Pass.h"

namespace fpmoe {

#define GEN_PASS_DECL
#include "passes/CUDA/Passes.h.inc"

/// The codegen phase: from programs to kernels.
void populateCudaCodegenPipeline(mlir::OpPassManager &pm);

/// Adds the passes that leave nothing but the LLVM and NVVM dialects.
void populateLowerToNVVMPipeline(mlir::OpPassManager &pm);

/// Registers the passes, and the pipelines `fpmoe-codegen-cuda` and
/// `fpmoe-lower-to-nvvm`.
void registerCudaPasses();

} // namespace fpmoe

#endif
