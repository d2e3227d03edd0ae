//===- Pipeline.cpp - The codegen phase for CPUs --------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "passes/CPU/Passes.h"

using namespace mlir;

namespace fpmoe {
#define GEN_PASS_REGISTRATION
#include "passes/CPU/Passes.h.inc"
} // namespace fpmoe

void fpmoe::populateCodegenPipeline(OpPassManager &pm) {
  pm.addPass(createEmitLimits());
  pm.addPass(createOutlinePhases());
  pm.addPass(createLowerPhases());
  pm.addPass(createLowerDot2());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void fpmoe::populateLowerToLLVMPipeline(OpPassManager &pm) {
  pm.addPass(createSCFToControlFlowPass());
  ConvertVectorToLLVMPassOptions vectors;
  vectors.x86Vector = true;
  pm.addPass(createConvertVectorToLLVMPass(vectors));
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createConvertIndexToLLVMPass());
  pm.addPass(createUBToLLVMConversionPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void fpmoe::registerCPUPasses() {
  registerCPUPhasePasses();
  PassPipelineRegistration<>("fpmoe-codegen", "The codegen phase for CPUs",
                             populateCodegenPipeline);
  PassPipelineRegistration<>("fpmoe-lower-to-llvm",
                             "From codegen to the LLVM dialect",
                             populateLowerToLLVMPipeline);
}
