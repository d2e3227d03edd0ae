//===- Heads.h - What a head of q, k or v goes through ----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// The steps between a projection and the attention, on one head that lies in
// scratch: `[D]` f32, zero up to a multiple of 16. One warp does them; between
// two of them its lanes meet.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_CUDA_HEADS_H
#define FPMOE_LIB_CODEGEN_CUDA_HEADS_H

#include "lib/Codegen/CPU/Cache.h"
#include "lib/Codegen/CUDA/Block.h"

namespace fpmoe::cuda {

/// RMS norm of the head, in place; the weight has D elements.
void emitHeadNorm(BlockContext &block, mlir::Value head, int64_t headDim,
                  mlir::Value weight, double eps);

/// Cuts elements off at -limit and limit, in place.
void emitClamp(BlockContext &block, mlir::Value head, int64_t headDim,
               double limit);

/// An element limited to [-limit, limit].
mlir::Value emitClamped(KernelBuilder &b, mlir::Value x, double limit);

/// Turns the last `width` of `headDim` elements by the table's row, in place:
/// (x0, x1) becomes (x0 c - x1 s, x1 c + x0 s).
void emitRope(BlockContext &block, mlir::Value head, mlir::Value table,
              int64_t headDim, int64_t width);

/// (x0, x1) of one column of the first half of a head, turned by the table's
/// row.
std::pair<mlir::Value, mlir::Value> emitTurn(KernelBuilder &b, mlir::Value x0,
                                             mlir::Value x1, mlir::Value table,
                                             mlir::Value column, int64_t half);

/// Stores finished heads where the attention finds them.
class HeadStore {
public:
  HeadStore(BlockContext &block, mlir::Value query, mlir::Value cache,
            mlir::Value positions, int64_t heads, int64_t headDim);

  // Rows of the step's token `token`, rounded up to whole vectors.
  void storeQuery(mlir::Value row, mlir::Value head, mlir::Value token);
  void storeKey(mlir::Value row, mlir::Value head, mlir::Value token);
  void storeValue(mlir::Value row, mlir::Value head, mlir::Value token);
  /// Where they are, and elements there, each by one thread.
  mlir::Value queryAt(mlir::Value head, mlir::Value token);
  mlir::Value keyAt(mlir::Value head, mlir::Value token);
  mlir::Value valueAt(mlir::Value head, mlir::Value token);
  void storeKeyElement(mlir::Value x, mlir::Value key, mlir::Value column);
  void storeValueElement(mlir::Value x, mlir::Value value, mlir::Value column);

private:
  void storeElement(mlir::Value element, mlir::Value to);

  BlockContext &block;
  KernelBuilder &b;
  mlir::Value query, positions;
  int64_t heads, headDim, padded;
  CacheLayout cache;
};

} // namespace fpmoe::cuda

#endif
