//===- Norm.h - Parts of the RMS norm ---------------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_CPU_NORM_H
#define FPMOE_LIB_CODEGEN_CPU_NORM_H

#include "lib/Codegen/Common/KernelBuilder.h"

namespace fpmoe {

/// 1 / sqrt(mean of squares + eps) of `columns` f32; the row is zero from there
/// to `paddedColumns`.
mlir::Value emitInverseRms(KernelBuilder &b, mlir::Value row,
                           int64_t paddedColumns, int64_t columns, double eps);
/// The same of the sum of squares.
mlir::Value emitInverseRms(KernelBuilder &b, mlir::Value squares,
                           int64_t columns, double eps);

/// The sum of squares of `columns` f32, whole vectors.
mlir::Value emitSquares(KernelBuilder &b, mlir::Value row, int64_t columns);

} // namespace fpmoe

#endif
