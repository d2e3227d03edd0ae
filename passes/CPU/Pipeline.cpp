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
#include "mlir/Pass/PassOptions.h"
#include "mlir/Transforms/Passes.h"
#include "passes/CPU/Passes.h"

using namespace mlir;

namespace fpmoe {
#define GEN_PASS_REGISTRATION
#include "passes/CPU/Passes.h.inc"
} // namespace fpmoe

namespace {
struct PipelineOptions : PassPipelineOptions<PipelineOptions> {
  Option<std::string> instruction{*this, "instruction",
                                  llvm::cl::desc("avx512-bf16 or none"),
                                  llvm::cl::init("none")};
  Option<int64_t> sums{*this, "sums", llvm::cl::desc("see mega-to-vector"),
                       llvm::cl::init(24)};
  Option<bool> halves{*this, "halves", llvm::cl::desc("see mega-to-vector"),
                      llvm::cl::init(false)};
  Option<int64_t> prefetch{*this, "prefetch",
                           llvm::cl::desc("see mega-to-vector"),
                           llvm::cl::init(0)};
  Option<bool> tiles{*this, "tiles", llvm::cl::desc("see mega-to-vector"),
                     llvm::cl::init(false)};
};
} // namespace

void fpmoe::populateCodegenPipeline(OpPassManager &pm,
                                    const CodegenOptions &options) {
  MegaToVectorOptions emit;
  emit.sums = options.sums;
  emit.halves = options.halves;
  emit.prefetch = options.prefetch;
  emit.tiles = options.tiles;
  pm.addPass(createMegaToVector(emit));
  LowerDot2Options dot2;
  dot2.instruction = options.dotInstruction;
  pm.addPass(createLowerDot2(dot2));
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
  PassPipelineRegistration<PipelineOptions>(
      "fpmoe-codegen", "The codegen phase for CPUs",
      [](OpPassManager &pm, const PipelineOptions &options) {
        populateCodegenPipeline(pm, {options.instruction, options.sums,
                                     options.halves, options.prefetch,
                                     options.tiles});
      });
  PassPipelineRegistration<>("fpmoe-lower-to-llvm",
                             "From codegen to the LLVM dialect",
                             populateLowerToLLVMPipeline);
}
