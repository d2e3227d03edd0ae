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

namespace mega {

/// What a tile touches of a buffer: the part that belongs to its coordinates in
/// the tile dimensions `dims`; parts of different coordinates do not overlap.
/// With no dims it is the whole buffer.
struct TileAccess {
  mlir::Value buffer;
  bool write;
  llvm::SmallVector<int64_t, 2> dims;
};

} // namespace mega

#include "dialects/Mega/MegaDialect.h.inc"
#include "dialects/Mega/MegaEnums.h.inc"
#include "dialects/Mega/MegaInterfaces.h.inc"

#define GET_OP_CLASSES
#include "dialects/Mega/MegaOps.h.inc"

namespace mega {

/// The space of the buffer that `value` is.
BufferSpace getSpace(mlir::Value buffer);

/// The type of a packed operand `[blocks, K/s, rows, s]` with the layout by
/// which the steps of each row lie together; null unless it has four
/// dimensions, all static.
mlir::MemRefType getRowMajorType(mlir::MemRefType operand);

/// Whether two phases may run without a barrier between them: no worker can
/// then meet a part of a shared buffer that another worker still writes or
/// reads.
bool mayOverlap(PhaseOp first, PhaseOp second);

} // namespace mega

#endif
