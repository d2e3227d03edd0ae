//===- MixtureRecipe.h - reader of assembly recipes -------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A TOML file that describes a model made of parts: dense checkpoints, adapters
// on them, which of them become experts, and how the rest is merged. README.md
// beside this file lists the keys. Whether parts exist and fit together is
// found out where they are opened.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_ASSEMBLY_MIXTURERECIPE_H
#define FPMOE_LIB_ASSEMBLY_MIXTURERECIPE_H

#include "lib/Config/Options.h"

namespace fpmoe {

/// A name or value of the file, and where it stands.
struct Located {
  std::string text;
  unsigned line = 0, column = 0;

  operator llvm::StringRef() const { return text; }
  bool empty() const { return text.empty(); }
};

/// Either a checkpoint, or adapters on one.
struct PartSpec {
  Located name;
  /// The directory, resolved against that of the recipe; empty with adapters.
  Located path;
  /// The part that the adapters change; the base if the file does not say.
  Located of;
  std::vector<Located> adapters;
  /// Multiplies what the adapters add.
  double scale = 1;
};

/// How a router is made.
struct GateSpec {
  enum Method { Zeros, Random, Part, CheapEmbed, Hidden, HiddenAverage };
  Method method = Zeros;
  /// Where the method is said.
  Located place;
  /// Of Part: where tensors of the result's names are.
  Located part;
  uint64_t seed = 0;
  double stddev = 1;

  /// Whether the file has such a table.
  bool isGiven() const { return place.line != 0; }
  bool needsPrompts() const { return method >= CheapEmbed; }
};

struct ExpertSpec {
  enum Level { Token, Segment };
  Located name, part;
  /// Who chooses it; always tokens, but in the layout multipl_moe.
  Level level = Token;
  /// Multiplies the down projection.
  double scale = 1;
  std::vector<std::string> prompts, negativePrompts;
};

/// The most experts of a level in the layout multipl_moe.
constexpr int64_t maxLevelExperts = 511;

/// Of the layout multipl_moe, as config.json has them.
struct LevelSpec {
  int64_t segment = 64;
  double capacity = 1;
  /// By default 4, or all if there are fewer.
  std::optional<int64_t> maxExperts;
  double tokenWeight = 0.7, segmentWeight = 0.3;
};

/// An adapter that is kept as a low-rank path, for tokens of one language.
struct LanguageSpec {
  Located name, part;
};

struct MergeInput {
  Located part;
  double weight = 1, density = 1;
};

/// What becomes of all that is not an expert or a router.
struct MergeSpec {
  enum Method { Base, Linear, TaskArithmetic, Ties, PeftTies };
  Method method = Base;
  std::vector<MergeInput> inputs;
  bool normalize = false;
  double lambda = 1;
};

struct MixtureRecipe {
  enum Layout { Dense, Qwen2Moe, Qwen3Moe, Mixtral, MultiPLMoe };

  std::string fileName;
  /// Of the program; the file's name without its ending by default.
  std::string name;
  /// Dense: as the base is, without new experts.
  Layout layout = Dense;
  Located layoutPlace;
  /// Gives the configuration, the tokenizer, and what nothing else gives.
  Located base;
  std::vector<PartSpec> parts;
  std::vector<ExpertSpec> experts;
  std::optional<ExpertSpec> shared;
  /// Adapters on the base that stay low-rank paths; the shared one, for all
  /// tokens, may be missing.
  std::vector<LanguageSpec> languages;
  Located sharedAdapter;
  GateSpec gate, sharedGate;
  LevelSpec levels;
  MergeSpec merge;
  int64_t expertsPerToken = 1;
  bool normalizeTopK = true;
  /// "f32", "bf16", or empty: as the base stores each tensor.
  std::string dtype;
  /// `[compile]`, as in fpmoe.toml.
  FileOptions options;

  const PartSpec *findPart(llvm::StringRef name) const;
  /// The experts in the order of the router's rows. In the layout multipl_moe,
  /// the shared one is among them.
  std::vector<ExpertSpec> getRouterRows() const;
  /// Without the shared one.
  int64_t countExperts(ExpertSpec::Level level) const;
  /// "FILE:LINE:COLUMN: what".
  llvm::Error errorAt(const Located &place, const llvm::Twine &what) const;
};

llvm::Expected<MixtureRecipe> readMixtureRecipe(const std::string &path);

/// The same from text; `fileName` is for messages, and paths are relative to
/// its directory. Every part that is named is one of `parts`.
llvm::Expected<MixtureRecipe> parseMixtureRecipe(llvm::StringRef text,
                                                 llvm::StringRef fileName);

} // namespace fpmoe

#endif // FPMOE_LIB_ASSEMBLY_MIXTURERECIPE_H
