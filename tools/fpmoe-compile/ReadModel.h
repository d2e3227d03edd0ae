//===- ReadModel.h - What is compiled ---------------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TOOLS_FPMOE_COMPILE_READMODEL_H
#define FPMOE_TOOLS_FPMOE_COMPILE_READMODEL_H

#include "lib/Assembly/Assembly.h"
#include "mlir/IR/OwningOpRef.h"
#include "tools/fpmoe-compile/Compile.h"
#include "tools/fpmoe-compile/Diagnostics.h"
#include "tools/fpmoe-compile/PromptTokenizer.h"

namespace fpmoe {

/// A model as it was read. It stays where it is: the assembly asks it for the
/// tokenizer.
struct Model {
  Model() = default;
  Model(const Model &) = delete;

  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::unique_ptr<Checkpoint> checkpoint; ///< null if no weight needs one
  std::unique_ptr<Assembly> assembly;     ///< of a recipe
  /// What the prompts of a recipe are tokenised with.
  std::unique_ptr<PromptTokenizer> tokenizer;
  bool hasWeights = true; ///< false: a config.json alone
};

/// Reads the input of the options: a recipe, a file of IR, or a model. Options
/// that its own file sets become `options` where these say nothing.
llvm::Error readInput(CompileOptions &options, mlir::MLIRContext &context,
                      Diagnostics &diagnostics, Model &model);

} // namespace fpmoe

#endif
