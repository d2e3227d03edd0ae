//===- WeightsAhead.h - Weights of a block's tiles to come ------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// All threads of a block ask together, for what comes into the second-level
// cache.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_CUDA_WEIGHTSAHEAD_H
#define FPMOE_LIB_CODEGEN_CUDA_WEIGHTSAHEAD_H

#include "lib/Codegen/CPU/WeightsAhead.h"
#include "lib/Codegen/CUDA/Block.h"

namespace fpmoe::cuda {

class WeightsAhead : public fpmoe::WeightsAhead {
public:
  WeightsAhead(BlockContext &block, mega::PhaseOp phase);

  /// Asks for the weights of the block's first tiles.
  void emitFirst();
  /// For those of the tile that is as far behind this one as there is room for.
  void emitBehind(mlir::Value tile);

private:
  BlockContext &block;
  KernelBuilder &b;
  mlir::Value workers;  ///< i64
  mlir::Value distance; ///< i64: tiles from one to that asked for
};

} // namespace fpmoe::cuda

#endif
