//===- Scores.h - Scores of experts -----------------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_CPU_SCORES_H
#define FPMOE_LIB_CODEGEN_CPU_SCORES_H

#include "lib/Codegen/Common/KernelBuilder.h"

namespace fpmoe {

/// The product of a row of f32 in memory and one whose lanes `load` gives, each
/// by the offset in bytes. The latter are zero past the last column, so that
/// anything may follow the former.
mlir::Value
emitRowDot(KernelBuilder &b, int64_t paddedColumns, mlir::Value row,
           llvm::function_ref<mlir::Value(mlir::Value offset)> load);

/// Stores the logits of `count` experts, and returns the largest.
mlir::Value emitLogits(KernelBuilder &b, mlir::Value scores, int64_t count,
                       llvm::function_ref<mlir::Value(mlir::Value)> logitOf);

/// Replaces logits by powers of e of what they are above the largest, and
/// returns the sum.
mlir::Value emitPowers(KernelBuilder &b, mlir::Value scores, int64_t count,
                       mlir::Value largest);

/// Stores the softmax of logits.
void emitSoftmax(KernelBuilder &b, mlir::Value scores, int64_t count,
                 llvm::function_ref<mlir::Value(mlir::Value)> logitOf);

} // namespace fpmoe

#endif
