//===- Storage.h - Formats in which matrices are stored ---------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A format has a name, which people use, and an element type, by which the
// compiler knows it: how it is packed and multiplied stands in
// lib/Codegen/Formats.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_DIALECTS_FPMOE_STORAGE_H
#define FPMOE_DIALECTS_FPMOE_STORAGE_H

#include "mlir/IR/Types.h"

namespace fpmoe {

/// Whether there is a format of this name.
bool isStorageName(llvm::StringRef name);
/// "f32, f16, bf16"
std::string listStorageNames();
/// The element type of a format; null if there is none of this name.
mlir::Type getStorageType(mlir::MLIRContext *context, llvm::StringRef name);
/// The name of the format with this element type, which has one.
llvm::StringRef getStorageName(mlir::Type element);

} // namespace fpmoe

#endif
