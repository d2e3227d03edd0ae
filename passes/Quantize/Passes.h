//===- Passes.h - the quantize phase ----------------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Chooses the format in which the weights stand in the program, and keys and
// values beside it.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_PASSES_QUANTIZE_PASSES_H
#define FPMOE_PASSES_QUANTIZE_PASSES_H

#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassOptions.h"

namespace fpmoe {

#define GEN_PASS_DECL
#include "passes/Quantize/Passes.h.inc"

/// How weights, keys and values are stored.
struct QuantizeOptions : mlir::PassPipelineOptions<QuantizeOptions> {
  Option<std::string> format{
      *this, "format",
      llvm::cl::desc(
          "f32, f16, bf16, int8, uint4 or int4, and rules, as in "
          "int4,*down_proj=int8; by default what the module says of its "
          "checkpoint")};
  Option<std::string> cache{
      *this, "cache",
      llvm::cl::desc("f32 or bf16; by default f32 if matrices are f32 or f16")};
};

/// Adds the passes of the phase, the legality check last.
void populateQuantizePipeline(mlir::OpPassManager &pm,
                              const QuantizeOptions &options);

/// Registers the passes, and the pipeline as `fpmoe-quantize`.
void registerQuantizePasses();

} // namespace fpmoe

#endif // FPMOE_PASSES_QUANTIZE_PASSES_H
