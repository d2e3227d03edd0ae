//===- Passes.td - From programs to CPU code ---------------*- tablegen -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_PASSES_CPU_PASSES_TD
#define FPMOE_PASSES_CPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def MegaToVector : Pass<"mega-to-vector", "::mlir::ModuleOp"> {
  let summary = "Emits the functions of all programs";
  let description = [{
    Each phase becomes a function with loops over tiles and vectors of 16 lanes;
    each program becomes `@fpmoe_NAME(step, worker, scratch)`, which calls its
    phases and the barrier. Tiles of a program for one token are dealt out in
    equal runs; otherwise workers draw tickets for them. Adds the functions that
    measure the machine. Weights and programs are erased.

    A product sums up to `sums` vectors side by side; where rows times panels
    are more, it takes one panel after the other, and runs of rows. With
    `halves`, products of several rows in bf16 are not made of `mega.dot2`: they
    widen and multiply the lower halves of some pairs and then the upper ones,
    so that no register waits for the other half. Products of one row ask for
    the weights `prefetch` bytes ahead, in the next panel too, where a processor
    would not guess. With `tiles`, products of 16 or 32 rows in bf16 use the tile
    registers of AMX.
  }];
  let options = [
    Option<"sums", "sums", "int64_t", /*default=*/"24",
           "vectors of 16 sums that the registers hold beside their operands">,
    Option<"halves", "halves", "bool", /*default=*/"false",
           "multiply the halves of bf16 pairs in loops of their own">,
    Option<"prefetch", "prefetch", "int64_t", /*default=*/"0",
           "bytes by which products of one row read ahead; 0: not at all">,
    Option<"tiles", "tiles", "bool", /*default=*/"false",
           "multiply 16 rows of bf16 at a time, with AMX">
  ];
  let dependentDialects = [
    "::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"
  ];
}

def LowerDot2 : Pass<"mega-lower-dot2"> {
  let summary = "Lowers mega.dot2 to what the CPU has";
  let description = [{
    With `instruction=avx512-bf16`, to `x86vector.avx512.dot`. With
    `instruction=none`, to shifts, masks and two fused multiply-adds; roundings
    to bf16, which such a CPU lacks too, become integer arithmetic.
  }];
  let options = [
    Option<"instruction", "instruction", "std::string", /*default=*/"\"none\"",
           "avx512-bf16 or none">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::vector::VectorDialect",
    "::mlir::x86vector::X86VectorDialect"
  ];
}

#endif
