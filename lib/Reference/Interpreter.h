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
  /// Whether a run is a whole text, whose segments are routed as published
  /// (`two_level`); otherwise they are routed causally, as the text grows.
  bool wholeText = false;
  /// What multiplies rows by matrices; null: the reference.
  Products *products = nullptr;
};

/// What the router of a layer did with a token.
struct Route {
  int64_t layer;
  int64_t position;
  /// Best first; -1: none.
  std::vector<int32_t> experts;
  std::vector<float> weights;
};

/// The length of the segments that the routers of a model know, or 0. Fails if
/// they have different ones.
llvm::Expected<int64_t> findSegment(mlir::ModuleOp module);

class Interpreter {
public:
  /// For a module that verifies; it and the checkpoint must outlive the
  /// interpreter. Fails if
  /// `@main` is missing or of another type than (ids, positions) -> logits, or
  /// if the recipes do not check (checkRecipes).
  static llvm::Expected<std::unique_ptr<Interpreter>>
  create(mlir::ModuleOp module, const Sources &sources,
         InterpreterOptions options = {});

  /// Runs the tokens, at least one, of a text with this number, at the
  /// positions that follow those of its last run, and returns their logits, a
  /// row for each. The result of many runs is that of one run of all tokens,
  /// whatever runs of other texts lie between them, so that a step over several
  /// texts means its runs one after the other; only with `wholeText` a text has
  /// but one run. Fails, and does not advance, for ids outside the vocabulary,
  /// positions beyond the context, and ops that the reference does not know.
  llvm::Expected<Rows> run(llvm::ArrayRef<int32_t> ids, int64_t text = 0);

  /// Runs texts of one length, each of them from position 0 and alone, all
  /// through one layer after the other, for what options.products sees of it:
  /// there are no logits. Segments are routed causally; the texts have whole
  /// ones. Fails as run() does.
  llvm::Error runTexts(llvm::ArrayRef<Ids> texts);

  /// The languages of a text's tokens, by position: for weights of low rank
  /// that differ by language. Tokens further on have none.
  void setLanguages(Ids byPosition, int64_t text = 0) {
    states[text].languages = std::move(byPosition);
  }

  /// Forgets all texts: the next run of each starts at position 0.
  void reset();

  /// Position of the next token of a text.
  int64_t getPosition(int64_t text = 0) { return states[text].position; }

  /// What the routers did since the last call, run by run and layer by layer:
  /// for the logits, that is, before the segment of a token is complete.
  std::vector<Route> takeRoutes() { return std::move(routes); }

private:
  class Frame;

  Interpreter(mlir::ModuleOp module, const Sources &sources,
              InterpreterOptions options)
      : module(module), symbols(module), store(sources, options.keptBytes),
        options(options) {
    store.products = options.products;
  }

  mlir::ModuleOp module;
  mlir::SymbolTable symbols;
  WeightStore store;
  InterpreterOptions options;
  mlir::func::FuncOp getFunction(llvm::StringRef name) const;

  llvm::Expected<Rows> runPart(llvm::ArrayRef<int32_t> ids, int64_t first,
                               SegmentMode mode);

  /// What is known of a text.
  struct TextState {
    int64_t position = 0; ///< of the next token
    Ids languages;        ///< by position
    Ids openIds;          ///< of the segment that is not complete
    std::map<int64_t, LayerCache> caches;
  };
  std::map<int64_t, TextState> states;
  /// Of the text that is run.
  TextState *state = nullptr;
  /// Tokens of a segment where the routing has segments, else 0.
  int64_t segment = 0;
  /// Of the tokens that are run, a number or -1 each.
  Ids runLanguages;
  /// Rows of each text of runTexts(), else 0.
  int64_t textRows = 0;
  std::vector<Route> routes;
};

} // namespace fpmoe

#endif // FPMOE_LIB_REFERENCE_INTERPRETER_H
