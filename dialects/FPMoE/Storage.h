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

#include "mlir/IR/BuiltinTypes.h"

#include <optional>

namespace fpmoe {

/// Elements of a group of integers, which share a scale, and perhaps a minimum,
/// of IEEE half. They lie as `bits` bits without a sign, q + zero.
struct GroupFormat {
  static constexpr int64_t kElements = 32, kScaleBytes = 2;
  int64_t bits, zero;
  bool hasMinimum = false;
  int64_t getBytes() const {
    return kElements * bits / 8 + kScaleBytes * (hasMinimum ? 2 : 1);
  }
};
/// How elements of this type stand in groups; nothing if each stands alone.
std::optional<GroupFormat> getGroupFormat(mlir::Type element);

/// Bytes of a tensor that lies row by row; each row of groups fills them up.
int64_t getStorageBytes(mlir::RankedTensorType type);

/// Whether there is a format of this name.
bool isStorageName(llvm::StringRef name);
/// "f32, f16, bf16, int8, uint4, int4"
std::string listStorageNames();
/// The format that holds numbers of both: of integers that with more bits, f32
/// of others that differ.
llvm::StringRef joinStorage(llvm::StringRef a, llvm::StringRef b);
/// The element type of a format; null if there is none of this name.
mlir::Type getStorageType(mlir::MLIRContext *context, llvm::StringRef name);
/// The name of the format with this element type, which has one.
llvm::StringRef getStorageName(mlir::Type element);

} // namespace fpmoe

#endif
