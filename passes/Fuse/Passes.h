//===- Passes.h - the fuse phase --------------------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Makes the few large ops of which a step of the program consists. Fused ops
// compute what the plain ones did, from rearranged weights.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_PASSES_FUSE_PASSES_H
#define FPMOE_PASSES_FUSE_PASSES_H

#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassOptions.h"

namespace fpmoe {

#define GEN_PASS_DECL
#include "passes/Fuse/Passes.h.inc"

/// There is nothing to choose.
struct FuseOptions : mlir::PassPipelineOptions<FuseOptions> {};

/// Adds the passes of the phase, the legality check last.
void populateFusePipeline(mlir::OpPassManager &pm, const FuseOptions &options);

/// Registers the passes, and the pipeline as `fpmoe-fuse`.
void registerFusePasses();

} // namespace fpmoe

#endif // FPMOE_PASSES_FUSE_PASSES_H
