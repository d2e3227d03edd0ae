//===- Architectures.h - the models that can be read ------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What tells architectures of `transformers` apart before there is a graph:
// which fields config.json has, what is meant where one is missing, and how
// tensors are called. All else is in the values of ModelConfig.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CONFIG_ARCHITECTURES_H
#define FPMOE_LIB_CONFIG_ARCHITECTURES_H

#include "lib/Config/Config.h"

#include "llvm/ADT/ArrayRef.h"

namespace fpmoe {

/// Tensors of all architectures.
constexpr llvm::StringLiteral embeddingName = "model.embed_tokens.weight";
constexpr llvm::StringLiteral headName = "lm_head.weight";

/// Which layers attention slides in.
enum class WindowRule {
  /// None.
  Never,
  /// All, if there is a `sliding_window`.
  All,
  /// All, with `use_sliding_window`.
  AllIfUsed,
  /// With `use_sliding_window` those of `layer_types`, or else all from
  /// `max_window_layers` on.
  LastLayers,
  /// The same, or else every other one before `max_window_layers`.
  EveryOther,
};

/// Names of the matrices of one feed-forward network, or of all experts of a
/// layer, below `model.layers.N.`: a `#` stands for the number of an expert.
/// Without `up`, `gate` holds both, the gate's rows first.
struct NetworkNames {
  llvm::StringLiteral gate, up, down;
};

/// One way to store the experts of a layer.
struct ExpertLayout {
  llvm::StringLiteral router;
  NetworkNames experts;
};

struct Architecture {
  llvm::StringLiteral name, modelType;
  /// Fields of config.json beside those that all architectures have, and those
  /// that have an effect elsewhere only; names with spaces between.
  llvm::StringLiteral fields, ignored;
  WindowRule windows;
  /// The field with the number of experts, and another name for it; empty for
  /// dense models and where there is no other name.
  llvm::StringLiteral expertCount, expertCountAlias;
  /// `intermediate_size` is the width of experts: no layer is dense.
  bool onlyExperts;
  /// What missing fields mean.
  void (*setDefaults)(ModelConfig &);

  /// The first is what `save_pretrained` writes.
  llvm::ArrayRef<ExpertLayout> layouts;
  NetworkNames shared;

  /// Whether config.json may have the field, beside those that all have.
  bool hasField(llvm::StringRef key) const;
  bool ignores(llvm::StringRef key) const;
};

/// Null if there is none of that name.
const Architecture *findArchitecture(llvm::StringRef name);

/// Whether an architecture has the field, beside those that all have.
bool isFieldOfSome(llvm::StringRef key);

/// "A, B, C".
std::string listArchitectures();

} // namespace fpmoe

#endif // FPMOE_LIB_CONFIG_ARCHITECTURES_H
