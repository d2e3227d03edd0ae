//===- Passes.td - From programs to CPU code ---------------*- tablegen -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_PASSES_CPU_PASSES_TD
#define FPMOE_PASSES_CPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def EmitLimits : Pass<"mega-emit-limits", "::mlir::ModuleOp"> {
  let summary = "Adds the functions that measure the machine";
  let description = [{
    `@fpmoe_dot_peak` does what the products of the format do in which the most is
    stored, on registers; `@fpmoe_read_peak` reads memory.
  }];
  let dependentDialects = [
    "::mega::MegaDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"
  ];
}

def OutlinePhases : Pass<"mega-outline-phases", "::mlir::ModuleOp"> {
  let summary = "Makes a function of each phase, and of each program";
  let description = [{
    Each program becomes `@fpmoe_NAME(step, worker, scratch)`, which goes over its
    layers and calls the functions of its phases and the barrier. The function of a
    phase takes the layer, its number among the layers of its kind, and the ticket
    too; it holds the phase, and the memory and weights that the phase takes.
  }];
  let dependentDialects = [
    "::mega::MegaDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect"
  ];
}

def LowerPhases : Pass<"mega-lower-phases", "::mlir::ModuleOp"> {
  let summary = "Emits the code of phases";
  let description = [{
    A phase becomes a loop over tiles, which for one token are dealt out in equal
    runs; otherwise workers draw tickets for them. The code of tile ops is that of
    lib/Codegen/CPU: loops over vectors of 16 lanes, products as the formats of the
    weights make them for the module's `mega.target`. Weights are erased.
  }];
  let dependentDialects = [
    "::mega::MegaDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"
  ];
}

def LowerDot2 : Pass<"mega-lower-dot2", "::mlir::ModuleOp"> {
  let summary = "Lowers mega.dot2 to what the CPU has";
  let description = [{
    Where the module's `mega.target` has the instruction, to `x86vector.avx512.dot`, or
    on Arm to calls of BFDOT's intrinsic, four lanes each.
    Elsewhere to shifts, masks and two fused multiply-adds; roundings to bf16, which
    such a CPU lacks too, become integer arithmetic.
  }];
  let dependentDialects = [
    "::mega::MegaDialect", "::mlir::arith::ArithDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::vector::VectorDialect",
    "::mlir::x86vector::X86VectorDialect"
  ];
}

#endif
