//===- Heads.h - What a head of q, k or v goes through ----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// The steps between a projection and the attention, on one head that lies in
// scratch: `[D]` f32, zero up to a multiple of 16.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_CPU_HEADS_H
#define FPMOE_LIB_CODEGEN_CPU_HEADS_H

#include "lib/Codegen/CPU/Cache.h"

namespace fpmoe {

/// RMS norm of the head, in place; the weight has D elements.
void emitHeadNorm(KernelBuilder &b, mlir::Value head, int64_t headDim,
                  mlir::Value weight, double eps);

/// Cuts elements off at -limit and limit, in place.
void emitClamp(KernelBuilder &b, mlir::Value head, int64_t headDim,
               double limit);

/// Turns the last `width` of `headDim` elements by the table's row, in place:
/// (x0, x1) becomes (x0 c - x1 s, x1 c + x0 s).
void emitRope(KernelBuilder &b, mlir::Value head, mlir::Value table,
              int64_t headDim, int64_t width);

/// Copies `count` elements; the widest vectors that divide it are used.
void emitCopy(KernelBuilder &b, mlir::Value from, mlir::Value to,
              int64_t count);

/// Stores finished heads where the attention finds them.
class HeadStore {
public:
  HeadStore(PhaseContext &phase, mlir::Value query, mlir::Value cache,
            mlir::Value positions, int64_t heads, int64_t headDim)
      : phase(phase), b(phase.b), query(phase.base(query)),
        positions(positions), heads(heads), padded(mega::padColumns(headDim)),
        cache(phase, cache, headDim) {}

  // Rows of the step's token `token`, rounded up to whole vectors.
  void storeQuery(mlir::Value row, mlir::Value head, mlir::Value token);
  void storeKey(mlir::Value row, mlir::Value head, mlir::Value token);
  void storeValue(mlir::Value row, mlir::Value head, mlir::Value token);

private:
  PhaseContext &phase;
  KernelBuilder &b;
  mlir::Value query, positions;
  int64_t heads, padded;
  CacheLayout cache;
};

} // namespace fpmoe

#endif
