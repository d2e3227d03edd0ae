//===- Tiles.h - Tile registers of AMX --------------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A tile register holds 16 rows of 64 bytes at most. A product multiplies rows
// of words, which are pairs of bf16 or four bytes, by as many rows of 16 words,
// one of each column.
//
// LLVM chooses registers and their configuration. A function has but eight of
// them, each of one shape: all its products have the same rows and depth.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_FORMATS_TILES_H
#define FPMOE_LIB_CODEGEN_FORMATS_TILES_H

#include "lib/Codegen/Formats/Format.h"

namespace fpmoe {

constexpr int64_t kTileBytes = 64;

/// Emits intrinsics. Sums and left factors have `rows` rows; sums have 16
/// columns of f32 or i32.
class Tiles {
public:
  using Value = mlir::Value;

  Tiles(KernelBuilder &b, int64_t rows);

  Value zero();
  /// `count` rows of `bytes` bytes, `stride` bytes apart.
  Value load(Value from, int64_t count, int64_t bytes, int64_t stride);
  void store(Value tile, Value to, int64_t stride);
  /// sum + lhs * rhs, where rows of lhs have `bytes` bytes: pairs of bf16.
  Value dotBF16(Value sum, Value lhs, Value rhs, int64_t bytes);
  /// The same of four bytes each, all of them with a sign.
  Value dotBytes(Value sum, Value lhs, Value rhs, int64_t bytes);

  /// See Format::emitPeak. Rows of left factors have `bytes` bytes, and words
  /// `perWord` elements.
  Value emitPeak(Value iterations, int64_t bytes, int64_t perWord, int64_t &ops,
                 llvm::function_ref<Value(Tiles &, Value, Value, Value)> dot);

private:
  Value i16(int64_t value);
  Value call(llvm::StringRef name, mlir::Type result,
             llvm::ArrayRef<Value> arguments);
  Value dot(llvm::StringRef name, Value sum, Value lhs, Value rhs,
            int64_t bytes);

  KernelBuilder &b;
  int64_t rows;
  mlir::Type type;
};

} // namespace fpmoe

#endif
