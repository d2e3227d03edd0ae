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
  int64_t multiple = 1; ///< of it are the steps of the product
};

/// The rows of a block of a packed operand, from `base` on, for a product over
/// `steps` of its steps.
DotRows getRows(mlir::Value operand, mlir::Value base, int64_t steps);

/// What a product gives: 16 lanes of f32 for each row r and panel p, at
/// [r * panels + p]. Sums of tile registers are read from the stack where they
/// are wanted, and only until the next product of the function.
class DotSums {
public:
  DotSums(llvm::SmallVector<mlir::Value> lanes) : lanes(std::move(lanes)) {}
  DotSums(KernelBuilder &b, mlir::Value stack) : b(&b), stack(stack) {}

  mlir::Value operator[](int64_t i) const {
    return b ? b->loadLanes(b->at(stack, i * kLanes * 4)) : lanes[i];
  }

private:
  llvm::SmallVector<mlir::Value> lanes;
  KernelBuilder *b = nullptr;
  mlir::Value stack;
};

/// Emits the loop over `steps` (i64), once for all sums if the registers hold
/// them, or one for each part that they hold. `panelStepBytes` lie between the
/// steps of a panel.
DotSums emitDot(KernelBuilder &b, bool bf16, int64_t rows,
                const DotRows &operand, llvm::ArrayRef<mlir::Value> panels,
                mlir::Value steps, int64_t panelStepBytes = kPanelStepBytes);

/// As emitDot, of pairs of bf16 and a multiple of 16 rows, each of which lies
/// together, with the tile registers of AMX.
DotSums emitDotTiles(KernelBuilder &b, int64_t rows, const DotRows &operand,
                     llvm::ArrayRef<mlir::Value> panels, mlir::Value steps);
/// Emits `iterations` times as many tile products as hide their latency.
/// Returns a sum of theirs, and sets `ops` to the operations of an iteration.
mlir::Value emitTilePeak(KernelBuilder &b, mlir::Value iterations,
                         int64_t &ops);

/// Memory of the function that is emitted; the same for all of its products.
mlir::Value getStack(KernelBuilder &b, int64_t bytes);

/// Rounds 16 lanes to the format and stores them as columns
/// [16 chunk, 16 chunk + 16) of a row of a packed operand, whose steps are
/// `stepBytes` apart; `row` points to the row's first step. Stores only the
/// first `valid` lanes.
void storePacked(KernelBuilder &b, bool bf16, mlir::Value lanes,
                 mlir::Value row, mlir::Value chunk, int64_t stepBytes,
                 int64_t valid = kLanes);

} // namespace fpmoe

#endif
