//===- fpmoe-opt.cpp - Runs passes on IR of any phase ---------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Mega/Mega.h"
#include "lib/Tool/EscapedErrors.h"
#include "lib/Tool/InputFiles.h"
#include "lib/Tool/Process.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"
#include "passes/Assemble/Passes.h"
#include "passes/CPU/Passes.h"
#include "passes/CUDA/Passes.h"
#include "passes/Fuse/Passes.h"
#include "passes/Quantize/Passes.h"
#include "passes/Schedule/Passes.h"
#include "passes/Specialize/Passes.h"

int main(int argc, char **argv) {
  fpmoe::initTool();
  fpmoe::escapeErrors(); // MLIR prints lines of the input
  mlir::DialectRegistry registry;
  registry
      .insert<fpmoe::FPMoEDialect, mega::MegaDialect, mlir::arith::ArithDialect,
              mlir::func::FuncDialect, mlir::LLVM::LLVMDialect,
              mlir::NVVM::NVVMDialect, mlir::scf::SCFDialect,
              mlir::vector::VectorDialect, mlir::x86vector::X86VectorDialect>();
  mlir::registerTransformsPasses();
  fpmoe::registerAssemblePasses();
  fpmoe::registerSpecializePasses();
  fpmoe::registerFusePasses();
  fpmoe::registerQuantizePasses();
  fpmoe::registerSchedulePasses();
  fpmoe::registerCPUPasses();
  fpmoe::registerCudaPasses();
  auto [input, output] = mlir::registerAndParseCLIOptions(
      argc, argv, "fpmoe: passes of the compiler\n", registry);
  fpmoe::InputFiles inputs;
  inputs.addFile(input);
  if (llvm::Error error = inputs.checkOutput(output))
    return fpmoe::reportError(toString(std::move(error)));
  return fpmoe::finishTool(mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, input, output, registry)));
}
