//===- Compile.h - Compiles a model -----------------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TOOLS_FPMOE_COMPILE_COMPILE_H
#define FPMOE_TOOLS_FPMOE_COMPILE_COMPILE_H

#include "lib/Config/Options.h"
#include "lib/Tokenizer/Chat.h"
#include "tools/fpmoe-compile/CalibrationText.h"
#include "tools/fpmoe-compile/Phases.h"

namespace fpmoe {

/// What the command line and fpmoe.toml say. Members without value have not
/// been said; defaults are in the comments.
struct CompileOptions {
  std::string input;  ///< directory of the model, its config.json, a recipe in
                      ///< TOML, or a .mlir file
  std::string output; ///< "-" for text on the standard output
  Phase stopAfter = Phase::Link;
  std::string
      dumpDirectory; ///< IR after every phase goes there; empty: nowhere
  std::optional<std::string> target;  ///< cpu, cuda, or both; cpu
  std::optional<std::string> cpu;     ///< a list of levels; native
  std::optional<std::string> gpu;     ///< architectures; sm_80,sm_90a
  std::optional<std::string> weights; ///< as the checkpoint
  std::optional<std::string> cache;   ///< of keys and values; as the weights
  std::optional<CalibrationOptions>
      calibrate;                    ///< integers are made for no text
  std::vector<std::string> reports; ///< files in .json and .svg (Report.h)
  std::optional<std::vector<std::string>> languages; ///< all
  std::optional<int64_t> prefillTokens;              ///< 512
  std::optional<int64_t> ranks; ///< processes, if the model is split
  std::optional<int64_t> context;                    ///< all positions
  std::optional<RopeScalingOption> ropeScaling;      ///< as the model says
  std::optional<ChatChoice> chatTemplate;            ///< as the model says
  std::optional<bool> isStatic;                      ///< false
  std::optional<std::string> weightsFile;            ///< inside the program
  std::optional<uint64_t> randomSeed; ///< the checkpoint's weights
  bool emitCheckpoint = false; ///< of a recipe: a directory, not a program
  bool emitShared = false;     ///< a shared library, not a program
  bool emitStatic = false;     ///< a static library and its weights file
  std::string symbolPrefix = "fpmoe_";    ///< of the functions of that library
  uint64_t shardBytes = 5'000'000'000;    ///< of a file of that directory
  std::optional<std::string> printRecipe; ///< of this weight; nothing is made
  bool explain = false; ///< writes a page about the model; nothing is made
  /// Of a checkpoint: the program gives the inputs of its layers in the place
  /// of logits. fpmoe.toml says nothing about such a program.
  bool layerInputs = false;
  bool withoutAttention = false; ///< its products are zero
  bool assembly = false;         ///< Phase::Object writes assembly text
  bool verbose = false;          ///< says what happened and how long it took

  /// Whether the program is for such a machine, "cpu" or "cuda".
  bool isFor(llvm::StringRef machine) const {
    return llvm::StringRef(target ? *target : "cpu").contains(machine);
  }
};

/// Compiles. On failure nothing is left behind but complete dumps.
llvm::Error compile(const CompileOptions &options);

} // namespace fpmoe

#endif
