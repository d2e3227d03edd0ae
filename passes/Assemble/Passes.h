//===- Passes.h - the assemble phase ----------------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Turns the recipes of the weights into short ones: what has to be read of the
// checkpoint, and how it is put together.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_PASSES_ASSEMBLE_PASSES_H
#define FPMOE_PASSES_ASSEMBLE_PASSES_H

#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassOptions.h"

namespace fpmoe {

#define GEN_PASS_DECL
#include "passes/Assemble/Passes.h.inc"

/// There is nothing to choose.
struct AssembleOptions : mlir::PassPipelineOptions<AssembleOptions> {};

/// Adds the passes of the phase, the legality check last.
void populateAssemblePipeline(mlir::OpPassManager &pm,
                              const AssembleOptions &options);

/// Registers the passes, and the pipeline as `fpmoe-assemble`.
void registerAssemblePasses();

} // namespace fpmoe

#endif // FPMOE_PASSES_ASSEMBLE_PASSES_H
