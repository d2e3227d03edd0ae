//===- OutlinedPhases.h - What lowering phases takes ------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Passes that lower phases, of whatever target, find them here: each in a
// function of its own, with the memory and weights that it takes.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_PASSES_CPU_OUTLINEDPHASES_H
#define FPMOE_PASSES_CPU_OUTLINEDPHASES_H

#include "lib/Codegen/CPU/Phase.h"

namespace fpmoe {

/// Emits the code of every phase in the place where it stands, and erases
/// phases, memory and weights. Fails, before anything is changed, where a phase
/// stands in no function of its own, where memory or a weight has no place, and
/// where `check` fails for a tile op.
mlir::LogicalResult lowerOutlinedPhases(
    mlir::ModuleOp module,
    llvm::function_ref<mlir::LogicalResult(mega::TileOpInterface)> check,
    llvm::function_ref<void(PhaseContext &, mega::PhaseOp)> emit);

/// Emits the tiles of a phase: `deal` gets how many there are (i64), and goes
/// with `emitNumber` over those of the worker. Without tiles, all of it is
/// emitted once.
void emitTiles(
    PhaseContext &phase, mega::PhaseOp op,
    llvm::function_ref<void(Tile)> emitOps,
    llvm::function_ref<void(mlir::Value total, KernelBuilder::Body emitNumber)>
        deal);

} // namespace fpmoe

#endif
