//===- Dot.h - The inner loop of every product ------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Rows of an operand times panels of 16 columns, summed over K in registers.
// One step is two bf16 or one f32 of every row and column.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_KERNELS_DOT_H
#define FPMOE_LIB_KERNELS_DOT_H

#include "lib/Kernels/KernelBuilder.h"

namespace fpmoe {

/// Where the rows' elements are: element of row r and step k is at
/// base + r * rowBytes + k * stepBytes.
struct DotRows {
  mlir::Value base;
  int64_t rowBytes;
  int64_t stepBytes;
};

/// Emits the loop over `steps` (i64), once for all sums if the registers hold
/// them, or one for each part that they hold. Returns the sums, 16 lanes of f32
/// each, of row r and panel p at [r * panels.size() + p]. `panelStepBytes` lie
/// between the steps of a panel.
llvm::SmallVector<mlir::Value>
emitDot(KernelBuilder &b, bool bf16, int64_t rows, const DotRows &operand,
        llvm::ArrayRef<mlir::Value> panels, mlir::Value steps,
        int64_t panelStepBytes = kPanelStepBytes);

/// Rounds 16 lanes to the format and stores them as columns
/// [16 chunk, 16 chunk + 16) of a row of a packed operand with `rows` rows;
/// `row` points to the row's first step. Stores only the first `valid` lanes.
void storePacked(KernelBuilder &b, bool bf16, mlir::Value lanes,
                 mlir::Value row, mlir::Value chunk, int64_t rows,
                 int64_t valid = kLanes);

} // namespace fpmoe

#endif
