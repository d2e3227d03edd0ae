//===- ProgramBuilder.h - Builds one program of the step --------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Turns the ops of a fused graph into phases and tiles, for one token or for
// many. The tile sizes are chosen here.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_PASSES_SCHEDULE_PROGRAMBUILDER_H
#define FPMOE_PASSES_SCHEDULE_PROGRAMBUILDER_H

#include "dialects/Mega/Mega.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

namespace fpmoe {

/// Bounds of one program.
struct ProgramShape {
  llvm::StringRef name;
  int64_t maxTokens; ///< tokens of a step
  int64_t rows;      ///< tokens multiplied at a time
  bool rowMajor;     ///< each row of an operand lies together
  int64_t streams;   ///< panels read at once, for one token
  int64_t context;   ///< positions of a sequence
  /// Gives the inputs of the layers in the place of the logits.
  bool layerInputs = false;
};

/// Appends the program of `main` to its module. Every weight that is
/// multiplied must be packed already.
mlir::LogicalResult buildProgram(mlir::func::FuncOp main,
                                 const ProgramShape &shape);

/// K of a product as the kernels see it: whole vectors.
inline int64_t paddedColumns(int64_t columns) {
  return roundUpToPanel(columns);
}

} // namespace fpmoe

#endif
