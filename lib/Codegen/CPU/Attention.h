//===- Attention.h - Layout of the key/value cache --------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_CPU_ATTENTION_H
#define FPMOE_LIB_CODEGEN_CPU_ATTENTION_H

#include "lib/Codegen/CPU/Phase.h"

namespace fpmoe {

/// The cache of one layer. For each key/value head, K and V being the columns
/// of a key and a value rounded up to 16 and P the cache's positions, it holds
/// keys as `[P/16, K, 16]`, so that 16 positions are a vector of columns of the
/// product with the query, and then values as `[P, V]`, whose columns are those
/// of the product with the scores.
class CacheLayout {
public:
  /// Bytes between the elements of a key.
  static constexpr int64_t kKeyStepBytes = kLanes * 4;

  CacheLayout(PhaseContext &phase, mlir::Value cache, int64_t headDim)
      : b(phase.b), keyColumns(mega::padColumns(headDim)),
        valueColumns(dim(cache, 3) - keyColumns),
        capacity(phase.i64Field(offsetof(FpmoeStep, cache_capacity))),
        headBytes(b.mul(capacity, dim(cache, 3) * 4)),
        base(b.at(phase.base(cache),
                  b.mul(b.mul(phase.layer, dim(cache, 1)), headBytes))) {}

  /// Element 0 of the key at `position`; the next ones are 64 bytes apart.
  mlir::Value key(mlir::Value head, mlir::Value position) {
    mlir::Value tile =
        b.mul(b.div(position, kLanes), keyColumns * kKeyStepBytes);
    return b.at(b.at(base, b.mul(head, headBytes)),
                b.add(tile, b.mul(b.rem(position, kLanes), 4)));
  }
  /// Element 0 of the value at `position`.
  mlir::Value value(mlir::Value head, mlir::Value position) {
    mlir::Value values = b.at(b.at(base, b.mul(head, headBytes)),
                              b.mul(capacity, keyColumns * 4));
    return b.at(values, b.mul(position, valueBytes()));
  }
  int64_t valueBytes() const { return valueColumns * 4; }

private:
  KernelBuilder &b;
  int64_t keyColumns, valueColumns;
  mlir::Value capacity;
  mlir::Value headBytes; ///< keys and values of a head
  mlir::Value base;
};

} // namespace fpmoe

#endif
