//===- Write.h - the weights of a program, into a file ----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Evaluates all recipes of a module and writes the weights where their offsets
// say, on many threads. Memory stays under 200 MB whatever the model's size.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_WEIGHTS_WRITE_H
#define FPMOE_LIB_WEIGHTS_WRITE_H

#include "dialects/FPMoE/FPMoE.h"
#include "lib/Weights/Sources.h"

#include "llvm/Support/Error.h"

#include <functional>
#include <string>

namespace fpmoe {

struct WriteOptions {
  /// Whose weights, of a model that is split.
  int64_t rank = 0;
  /// 0: one for each CPU. At most 32 are used, which no disk keeps up with.
  unsigned threads = 0;
  /// Called with bytes written so far and in all; from any thread, but never
  /// from two at once.
  std::function<void(uint64_t done, uint64_t total)> progress;
  /// How errors name the file that is written.
  std::string fileName = "weights";
  /// Where a digest of the weights and their offsets goes; null: nowhere.
  uint64_t *digest = nullptr;
};

/// Where an instance of a weight goes: the one of `layer` (0 where the weight
/// has none), from byte `position` of the file on.
struct Placement {
  WeightOp weight;
  int64_t layer = 0;
  uint64_t position = 0;
};

/// Bytes from the start of the weights to the end of the last one, rounded up
/// to 4096.
uint64_t getBlobBytes(mlir::ModuleOp module);

/// Writes every weight that has an offset: its i-th instance (of the i-th of
/// its layers) at byte `base + offset + i * stride` of `descriptor`, row-major
/// and little-endian. Gaps between weights are not touched: they are zero in a
/// file that was empty before. Nor is the file made longer than the last
/// weight.
///
/// Checks all recipes first, as checkRecipes() does, and that no two instances
/// overlap. Any later failure (the checkpoint changed, the disk is full) stops
/// all threads; the first one is returned.
llvm::Error writeWeights(mlir::ModuleOp module, const Sources &sources,
                         int descriptor, uint64_t base,
                         const WriteOptions &options);

/// Writes instances of weights wherever they are to be, otherwise the same. The
/// recipes must have been checked.
llvm::Error writeInstances(llvm::ArrayRef<Placement> placements,
                           const Sources &sources, int descriptor,
                           const WriteOptions &options);

} // namespace fpmoe

#endif // FPMOE_LIB_WEIGHTS_WRITE_H
