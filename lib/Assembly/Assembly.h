//===- Assembly.h - models made from parts ----------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Opens the parts that a recipe names, checks that they fit together, and gives
// the importer a recipe over the parts for each tensor of the result. No weight
// is read.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_ASSEMBLY_ASSEMBLY_H
#define FPMOE_LIB_ASSEMBLY_ASSEMBLY_H

#include "lib/Assembly/Adapter.h"
#include "lib/Assembly/MixtureRecipe.h"
#include "lib/Checkpoint/Checkpoint.h"
#include "lib/Config/Config.h"
#include "lib/Import/TensorRecipes.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/JSON.h"

#include <functional>
#include <map>

namespace fpmoe {

/// The tokenizer of the base, for the prompts of a recipe.
struct PromptTokens {
  /// Ids of a prompt.
  std::function<llvm::Expected<std::vector<int64_t>>(llvm::StringRef text)>
      tokenize;
  /// The token that shorter prompts are filled up with.
  std::function<llvm::Expected<int64_t>()> getPadding;
};

/// How recipes name an adapter of a part: "NAME/adapter", the second one
/// "NAME/adapter1".
std::string getAdapterName(const PartSpec &part, size_t number);

/// The name of a tensor with the layer's number in the place of its `{}`.
std::string inLayer(llvm::StringRef name, int64_t layer);

class Assembly : public TensorRecipes {
public:
  static llvm::Expected<std::unique_ptr<Assembly>> open(MixtureRecipe recipe,
                                                        PromptTokens tokens);

  const MixtureRecipe &getRecipe() const { return recipe; }
  const ModelConfig &getConfig() const { return config; }
  /// The config.json of the result.
  const llvm::json::Object &getConfigJson() const { return configJson; }
  /// The directory of the base: of generation_config.json and the like.
  llvm::StringRef getBaseDirectory() const {
    return recipe.findPart(recipe.base)->path;
  }
  /// That of the tokenizer: of the base, unless an adapter with more tokens
  /// brings its own.
  llvm::StringRef getTokenizerDirectory() const {
    return tokenizerDirectory.empty() ? getBaseDirectory()
                                      : llvm::StringRef(tokenizerDirectory);
  }

  bool has(llvm::StringRef name) const override;
  llvm::Expected<mlir::Value> build(mlir::OpBuilder &builder,
                                    const TensorRequest &request,
                                    mlir::Value layer) override;
  std::vector<std::string> getLanguages() const override;
  llvm::Expected<int64_t> rankOf(size_t number,
                                 const TensorRequest &request) override;
  mlir::Value buildA(mlir::OpBuilder &builder, size_t number,
                     const TensorRequest &request, mlir::Value layer) override;
  mlir::Value buildB(mlir::OpBuilder &builder, size_t number,
                     const TensorRequest &request, mlir::Value layer) override;
  llvm::Error finish() override;
  bool isBF16() const override;
  std::vector<std::pair<std::string, std::string>>
  getDirectories() const override;

  /// A module with a weight for each tensor that was built, named like it, in
  /// the type in which a checkpoint is to store it. `model` is what the
  /// importer made.
  llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
  makeTensors(mlir::ModuleOp model);

private:
  struct Step;

  explicit Assembly(MixtureRecipe recipe, PromptTokens tokens)
      : recipe(std::move(recipe)), tokens(std::move(tokens)) {}

  llvm::Error openCheckpoint(const PartSpec &part);
  llvm::Error openCheckpoints();
  llvm::Error openAdapters(const PartSpec &part);
  llvm::Error readConfigs();
  llvm::Expected<ModelConfig> readPartConfig(const PartSpec &part) const;
  llvm::Error comparePart(const PartSpec &part, const llvm::json::Object &base);
  llvm::Error compareTensors(const PartSpec &part);
  llvm::Error compareTokenizer(const PartSpec &part);
  bool isModelPart(llvm::StringRef name) const;
  // What adapters make of the model beside its weights.
  std::vector<const PartSpec *> getFoldedParts() const;
  bool changes(const PartSpec &part, llvm::StringRef tensor) const;
  void findHead();
  void findVocabulary();
  llvm::Error findBiases();
  const Checkpoint &getBase() const;
  /// Whether the tensor belongs to a dense feed-forward network, which does not
  /// remain in a mixture.
  bool isReplaced(llvm::StringRef name) const;

  // Recipes.
  llvm::Expected<mlir::Value> makeExpert(Step &step, const ExpertSpec &expert,
                                         llvm::StringRef role);
  llvm::Expected<mlir::Value> makeGate(Step &step, const GateSpec &gate,
                                       llvm::ArrayRef<ExpertSpec> experts);
  llvm::Expected<mlir::Value> makePromptGate(Step &step, const GateSpec &gate,
                                             const ExpertSpec &expert);
  llvm::Expected<mlir::Value>
  makePromptVector(Step &step, const GateSpec &gate, const Located &expert,
                   llvm::ArrayRef<std::string> prompts);
  llvm::Expected<mlir::Value>
  sumEmbeddings(Step &step, llvm::ArrayRef<std::vector<int64_t>> prompts);
  // Adapters that stay low-rank paths.
  const Located *findLowRankPart(size_t number) const;
  AdapterChange firstChange(const Located &part,
                            const TensorRequest &request) const;
  mlir::Value loadFactor(mlir::OpBuilder &builder, const Located &part,
                         const TensorRequest &request, llvm::StringRef name,
                         llvm::ArrayRef<int64_t> shape, mlir::Value layer);
  llvm::Error checkNotAdapted(const TensorRequest &request) const;
  bool storesBF16(mlir::Operation *recipe, const TensorRequest &request) const;
  llvm::Expected<mlir::Value> makeRest(Step &step);
  llvm::Expected<mlir::Value> load(Step &step, const Located &part,
                                   llvm::StringRef name);
  llvm::Expected<mlir::Value> adapt(Step &step, const PartSpec &part,
                                    size_t number, llvm::StringRef name,
                                    mlir::Value value);
  mlir::Value change(Step &step, llvm::StringRef part,
                     const AdapterChange &change, double scale,
                     mlir::Value value);
  llvm::Expected<mlir::Value> loadChecked(Step &step, const Located &part,
                                          const Checkpoint &checkpoint,
                                          llvm::StringRef name, bool isFormat);

  MixtureRecipe recipe;
  PromptTokens tokens;
  ModelConfig config;
  llvm::json::Object configJson;
  /// The checkpoints, by the name of their part.
  std::map<std::string, std::unique_ptr<Checkpoint>> checkpoints;
  /// What the configurations of the checkpoints that are models mean. One whose
  /// head is its table of embeddings is tied, any other is not.
  std::map<std::string, ModelConfig> configs;
  /// The adapters of a part, in their order.
  std::map<std::string, std::vector<std::unique_ptr<Adapter>>> adapters;
  std::vector<TensorRequest> requests;
  /// Names of the matrices that may have a low-rank path.
  llvm::StringSet<> widened;
  /// Tensors of the base that the result asked for.
  llvm::StringSet<> taken;
  std::string tokenizerDirectory;
  bool allBF16 = true;
};

} // namespace fpmoe

#endif // FPMOE_LIB_ASSEMBLY_ASSEMBLY_H
