//===- Pipeline.cpp - the fuse phase --------------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The order of the passes. Those that make large ops come first, the others
// take what is left: the last norm of a model, the projection after attention.
//
//===----------------------------------------------------------------------===//

#include "passes/Fuse/Passes.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

namespace fpmoe {

#define GEN_PASS_REGISTRATION
#include "passes/Fuse/Passes.h.inc"

void populateFusePipeline(mlir::OpPassManager &pm, const FuseOptions &) {
  pm.addPass(createFuseHeads());
  pm.addPass(createFuseQkv());
  pm.addPass(createFuseMoe());
  pm.addPass(createFuseScale());
  pm.addPass(createFuseNorm());
  pm.addPass(createFuseResidual());
  pm.addPass(createVerifyFused());
}

void registerFusePasses() {
  registerFPMoEFusePasses();
  mlir::PassPipelineRegistration<FuseOptions>("fpmoe-fuse", "The fuse phase",
                                              populateFusePipeline);
}

} // namespace fpmoe
