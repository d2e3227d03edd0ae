//===- WeightsAhead.h - Weights of tiles to come ----------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A worker asks for weights before it multiplies by them: they come into a
// cache while it does other tiles, or waits. How many bytes, the step says.
// Nothing of what is computed depends on it.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_CPU_WEIGHTSAHEAD_H
#define FPMOE_LIB_CODEGEN_CPU_WEIGHTSAHEAD_H

#include "lib/Codegen/CPU/Phase.h"

#include <functional>

namespace fpmoe {

class WeightsAhead {
public:
  /// Emits the code that asks for so many bytes (i64) from a place on, as the
  /// target does it.
  using Request = std::function<void(mlir::Value from, mlir::Value bytes)>;

  /// Of a phase that reads weights (mega::PhaseOp::readsWeights), of one token.
  WeightsAhead(PhaseContext &phase, mega::PhaseOp op, Request request);

  /// How many tiles there are, and how many there is room for (i64), at least
  /// one.
  int64_t getTiles() const { return tiles; }
  mlir::Value getRoom() const { return room; }

  /// Asks for the weights of a tile, for as many as there is room for.
  void emit(mlir::Value tile);

private:
  void emitQkv(mega::QkvOp op, mlir::Value tile);
  void emitUp(mega::ExpertUpOp op, mlir::Value tile);
  void emitDown(mega::ExpertDownOp op, mlir::Value tile);
  /// Asks for the panels that hold vectors [first, first + vectors) of a matrix
  /// (i64, or null) of a weight, but for no more than `left` bytes; gives what
  /// is left then.
  mlir::Value ask(mlir::Value weight, mlir::Value matrix, mlir::Value first,
                  int64_t vectors, mlir::Value left);
  /// The same, of the matrix of the expert that is chosen in `slot`, if any, or
  /// of its shard.
  mlir::Value askRouted(mlir::Value weight, mlir::Value experts,
                        mlir::Value slot, mlir::Value first, int64_t vectors,
                        mlir::Value left, mlir::Value shard = {});

  PhaseContext &phase;
  KernelBuilder &b;
  mlir::Operation &op;
  Request request;
  int64_t tiles;
  mlir::Value ahead, room; ///< i64: bytes, and tiles of so many
};

} // namespace fpmoe

#endif
