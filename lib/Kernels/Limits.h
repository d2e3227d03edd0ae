//===- Limits.h - Functions that measure the machine ------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_KERNELS_LIMITS_H
#define FPMOE_LIB_KERNELS_LIMITS_H

#include "lib/Kernels/KernelBuilder.h"

namespace fpmoe {

/// Emits the body of FpmoeModel.dot_peak: the dot instruction on registers, on
/// as many sums as they hold. Returns the number of operations (i64).
mlir::Value emitDotPeak(KernelBuilder &b, bool bf16, mlir::Value iterations);

/// Emits the body of FpmoeModel.read_peak. Returns a checksum (i64).
mlir::Value emitReadPeak(KernelBuilder &b, mlir::Value data, mlir::Value bytes);

} // namespace fpmoe

#endif
