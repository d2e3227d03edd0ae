//===- ReadModel.cpp - What is compiled -----------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/fpmoe-compile/ReadModel.h"
#include "lib/Checkpoint/Gguf.h"
#include "lib/Checkpoint/Input.h"
#include "lib/Config/Options.h"
#include "lib/Import/Import.h"
#include "lib/Tool/InputFiles.h"
#include "lib/Tool/Process.h"
#include "lib/Weights/Evaluate.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;
using namespace fpmoe;

namespace {

/// Whether there is a checkpoint, right or wrong.
bool hasCheckpoint(StringRef directory) {
  return findFile(directory, "model.safetensors") ||
         findFile(directory, "model.safetensors.index.json");
}

/// The defaults of the model's authors, with a line for each of those that a
/// program does not follow.
Expected<GenerationConfig> readSampling(StringRef directory,
                                        const ModelConfig &config) {
  Expected<GenerationConfig> generation =
      readGenerationConfig(directory, config);
  if (generation)
    for (const std::string &warning : generation->warnings)
      errs() << "warning: " << warning << "\n";
  return generation;
}

class Reader {
public:
  Reader(CompileOptions &options, mlir::MLIRContext &context,
         Diagnostics &diagnostics, Model &model)
      : options(options), context(context), diagnostics(diagnostics),
        model(model) {}

  Error readGraph();
  Error readRecipe();
  Error readModel();

private:
  Error checkParts();
  Error inheritOptions(const FileOptions &file);
  void muteAttention();
  template <typename T>
  static void inherit(std::optional<T> &own, const std::optional<T> &file) {
    if (!own)
      own = file;
  }

  CompileOptions &options;
  mlir::MLIRContext &context;
  Diagnostics &diagnostics;
  Model &model;
};

/// Whether the parts are there that recipes load from.
Error Reader::checkParts() {
  Error error = Error::success();
  model.module->walk([&](mlir::Operation *op) {
    auto part = op->getAttrOfType<mlir::StringAttr>("part");
    StringRef directory = part ? getPartDirectory(*model.module, part) : "";
    if (directory.empty())
      return mlir::WalkResult::advance();
    error = checkSource(options.input, directory);
    return error ? mlir::WalkResult::interrupt() : mlir::WalkResult::advance();
  });
  return error;
}

Error Reader::readGraph() {
  if (options.context || options.ropeScaling)
    return createStringError(options.input +
                             ": is IR, in which --context and --rope-scaling "
                             "can no longer be changed");
  if (!sys::fs::exists(options.input))
    return createStringError(options.input + ": there is no such file");
  if (Error error = checkRegularFile(options.input))
    return error;
  model.module = mlir::parseSourceFile<mlir::ModuleOp>(options.input, &context);
  if (!model.module)
    return diagnostics.take("the IR cannot be read");
  auto attribute =
      (*model.module)->getAttrOfType<mlir::DictionaryAttr>(kModelAttr);
  if (!attribute)
    return createStringError(options.input +
                             ": the module has no 'fpmoe.model' attribute");
  if (options.stopAfter == Phase::Link)
    if (Error error = checkParts())
      return error;
  if (!needsCheckpoint(*model.module))
    return Error::success();
  StringRef source = attribute.getAs<mlir::StringAttr>("source");
  if (Error error = checkSource(options.input, source))
    return error;
  return Checkpoint::open(source).moveInto(model.checkpoint);
}

Error Reader::inheritOptions(const FileOptions &file) {
  inherit(options.target, file.target);
  if (options.isFor("cpu"))
    inherit(options.cpu, file.cpu);
  if (options.isFor("cuda"))
    inherit(options.gpu, file.gpu);
  inherit(options.cache, file.cache);
  // The file's rules go with its format: an option stands for both.
  if (!options.weights && (file.weights || !file.weightRules.empty())) {
    std::vector<std::string> parts = file.weightRules;
    if (file.weights)
      parts.insert(parts.begin(), *file.weights);
    options.weights = llvm::join(parts, ",");
  }
  inherit(options.languages, file.languages);
  inherit(options.prefillTokens, file.prefillTokens);
  inherit(options.context, file.context);
  inherit(options.ropeScaling, file.ropeScaling);
  if (!options.chatTemplate && file.chatTemplate)
    if (Error error =
            ChatChoice::create(*file.chatTemplate, file.chatTemplatePlace)
                .moveInto(options.chatTemplate))
      return error;
  inherit(options.isStatic, file.isStatic);
  if (options.weightsFile || !file.weightsFile)
    return Error::success();
  SmallString<128> path = sys::path::parent_path(options.output);
  sys::path::append(path, *file.weightsFile);
  options.weightsFile = std::string(path);
  return Error::success();
}

/// Opened when a prompt is there to need it.
Expected<const PromptTokenizer *> getTokenizer(Model &model) {
  if (!model.tokenizer)
    if (Error error =
            PromptTokenizer::open(model.assembly->getBaseDirectory(),
                                  model.assembly->getConfig().vocabSize)
                .moveInto(model.tokenizer))
      return std::move(error);
  return model.tokenizer.get();
}

Error Reader::readRecipe() {
  if (options.randomSeed)
    return createStringError(options.input + ": is a recipe, which says where "
                                             "its weights come from; random "
                                             "ones are for a config.json");
  Expected<MixtureRecipe> recipe = readMixtureRecipe(options.input);
  if (!recipe)
    return recipe.takeError();
  if (Error error = inheritOptions(recipe->options))
    return error;
  recipe->options.context = options.context;
  recipe->options.ropeScaling = options.ropeScaling;
  PromptTokens tokens;
  tokens.tokenize =
      [&model = model](StringRef text) -> Expected<std::vector<int64_t>> {
    Expected<const PromptTokenizer *> tokenizer = getTokenizer(model);
    if (!tokenizer)
      return tokenizer.takeError();
    return (*tokenizer)->encode(text);
  };
  tokens.getPadding = [&model = model]() -> Expected<int64_t> {
    Expected<const PromptTokenizer *> tokenizer = getTokenizer(model);
    if (!tokenizer)
      return tokenizer.takeError();
    return (*tokenizer)->getPadding();
  };
  Expected<std::unique_ptr<Assembly>> opened =
      Assembly::open(std::move(*recipe), std::move(tokens));
  if (!opened)
    return opened.takeError();
  model.assembly = std::move(*opened);
  StringRef directory = model.assembly->getBaseDirectory();
  Expected<GenerationConfig> generation =
      readSampling(directory, model.assembly->getConfig());
  if (!generation)
    return generation.takeError();
  ImportOptions import;
  import.recipes = model.assembly.get();
  import.name = model.assembly->getRecipe().name;
  import.generation = *generation;
  Expected<mlir::OwningOpRef<mlir::ModuleOp>> imported =
      importModel(&context, model.assembly->getTokenizerDirectory(),
                  model.assembly->getConfig(), nullptr, import);
  if (!imported)
    return imported.takeError();
  model.module = std::move(*imported);
  return Error::success();
}

Error Reader::readModel() {
  SmallString<128> directory(options.input);
  if (sys::path::filename(directory) == "config.json") {
    sys::path::remove_filename(directory);
    if (directory.empty())
      directory = ".";
  }
  bool isGguf = isGgufPath(directory);
  if (!isGguf && !sys::fs::exists(directory))
    return createStringError(directory +
                             ": there is no such directory, a model is one "
                             "with config.json and model.safetensors");
  if (!isGguf && !sys::fs::is_directory(directory)) {
    if (Error error = checkRegularFile(directory))
      return error;
    return createStringError(directory +
                             ": is a file; name the directory that holds the "
                             "model, or its config.json, or a GGUF file");
  }
  if (!isGguf && isAdapterAlone(directory)) {
    // The recipe has lines; an error is one.
    std::string text = toString(suggestRecipe(directory));
    auto [what, recipe] = StringRef(text).split("\n\n");
    recipe = recipe.take_front(recipe.rfind("\n\n"));
    errs() << printableLines(recipe) << "\n";
    return createStringError(what.rtrim(':') +
                             " what stands above, and compile that");
  }
  StringRef place = directory;
  if (isGguf)
    place = sys::path::parent_path(directory);
  Expected<FileOptions> file = readOptions(place.empty() ? "." : place);
  if (!file)
    return file.takeError();
  if (!options.layerInputs)
    if (Error error = inheritOptions(*file))
      return error;

  file->context = options.context;
  file->ropeScaling = options.ropeScaling;
  Expected<ModelConfig> config = readConfig(directory, *file);
  if (!config)
    return config.takeError();
  Expected<GenerationConfig> generation = readSampling(directory, *config);
  if (!generation)
    return generation.takeError();
  model.hasWeights = isGguf || hasCheckpoint(directory);
  if (options.explain && !model.hasWeights)
    options.randomSeed = 0;
  if (!options.randomSeed) {
    Expected<std::unique_ptr<Checkpoint>> opened = Checkpoint::open(directory);
    if (!opened)
      return opened.takeError();
    model.checkpoint = std::move(*opened);
  }
  ImportOptions import;
  import.randomSeed = options.randomSeed;
  import.generation = *generation;
  Expected<mlir::OwningOpRef<mlir::ModuleOp>> imported =
      importModel(&context, directory, *config, model.checkpoint.get(), import);
  if (!imported)
    return imported.takeError();
  model.module = std::move(*imported);
  if (options.withoutAttention)
    muteAttention();
  return Error::success();
}

/// Makes zeros of the weights that attention leaves its layer through.
void Reader::muteAttention() {
  for (WeightOp weight : model.module->getOps<WeightOp>()) {
    auto load = weight.getResultValue().getDefiningOp<LoadOp>();
    if (!load || !load.getName().ends_with("self_attn.o_proj.weight"))
      continue;
    mlir::OpBuilder builder(load);
    load.getResult().replaceAllUsesWith(mlir::Value(FillOp::create(
        builder, load.getLoc(), load.getType(), builder.getF64FloatAttr(0))));
    load.erase();
  }
}

} // namespace

Error fpmoe::readInput(CompileOptions &options, mlir::MLIRContext &context,
                       Diagnostics &diagnostics, Model &model) {
  Reader reader(options, context, diagnostics, model);
  StringRef input = options.input;
  return input.ends_with(".mlir")   ? reader.readGraph()
         : input.ends_with(".toml") ? reader.readRecipe()
                                    : reader.readModel();
}
