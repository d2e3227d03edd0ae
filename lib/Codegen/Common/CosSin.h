//===- CosSin.h - Cosines and sines of any angle ----------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_COMMON_COSSIN_H
#define FPMOE_LIB_CODEGEN_COMMON_COSSIN_H

#include "lib/Codegen/Common/KernelBuilder.h"

namespace fpmoe {

/// cos(angle) and sin(angle) of f64, or of 16 lanes of it, to 1e-11.
std::pair<mlir::Value, mlir::Value> emitCosSin(KernelBuilder &b,
                                               mlir::Value angle);

} // namespace fpmoe

#endif
