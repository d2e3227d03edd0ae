//===- WeightsAhead.h - Weights of tiles to come ----------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A block asks for weights before it multiplies by them: they come into the
// second-level cache while it does other tiles, or waits. How many bytes, the
// step says. Nothing of what is computed depends on it.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_CUDA_WEIGHTSAHEAD_H
#define FPMOE_LIB_CODEGEN_CUDA_WEIGHTSAHEAD_H

#include "lib/Codegen/CUDA/Block.h"

namespace fpmoe::cuda {

class WeightsAhead {
public:
  /// Of a phase that reads weights (mega::PhaseOp::readsWeights), of one token.
  WeightsAhead(BlockContext &block, mega::PhaseOp phase);

  /// Asks for the weights of the block's first tiles.
  void emitFirst();
  /// For those of the tile that is as far behind this one as there is room for.
  void emitBehind(mlir::Value tile);

private:
  /// Of a tile: its shard, null where there are none, which tile it is of that,
  /// and how many shards there are. `rank` is that of a weight without any.
  struct TileShard {
    mlir::Value shard, chunk;
    int64_t shards;
  };

  void emitTile(mlir::Value tile);
  void emitQkv(mega::QkvOp op, mlir::Value tile);
  void emitUp(mega::ExpertUpOp op, mlir::Value tile);
  void emitDown(mega::ExpertDownOp op, mlir::Value tile);
  TileShard shardOf(mlir::Value weight, int64_t rank, int64_t vectors,
                    mlir::Value tile);
  /// Asks for the panels that hold vectors [first, first + vectors) of a matrix
  /// (i64, or null) of a weight, but for no more than `left` bytes; gives what
  /// is left then.
  mlir::Value ask(mlir::Value weight, mlir::Value matrix, mlir::Value first,
                  int64_t vectors, mlir::Value left);
  /// The same, of the matrix of the expert that is chosen in `slot`, if any.
  mlir::Value askRouted(mlir::Value weight, mlir::Value experts,
                        mlir::Value slot, mlir::Value first, int64_t vectors,
                        mlir::Value left, const TileShard &of);

  BlockContext &block;
  KernelBuilder &b;
  mlir::Operation &op;
  int64_t tiles;
  /// i64: bytes; blocks of the grid; tiles from one to that asked for.
  mlir::Value ahead, workers, distance;
};

} // namespace fpmoe::cuda

#endif
