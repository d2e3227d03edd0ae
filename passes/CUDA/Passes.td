//===- Passes.td - From programs to kernels ----------------*- tablegen -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_PASSES_CUDA_PASSES_TD
#define FPMOE_PASSES_CUDA_PASSES_TD

include "mlir/Pass/PassBase.td"

def LowerPhasesToBlocks : Pass<"mega-lower-phases-to-blocks", "::mlir::ModuleOp"> {
  let summary = "Emits the code of phases for blocks of threads";
  let description = [{
    A phase, outlined by `mega-outline-phases`, becomes a loop over the tiles of this
    block: every `workers`-th one. The code of tile ops is that of lib/Codegen/CUDA,
    for all threads of a block together, which meet behind each. Of one token, a block
    asks for the weights of later tiles before it does one. Weights are erased.
  }];
  let dependentDialects = [
    "::mega::MegaDialect", "::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect",
    "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"
  ];
}

def MakeKernels : Pass<"mega-make-kernels", "::mlir::ModuleOp"> {
  let summary = "Makes persistent kernels of the functions of programs";
  let description = [{
    A program's function `@fpmoe_NAME(step, worker, scratch)` becomes one of the device,
    and a kernel `@fpmoe_NAME(step)` calls it with the number of the block and its
    shared memory. `@fpmoe_barrier` becomes a barrier of the grid: a counter, the first
    of the step's tickets, that only grows. A block that waits for longer than ten
    seconds traps.
  }];
  let dependentDialects = [
    "::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect",
    "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect"
  ];
}

#endif
