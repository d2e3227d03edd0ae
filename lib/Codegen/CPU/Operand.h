//===- Operand.h - Rows that products read ----------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_CPU_OPERAND_H
#define FPMOE_LIB_CODEGEN_CPU_OPERAND_H

#include "lib/Codegen/Formats/Format.h"

namespace fpmoe {

/// A block of an operand `[blocks, K/k, rows, k]` in memory.
class OperandBlock {
public:
  /// The block of the buffer that starts at `base`.
  OperandBlock(KernelBuilder &b, mlir::MemRefType type, mlir::Value base);
  /// Bytes of a block of this type.
  static int64_t getBytes(mlir::MemRefType type);

  OperandRows rows; ///< all of them, from the first element of K on

  /// Rounds 16 lanes to the element type and stores the first `valid` of them
  /// as columns [column, column + 16) of a row; `column` is a multiple of k.
  void store(mlir::Value lanes, mlir::Value row, mlir::Value column,
             int64_t valid = kLanes) const;
  /// Stores zeros: columns [from, to) of rows [firstRow, lastRow); columns are
  /// multiples of k.
  void clear(mlir::Value firstRow, mlir::Value lastRow, int64_t from,
             int64_t to) const;
  int64_t getColumns() const { return depth * k; }
  mlir::Type getElement() const { return element; }
  /// Elements of a row that stand together.
  int64_t getTogether() const { return k; }

private:
  mlir::Value rowAt(mlir::Value row) const {
    return b.at(rows.base, b.mul(row, rows.rowBytes));
  }

  KernelBuilder &b;
  mlir::Type element;
  int64_t depth, k;
};

} // namespace fpmoe

#endif
