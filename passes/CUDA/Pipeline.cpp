//===- Pipeline.cpp - The codegen phase for NVIDIA GPUs -------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "passes/CPU/Passes.h"
#include "passes/CUDA/Passes.h"

using namespace mlir;

namespace fpmoe {
#define GEN_PASS_REGISTRATION
#include "passes/CUDA/Passes.h.inc"
} // namespace fpmoe

void fpmoe::populateCudaCodegenPipeline(OpPassManager &pm) {
  pm.addPass(createOutlinePhases());
  pm.addPass(createLowerPhasesToBlocks());
  pm.addPass(createMakeKernels());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void fpmoe::populateLowerToNVVMPipeline(OpPassManager &pm) {
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createConvertIndexToLLVMPass());
  pm.addPass(createUBToLLVMConversionPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void fpmoe::registerCudaPasses() {
  registerCUDAPhasePasses();
  PassPipelineRegistration<>("fpmoe-codegen-cuda",
                             "The codegen phase for NVIDIA GPUs",
                             populateCudaCodegenPipeline);
  PassPipelineRegistration<>("fpmoe-lower-to-nvvm",
                             "From kernels to the LLVM and NVVM dialects",
                             populateLowerToNVVMPipeline);
}
