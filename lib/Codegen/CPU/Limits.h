//===- Limits.h - Functions that measure the machine ------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_CPU_LIMITS_H
#define FPMOE_LIB_CODEGEN_CPU_LIMITS_H

#include "lib/Codegen/Formats/Format.h"

namespace fpmoe {

/// Emits the body of FpmoeModel.dot_peak: what products of the format do, on
/// registers. Returns the number of operations (i64).
mlir::Value emitDotPeak(KernelBuilder &b, const Format &format,
                        mlir::Value iterations);

/// Emits the body of FpmoeModel.read_peak. Returns a checksum (i64).
mlir::Value emitReadPeak(KernelBuilder &b, mlir::Value data, mlir::Value bytes);

} // namespace fpmoe

#endif
