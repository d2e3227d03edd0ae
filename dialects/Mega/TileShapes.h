//===- TileShapes.h - What verifiers of tile ops ask ---------- -*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Sizes of operands and packed weights, for TileOps.cpp and ExpertOps.cpp.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_DIALECTS_MEGA_TILESHAPES_H
#define FPMOE_DIALECTS_MEGA_TILESHAPES_H

#include "dialects/Mega/Mega.h"

namespace mega {

inline int64_t dim(mlir::Value value, int64_t i) {
  mlir::ArrayRef<int64_t> shape =
      llvm::cast<mlir::ShapedType>(value.getType()).getShape();
  return i < 0 ? shape[shape.size() + i] : shape[i];
}

/// Columns of an operand `[blocks, K/k, rows, k]`; -1 of other memory.
inline int64_t columnsOf(mlir::Value operand) {
  auto type = llvm::cast<mlir::MemRefType>(operand.getType());
  if (type.getRank() != 4)
    return -1;
  if (type.getElementType().isInteger(8))
    return type.getDimSize(1) * kGroupElements;
  return type.getDimSize(1) * type.getDimSize(3);
}

inline bool isPacked(mlir::Value weight, size_t rank) {
  auto type = llvm::cast<mlir::RankedTensorType>(weight.getType());
  return type.getRank() == static_cast<int64_t>(rank) &&
         llvm::isa_and_nonnull<PackedAttr>(type.getEncoding());
}

inline PackedLayout layoutOf(mlir::Value weight) {
  return PackedLayout(llvm::cast<mlir::RankedTensorType>(weight.getType()));
}

/// Elements of K of a packed weight, as its operand has them.
inline int64_t paddedDepthOf(mlir::Value weight) {
  PackedLayout layout = layoutOf(weight);
  return layout.depth * layout.k;
}

/// Whether `memory` has two dimensions, the second `columns` wide.
inline bool hasColumns(mlir::Value memory, int64_t columns) {
  auto type = llvm::cast<mlir::MemRefType>(memory.getType());
  return type.getRank() == 2 && type.getDimSize(1) == columns;
}

inline mlir::LogicalResult fail(mlir::Operation *op, const llvm::Twine &what,
                                mlir::StringRef label) {
  return op->emitOpError(what + " (" + label + ")");
}

/// Whether the phase of an op has so many tiles in its first dimension: tiles
/// behind the last shard would be in other memory.
inline bool hasTiles(mlir::Operation *op, int64_t count) {
  auto phase = op->getParentOfType<PhaseOp>();
  if (!phase || !phase.getTiles() || phase.getTiles()->empty())
    return false;
  auto size = llvm::dyn_cast<mlir::IntegerAttr>((*phase.getTiles())[0]);
  return size && size.getInt() == count;
}

/// Whether shards of this packed weight, if there are several, multiply columns
/// of an operand that begin at whole vectors, and at whole groups of integers.
inline bool areWholeShards(mlir::Value weight) {
  PackedLayout layout = layoutOf(weight);
  int64_t columns = layout.columns - layout.tail;
  return dim(weight, -3) == 1 || columns == layout.padDepth(columns);
}

} // namespace mega

#endif
