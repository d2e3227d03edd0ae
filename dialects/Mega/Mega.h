//===- Mega.h - The team dialect --------------------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Programs for a team of workers: phases of independent tiles, with barriers
// between them. The analysis of what conflicts stands here too.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_DIALECTS_MEGA_MEGA_H
#define FPMOE_DIALECTS_MEGA_MEGA_H

#include "dialects/FPMoE/FPMoE.h"
#include "dialects/Mega/Packing.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/TensorEncoding.h"

namespace mega {

/// What a tile touches of a buffer: the part that belongs to its coordinates in
/// the tile dimensions `dims`; parts of different coordinates do not overlap.
/// With no dims it is the whole buffer.
struct TileAccess {
  mlir::Value buffer;
  bool write;
  llvm::SmallVector<int64_t, 2> dims;
};

/// What a tile multiplies: the rows of an operand by all of the weights.
struct TileProduct {
  mlir::Value rows;
  llvm::SmallVector<mlir::Value, 2> weights;
};

} // namespace mega

#include "dialects/Mega/MegaDialect.h.inc"
#include "dialects/Mega/MegaEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Mega/MegaAttrs.h.inc"

#include "dialects/Mega/MegaInterfaces.h.inc"

#define GET_OP_CLASSES
#include "dialects/Mega/MegaOps.h.inc"

namespace mega {

/// Name of the module attribute that holds a `TargetAttr`.
constexpr llvm::StringLiteral kTargetAttr = "mega.target";

/// The target of the module that `op` is or is in; where it has none, one of
/// no processor in particular.
TargetAttr getTarget(mlir::Operation *op);

/// Whether memory is a worker's own; else it is the team's.
bool isPrivate(mlir::Value memory);

/// The type of a packed operand `[blocks, K/k, rows, k]` with the layout by
/// which each row lies together; null unless it has four dimensions, all
/// static.
mlir::MemRefType getRowMajorType(mlir::MemRefType operand);

/// The table of `mega.group`, of 32-bit numbers. With G groups (the routed
/// experts, then the shared one), B expert blocks and R rows a block:
///   first  [G + 1]  first block of each group, and the end of the last one
///   count  [B]      rows of a block that hold a token
///   token  [B, R]   the tokens
///   weight [B, R]   what the expert's output is multiplied with (f32)
struct GroupTableLayout {
  int64_t groups, blocks, rows;

  int64_t size() const { return groups + 1 + blocks * (1 + 2 * rows); }
  /// The layout of a table with so many groups.
  static GroupTableLayout withGroups(mlir::Value table, int64_t groups,
                                     int64_t rows);
  /// The layout of a table with so many blocks.
  static GroupTableLayout withBlocks(mlir::Value table, int64_t blocks,
                                     int64_t rows);
};

/// Whether two phases may run without a barrier between them: no worker meets a
/// part of a shared buffer that another still writes or reads. In a program of
/// one token, two phases of one tile each have the same worker.
bool mayOverlap(PhaseOp first, PhaseOp second);

} // namespace mega

#endif
