//===- Passes.h - the specialize phase --------------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Makes the program of some languages out of that of all: other experts, and
// the router where it has no choice left, are gone.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_PASSES_SPECIALIZE_PASSES_H
#define FPMOE_PASSES_SPECIALIZE_PASSES_H

#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassOptions.h"

namespace fpmoe {

#define GEN_PASS_DECL
#include "passes/Specialize/Passes.h.inc"

/// What a program is specialised for.
struct SpecializeOptions : mlir::PassPipelineOptions<SpecializeOptions> {
  ListOption<std::string> languages{
      *this, "languages",
      llvm::cl::desc("Names of the experts to keep; none keeps all")};
};

/// Adds the passes of the phase, the legality check last.
void populateSpecializePipeline(mlir::OpPassManager &pm,
                                const SpecializeOptions &options);

/// Registers the passes, and the pipeline as `fpmoe-specialize`.
void registerSpecializePasses();

} // namespace fpmoe

#endif // FPMOE_PASSES_SPECIALIZE_PASSES_H
