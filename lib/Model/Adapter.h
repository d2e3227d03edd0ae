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

#ifndef FPMOE_LIB_MODEL_ADAPTER_H
#define FPMOE_LIB_MODEL_ADAPTER_H

#include "lib/Model/Checkpoint.h"
#include "lib/Model/Pattern.h"

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

/// What an adapter does to one tensor. Names are of tensors of the adapter.
struct AdapterChange {
  enum Kind {
    Linear,    ///< adds B A
    Embedding, ///< adds the transpose of B A
    Experts    ///< adds B A of each expert
  };
  /// Stands in the place of the model's tensor, if it is there.
  std::string replacement;
  /// The factors; empty without.
  std::string a, b;
  Kind kind = Linear;
  int64_t rank = 0;
  double scale = 1;
  /// Of Experts: how many there are, and the rows of each in the fused tensor.
  int64_t numExperts = 1, rows = 0;
  /// Of Experts, where the model has a tensor for each: which one this is, and
  /// the first of its rows in those of the fused tensor.
  int64_t expert = -1, firstRow = 0;

  bool isNone() const { return replacement.empty() && a.empty(); }
};

class Adapter {
public:
  /// Opens the adapter and compares it with the model that `base` holds.
  static llvm::Expected<std::unique_ptr<Adapter>>
  open(llvm::StringRef directory, const Checkpoint &base);

  /// What it does to a tensor of the model.
  AdapterChange changeOf(llvm::StringRef tensor) const;
  /// The factors, as in the checkpoint of the adapter.
  const Checkpoint &getCheckpoint() const { return *checkpoint; }

private:
  Adapter() = default;
  llvm::Error matchModules(const Checkpoint &base);
  llvm::Error matchModule(const TensorInfo &weight);
  llvm::Error matchParameters(const Checkpoint &base);
  llvm::Error matchSaved(const Checkpoint &base);
  llvm::Error checkLeftOver() const;
  /// Takes a tensor of the adapter, of that shape.
  llvm::Error take(llvm::StringRef name, llvm::ArrayRef<int64_t> shape);

  std::unique_ptr<Checkpoint> checkpoint;
  AdapterConfig config;
  std::string configPath;
  std::map<std::string, AdapterChange> changes;
  llvm::StringMap<bool> taken;
};

} // namespace fpmoe

#endif // FPMOE_LIB_MODEL_ADAPTER_H
