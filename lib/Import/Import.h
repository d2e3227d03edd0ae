//===- Import.h - from a Hugging Face model to the graph --------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Builds the graph of a model from its configuration, and checks that the
// checkpoint holds exactly the tensors that the graph loads. No weight is read.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_IMPORT_IMPORT_H
#define FPMOE_LIB_IMPORT_IMPORT_H

#include "lib/Checkpoint/Checkpoint.h"
#include "lib/Config/Config.h"
#include "lib/Import/TensorRecipes.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <optional>

namespace fpmoe {

/// What an import needs beside the configuration and the checkpoint.
struct ImportOptions {
  /// Seed of the numbers that stand in for the weights when there is no
  /// checkpoint: norms about 1 with a deviation of 0.1, all else about 0 with
  /// 0.02, so that activations stay finite.
  std::optional<uint64_t> randomSeed;
  /// What makes the tensors of an assembled model, in the place of a
  /// checkpoint.
  TensorRecipes *recipes = nullptr;
  /// The model's name, if it is not that of its directory.
  std::string name;
  /// End tokens and sampling defaults of the program.
  GenerationConfig generation;
};

/// Whether the head is the table of embeddings. As in transformers, it is not,
/// whatever the configuration says, if the checkpoint has both and they differ.
llvm::Expected<bool> hasTiedHead(const ModelConfig &config,
                                 const Checkpoint &checkpoint);

/// The graph of the model in `directory`, of plain ops and of weights that are
/// all f32 (which holds f16 and bf16 exactly). Layers that are alike share a
/// body, `@sparse`, `@dense`, `@sparse_window` or `@dense_window`, and a weight
/// for each role in it, such as `@sparse.q_proj`.
///
/// Tensors are called as Architectures.h says; names of roles are the same for
/// all architectures. Experts are accepted in any of the architecture's layouts:
/// as a tensor for each, or as the fused tensors `gate_up_proj` `[E, 2 I, H]`
/// and `down_proj` `[E, H, I]` for all. A tensor that is missing, left over or
/// of the wrong shape is an error.
///
/// `checkpoint` is null for random weights, then `options.randomSeed` is set,
/// and for an assembled model, then `options.recipes` is. Loads the dialects
/// that it needs into `context`.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
importModel(mlir::MLIRContext *context, llvm::StringRef directory,
            const ModelConfig &config, const Checkpoint *checkpoint,
            const ImportOptions &options);

} // namespace fpmoe

#endif // FPMOE_LIB_IMPORT_IMPORT_H
