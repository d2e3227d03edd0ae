//===- Element.h - An element of a packed weight ----------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_CUDA_ELEMENT_H
#define FPMOE_LIB_CODEGEN_CUDA_ELEMENT_H

#include "lib/Codegen/Common/KernelBuilder.h"

namespace fpmoe::cuda {

/// Element [row, column] (i64) of the weight of a packed type that lies at
/// `base`, as f32.
mlir::Value emitElement(KernelBuilder &b, mlir::RankedTensorType type,
                        mlir::Value base, mlir::Value row, mlir::Value column);

/// f32 from the 16 bits of a bf16 (i32, zero above them).
mlir::Value widenBF16(KernelBuilder &b, mlir::Value bits);

} // namespace fpmoe::cuda

#endif
