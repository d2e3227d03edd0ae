//===- Interpreter.h - the graph dialect, evaluated plainly -----*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs `@main` of a module of the graph dialect on token ids. What it computes
// is what the ops mean: passes and compiled programs are compared with it.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_REFERENCE_INTERPRETER_H
#define FPMOE_LIB_REFERENCE_INTERPRETER_H

#include "lib/Reference/Ops.h"

#include "mlir/IR/SymbolTable.h"

#include <memory>

namespace mlir::func {
class FuncOp;
} // namespace mlir::func

namespace fpmoe {

struct InterpreterOptions {
  /// Bytes of weights, as f32, that are kept between uses.
  uint64_t keptBytes = uint64_t(1) << 29;
  /// Whether takeRoutes() is to have anything to give.
  bool recordRoutes = false;
};

/// What the router of a layer did with a token.
struct Route {
  int64_t layer;
  int64_t position;
  /// Best first; -1: none.
  std::vector<int32_t> experts;
  std::vector<float> weights;
};

class Interpreter {
public:
  /// For a module that verifies; it and the checkpoint must outlive the
  /// interpreter. `checkpoint` may be null if nothing is loaded. Fails if
  /// `@main` is missing or of another type than (ids, positions) -> logits, or
  /// if the recipes do not check (checkRecipes).
  static llvm::Expected<std::unique_ptr<Interpreter>>
  create(mlir::ModuleOp module, const Checkpoint *checkpoint,
         InterpreterOptions options = {});

  /// Runs the tokens, at least one, at the positions that follow those of the
  /// last run, and returns their logits, a row for each. The result of many
  /// runs is that of one run of all tokens. Fails, and does not advance, for
  /// ids outside the vocabulary, positions beyond the context, and ops that the
  /// reference does not know.
  llvm::Expected<Rows> run(llvm::ArrayRef<int32_t> ids);

  /// Forgets all tokens: the next run starts at position 0.
  void reset();

  /// Position of the next token.
  int64_t getPosition() const { return position; }

  /// What the routers did since the last call, run by run and layer by layer.
  std::vector<Route> takeRoutes() { return std::move(routes); }

private:
  class Frame;

  Interpreter(mlir::ModuleOp module, const Checkpoint *checkpoint,
              InterpreterOptions options)
      : module(module), symbols(module), store(checkpoint, options.keptBytes),
        options(options) {}

  mlir::ModuleOp module;
  mlir::SymbolTable symbols;
  WeightStore store;
  InterpreterOptions options;
  mlir::func::FuncOp getFunction(llvm::StringRef name) const;

  int64_t position = 0;
  std::map<int64_t, LayerCache> caches;
  std::vector<Route> routes;
};

} // namespace fpmoe

#endif // FPMOE_LIB_REFERENCE_INTERPRETER_H
