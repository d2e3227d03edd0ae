//===- Pipeline.cpp - the assemble phase ----------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The order of the passes: equal weights are found after their recipes are
// folded.
//
//===----------------------------------------------------------------------===//

#include "passes/Assemble/Passes.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

namespace fpmoe {

#define GEN_PASS_REGISTRATION
#include "passes/Assemble/Passes.h.inc"

void populateAssemblePipeline(mlir::OpPassManager &pm,
                              const AssembleOptions &) {
  pm.addPass(createFoldRecipes());
  pm.addPass(createMergeWeights());
  pm.addPass(createVerifyRecipes());
}

void registerAssemblePasses() {
  registerFPMoEAssemblePasses();
  mlir::PassPipelineRegistration<AssembleOptions>(
      "fpmoe-assemble", "The assemble phase", populateAssemblePipeline);
}

} // namespace fpmoe
