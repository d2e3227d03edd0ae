//===- Attention.h - Layout of the key/value cache --------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_KERNELS_ATTENTION_H
#define FPMOE_LIB_KERNELS_ATTENTION_H

#include "lib/Kernels/Phase.h"

namespace fpmoe {

/// The cache of one layer. For each key/value head, D being the head's size
/// rounded up to 16 and P the cache's positions, it holds keys as
/// `[P/16, D, 16]`, so that 16 positions are a panel of the product with the
/// query, and then values as `[P, D]`, whose columns are panels of the product
/// with the scores.
class CacheLayout {
public:
  CacheLayout(PhaseContext &phase, mlir::Value cache)
      : b(phase.b), padded(dim(cache, 3)),
        plane(b.mul(phase.i64Field(offsetof(FpmoeStep, cache_capacity)),
                    padded * 4)),
        base(b.at(phase.base(cache),
                  b.mul(b.mul(phase.layer, 2 * dim(cache, 1)), plane))) {}

  /// Element 0 of the key at `position`; the next ones are 64 bytes apart.
  mlir::Value key(mlir::Value head, mlir::Value position) {
    mlir::Value panel =
        b.mul(b.div(position, kLanes), padded * kPanelStepBytes);
    return b.at(b.at(base, b.mul(b.mul(head, 2), plane)),
                b.add(panel, b.mul(b.rem(position, kLanes), 4)));
  }
  /// Element 0 of the value at `position`.
  mlir::Value value(mlir::Value head, mlir::Value position) {
    return b.at(b.at(base, b.mul(b.add(b.mul(head, 2), 1), plane)),
                b.mul(position, padded * 4));
  }
  int64_t valueBytes() const { return padded * 4; }

private:
  KernelBuilder &b;
  int64_t padded;
  mlir::Value plane; ///< bytes of the keys, or the values, of a head
  mlir::Value base;
};

} // namespace fpmoe

#endif
