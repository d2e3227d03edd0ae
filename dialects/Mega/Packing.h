//===- Packing.h - Where the elements of packed weights are -----*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_DIALECTS_MEGA_PACKING_H
#define FPMOE_DIALECTS_MEGA_PACKING_H

#include "mlir/IR/BuiltinTypes.h"

namespace mega {

/// Columns of a vector: its lanes. Activations have whole vectors.
constexpr int64_t kVectorColumns = 16;

/// `columns` rounded up to whole vectors.
inline int64_t padColumns(int64_t columns) {
  return (columns + kVectorColumns - 1) / kVectorColumns * kVectorColumns;
}

/// Columns of an operand of `columns` columns with `tail` more behind them,
/// which begin at a vector of their own.
inline int64_t padColumns(int64_t columns, int64_t tail) {
  return padColumns(columns) + padColumns(tail);
}

/// A step of K of a row that integers multiply: 32 of i8, their scale (f32), and
/// 8 times their sum (i32), or with `int_dot = avx2` twice -4 times it (i16).
/// An operand is `[blocks, K/32, rows, kGroupStepBytes]` of i8.
constexpr int64_t kGroupElements = 32, kGroupScaleAt = 32, kGroupSumAt = 36,
                  kGroupStepBytes = 40;

/// A packed weight in memory: `[matrices, panels, depth, n, k]`, as
/// #mega.packed describes it.
struct PackedLayout {
  /// The layout of a type with that encoding.
  explicit PackedLayout(mlir::RankedTensorType type);

  int64_t matrices, rows, columns; ///< of the weight: [.., rows, columns]
  int64_t n, k, panels, depth;
  int64_t vectorBytes; ///< of the k elements of each of 16 columns
  bool halves;
  int64_t tail;

  /// So many elements of K filled up with zeros.
  int64_t padDepth(int64_t elements) const;
  /// Bytes of the k elements of each of n columns.
  int64_t stepBytes() const { return n / kVectorColumns * vectorBytes; }
  int64_t panelBytes() const { return depth * stepBytes(); }
  int64_t matrixBytes() const { return panels * panelBytes(); }
  /// Vectors of columns of a product that hold something.
  int64_t vectors() const;

  /// The row of the weight that lane `lane` of a panel holds; -1: zeros.
  int64_t getRow(int64_t panel, int64_t lane) const;
  /// The column of the weight that stands at `place` of K; -1: zero.
  int64_t getColumn(int64_t place) const;
};

} // namespace mega

#endif
