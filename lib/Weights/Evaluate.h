//===- Evaluate.h - weight recipes, a window at a time ----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Computes any window of the value of a recipe op, reading from the checkpoints
// what that window needs and nothing else. What is kept between calls is
// bounded, so that the memory in use does not depend on the size of the model.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_WEIGHTS_EVALUATE_H
#define FPMOE_LIB_WEIGHTS_EVALUATE_H

#include "dialects/FPMoE/FPMoE.h"
#include "lib/Checkpoint/Checkpoint.h"
#include "lib/Weights/Sources.h"

#include "llvm/Support/Error.h"

#include <memory>
#include <string>

namespace fpmoe {

class RecipeCache;

/// Checks every recipe of a module that verifies, for each of its layers: the
/// ops are known, and the checkpoints have every tensor that is loaded, with
/// the right shape and a type that can be read. Call it once before the first
/// evaluation. Without a checkpoint (null), nothing may be loaded.
llvm::Error checkRecipes(mlir::ModuleOp module, const Sources &sources);

/// Whether any recipe of the module loads from the model's own checkpoint.
bool needsCheckpoint(mlir::ModuleOp module);

/// The name of a tensor with `{}` replaced by the layer's number.
std::string formatTensorName(llvm::StringRef name, int64_t layer);

/// The window of a checkpoint's tensor that a load stands for: `first` is the
/// element where it starts. Fails if the tensor is missing, is not loadable, or
/// has another shape.
struct LoadedTensor {
  const Checkpoint *checkpoint;
  const TensorInfo *tensor;
  uint64_t first;
};
llvm::Expected<LoadedTensor> resolveLoad(LoadOp load, int64_t layer,
                                         const Sources &sources);

/// Evaluates recipes. Thread-safe; the module must not change meanwhile. Of a
/// model that is split, weights are those of `rank`.
class RecipeEvaluator {
public:
  explicit RecipeEvaluator(Sources sources, int64_t rank = 0);

  /// Elements [first, first + out.size()) of the row-major value, for a layer
  /// (0 where the weight has none). Of a bf16 value, `out` gets the rounded
  /// numbers. Fails if reading fails or the window lies outside the value.
  llvm::Error evaluate(mlir::Value value, int64_t layer, int64_t first,
                       llvm::MutableArrayRef<float> out) const;

  /// The same as bf16 bits, rounded to nearest, ties to even.
  llvm::Error evaluate(mlir::Value value, int64_t layer, int64_t first,
                       llvm::MutableArrayRef<uint16_t> out) const;

  int64_t getRank() const { return rank; }
  const Sources &getSources() const { return sources; }

private:
  Sources sources;
  int64_t rank;
  std::shared_ptr<RecipeCache> cache;
};

} // namespace fpmoe

#endif // FPMOE_LIB_WEIGHTS_EVALUATE_H
