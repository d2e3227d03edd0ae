//===- Pipeline.cpp - the quantize phase ----------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The order of the passes: a rounding is folded into the load that it follows.
//
//===----------------------------------------------------------------------===//

#include "passes/Quantize/Passes.h"

#include "passes/Assemble/Passes.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

namespace fpmoe {

#define GEN_PASS_REGISTRATION
#include "passes/Quantize/Passes.h.inc"

void populateQuantizePipeline(mlir::OpPassManager &pm,
                              const QuantizeOptions &options) {
  pm.addPass(createSetStorage({options.format}));
  pm.addPass(createSetCache({options.cache}));
  pm.addPass(createFoldRecipes());
  pm.addPass(createVerifyStorage());
}

void registerQuantizePasses() {
  registerFPMoEQuantizePasses();
  mlir::PassPipelineRegistration<QuantizeOptions>(
      "fpmoe-quantize", "The quantize phase", populateQuantizePipeline);
}

} // namespace fpmoe
