//===- Adapter.h - low-rank adapters of PEFT --------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads `adapter_config.json` and the header of `adapter_model.safetensors`,
// and says what the adapter does to each tensor of the model that it was
// trained on. What the configuration asks for must be in the file, and nothing
// else.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_ASSEMBLY_ADAPTER_H
#define FPMOE_LIB_ASSEMBLY_ADAPTER_H

#include "lib/Assembly/Pattern.h"
#include "lib/Checkpoint/Checkpoint.h"
#include "lib/Config/Architectures.h"

#include "llvm/ADT/StringSet.h"

#include <map>
#include <optional>

namespace fpmoe {

/// A list of names, each of which matches a module of that name or whose path
/// ends in it; or an expression for whole paths.
struct ModuleNames {
  std::vector<std::string> names;
  std::optional<Pattern> pattern;

  bool empty() const { return names.empty() && !pattern; }
  llvm::Expected<bool> match(llvm::StringRef module) const;
};

/// `adapter_config.json`. What is not here has no effect on the weights, or is
/// refused by name.
struct AdapterConfig {
  int64_t rank = 8;
  double alpha = 8;
  bool usesRsLora = false;
  /// `lora_bias`: each B has a bias beside it.
  bool hasBias = false;
  /// `ensure_weight_tying`: what adapts a table of embeddings adapts a head
  /// that is tied to it.
  bool keepsTies = false;
  enum class Bias { None, All, LoraOnly } bias = Bias::None;
  ModuleNames targets, excluded;
  /// `target_modules` is "all-linear".
  bool targetsAllLinear = false;
  std::vector<int64_t> layers;
  std::vector<Pattern> layerPatterns;
  /// For paths that end in a match of the expression.
  std::vector<std::pair<Pattern, int64_t>> ranks;
  std::vector<std::pair<Pattern, double>> alphas;
  std::vector<std::string> modulesToSave;
  std::vector<std::string> targetParameters;

  llvm::Expected<bool> isTarget(llvm::StringRef module) const;
  llvm::Expected<int64_t> rankOf(llvm::StringRef module) const;
  /// What the product of the factors is multiplied with.
  llvm::Expected<double> scaleOf(llvm::StringRef module) const;
};

llvm::Expected<AdapterConfig> parseAdapterConfig(llvm::StringRef json,
                                                 llvm::StringRef fileName);

/// Whether a directory has an adapter and no model.
bool isAdapterAlone(llvm::StringRef directory);

/// Refuses such a directory as a model, and shows the recipe to compile
/// instead.
llvm::Error suggestRecipe(llvm::StringRef directory);

/// What an adapter does to one tensor. Names are of tensors of the adapter.
struct AdapterChange {
  enum Kind {
    Linear,    ///< adds B A
    Embedding, ///< adds the transpose of B A
    Experts,   ///< adds B A of each expert
    Bias       ///< adds B alone, a vector
  };
  /// Stands in the place of the model's tensor, if it is there.
  std::string replacement;
  /// The factors; empty without. A bias has no A.
  std::string a, b;
  Kind kind = Linear;
  int64_t rank = 0;
  double scale = 1;
  /// Of Experts: how many there are, and the rows of each in the fused tensor.
  int64_t numExperts = 1, rows = 0;
  /// Of Experts, where the model has a tensor for each: which one this is, and
  /// the first of its rows in those of the fused tensor.
  int64_t expert = -1, firstRow = 0;

  bool isNone() const { return replacement.empty() && b.empty(); }
};

/// What an adapter has to know of its model beside the tensors.
struct AdaptedModel {
  /// Names of the experts' tensors, as of its architecture.
  llvm::ArrayRef<ExpertLayout> layouts;
  /// The head is the table of embeddings, but a module of its own.
  bool isTied = false;
};

class Adapter {
public:
  /// Opens the adapter and compares it with the model that `base` holds.
  static llvm::Expected<std::unique_ptr<Adapter>>
  open(llvm::StringRef directory, const Checkpoint &base,
       const AdaptedModel &model = {});

  /// What it does to a tensor of the model.
  AdapterChange changeOf(llvm::StringRef tensor) const;
  /// The tensors of the model that get a bias of the adapter.
  std::vector<std::string> getBiases() const;
  /// The factors, as in the checkpoint of the adapter.
  const Checkpoint &getCheckpoint() const { return *checkpoint; }

private:
  Adapter() = default;
  void listTensors(const Checkpoint &base, bool isTied);
  TensorInfo *find(llvm::StringRef tensor);
  llvm::Error matchSaved(bool isTied);
  llvm::Error matchParameters(llvm::ArrayRef<ExpertLayout> layouts);
  llvm::Error matchModules(bool isTied);
  llvm::Error matchModule(const TensorInfo &weight);
  llvm::Error checkLeftOver() const;
  /// Finds the rank and the scale of a module or parameter.
  llvm::Error describe(AdapterChange &change, llvm::StringRef path) const;
  /// Takes a tensor of the adapter, of that shape.
  llvm::Error take(llvm::StringRef name, llvm::ArrayRef<int64_t> shape);

  std::unique_ptr<Checkpoint> checkpoint;
  AdapterConfig config;
  std::string configPath;
  /// The tensors of the model, in the shapes that they have with the adapter.
  std::vector<TensorInfo> tensors;
  llvm::StringMap<size_t> byName;
  /// The modules, or those of parameters, that the adapter has factors of.
  llvm::StringSet<> factored;
  std::map<std::string, AdapterChange> changes;
  llvm::StringMap<bool> taken;
};

} // namespace fpmoe

#endif // FPMOE_LIB_ASSEMBLY_ADAPTER_H
