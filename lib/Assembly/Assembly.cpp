//===- Assembly.cpp - models made from parts ------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Opens and compares parts, and lists the tensors of a checkpoint. Recipes are
// made in AssemblyRecipes.cpp.
//
//===----------------------------------------------------------------------===//

#include "lib/Assembly/Assembly.h"

#include "dialects/FPMoE/FPMoE.h"
#include "lib/Assembly/MixtureConfig.h"
#include "lib/Checkpoint/Input.h"
#include "lib/Checkpoint/Json.h"
#include "lib/Config/Architectures.h"
#include "lib/Config/RopeConfig.h"
#include "lib/Import/Import.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using mlir::Value;

namespace fpmoe {

static constexpr StringLiteral tokenizerName = "tokenizer.json";
/// The longest one that is compared.
static constexpr uint64_t maxTokenizerFile = uint64_t(1) << 28;

static std::string pathIn(StringRef directory, StringRef name) {
  SmallString<256> path(directory);
  sys::path::append(path, name);
  return std::string(path);
}

const Checkpoint &Assembly::getBase() const {
  return *checkpoints.at(recipe.base.text);
}

bool Assembly::isReplaced(StringRef name) const {
  return recipe.layout != MixtureRecipe::Dense &&
         name.starts_with("model.layers.") && name.contains(".mlp.");
}

/// Buffers that old exporters saved, and an output matrix that is not used.
static bool isIgnored(StringRef name, const ModelConfig &config) {
  return name.ends_with(".rotary_emb.inv_freq") ||
         (config.tieWordEmbeddings && name == headName);
}

/// Parts that give nothing but routers need not be models.
bool Assembly::isModelPart(StringRef name) const {
  auto isIt = [&](StringRef other) { return other == name; };
  return isIt(recipe.base) || (recipe.shared && isIt(recipe.shared->part)) ||
         any_of(recipe.experts,
                [&](const ExpertSpec &e) { return isIt(e.part); }) ||
         any_of(recipe.merge.inputs,
                [&](const MergeInput &i) { return isIt(i.part); }) ||
         any_of(recipe.parts, [&](const PartSpec &p) { return isIt(p.of); });
}

Error Assembly::openCheckpoint(const PartSpec &part) {
  if (isAdapterAlone(part.path))
    return recipe.errorAt(part.path,
                          "the part " + quoted(part.name) +
                              " is an adapter; write " + part.name.text +
                              " = { adapter = " + quoted(part.path) + " }");
  Expected<std::unique_ptr<Checkpoint>> opened = Checkpoint::open(part.path);
  if (!opened)
    return recipe.errorAt(part.path, "the part " + quoted(part.name) + ": " +
                                         toString(opened.takeError()));
  checkpoints[part.name.text] = std::move(*opened);
  return Error::success();
}

Error Assembly::openCheckpoints() {
  for (const PartSpec &part : recipe.parts)
    if (part.adapters.empty())
      if (Error e = openCheckpoint(part))
        return e;
  if (!recipe.findPart(recipe.base)->adapters.empty())
    return recipe.errorAt(recipe.base, "the base " + quoted(recipe.base) +
                                           " is an adapter, it must be a "
                                           "checkpoint");
  return Error::success();
}

Error Assembly::openAdapters(const PartSpec &part) {
  for (const Located &directory : part.adapters) {
    const ModelConfig &own = configs.at(part.of.text);
    AdaptedModel model{findArchitecture(own.architecture)->layouts,
                       own.tieWordEmbeddings};
    Expected<std::unique_ptr<Adapter>> opened =
        Adapter::open(directory, *checkpoints.at(part.of.text), model);
    if (!opened)
      return recipe.errorAt(directory, "the part " + quoted(part.name) + ": " +
                                           toString(opened.takeError()));
    adapters[part.name.text].push_back(std::move(*opened));
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Comparing parts
//===----------------------------------------------------------------------===//

static Expected<json::Object> readConfigJson(StringRef directory) {
  std::string path = pathIn(directory, "config.json");
  Expected<std::string> text = readSmallFile(path, maxConfigFile);
  if (!text)
    return text.takeError();
  return parseJsonObject(*text, path);
}

/// Every part must have exactly the tensors of the base, in the same shapes.
Error Assembly::compareTensors(const PartSpec &part) {
  const Checkpoint &base = getBase(), &own = *checkpoints[part.name.text];
  // Where it is the table, the file may have it or not.
  bool isTied = configs.at(part.name.text).tieWordEmbeddings ||
                configs.at(recipe.base.text).tieWordEmbeddings;
  auto isFree = [&](StringRef name) {
    return isIgnored(name, config) || (isTied && name == headName);
  };
  for (const TensorInfo &tensor : base.tensors()) {
    if (isFree(tensor.name))
      continue;
    const TensorInfo *other = own.find(tensor.name);
    if (!other)
      return recipe.errorAt(
          part.path, "the part " + quoted(part.name) + " has no tensor " +
                         quoted(tensor.name) + ", the base has");
    if (other->shape != tensor.shape)
      return recipe.errorAt(part.path,
                            "the part " + quoted(part.name) + " has " +
                                quoted(tensor.name) + " of the shape " +
                                formatShape(other->shape) + ", the base has " +
                                formatShape(tensor.shape));
  }
  for (const TensorInfo &tensor : own.tensors())
    if (!base.find(tensor.name) && !isFree(tensor.name))
      return recipe.errorAt(
          part.path, "the part " + quoted(part.name) + " has the tensor " +
                         quoted(tensor.name) + ", the base has not");
  return Error::success();
}

/// Same bytes, or the same vocabulary and steps.
Error Assembly::compareTokenizer(const PartSpec &part) {
  std::optional<std::string> own = findFile(part.path, tokenizerName);
  std::optional<std::string> base = findFile(getBaseDirectory(), tokenizerName);
  if (!own || !base)
    return Error::success();
  Expected<std::string> ownText = readSmallFile(*own, maxTokenizerFile);
  if (!ownText)
    return ownText.takeError();
  Expected<std::string> baseText = readSmallFile(*base, maxTokenizerFile);
  if (!baseText)
    return baseText.takeError();
  if (*ownText == *baseText)
    return Error::success();
  // A vocabulary has too many entries for the reader of settings.
  auto parse = [](StringRef text, StringRef path) -> Expected<json::Object> {
    JsonReader reader(text, path);
    unsigned budget = 1u << 24;
    Expected<json::Value> value = reader.value(budget);
    if (!value)
      return value.takeError();
    if (Error e = reader.finish())
      return std::move(e);
    json::Object *object = value->getAsObject();
    return object ? std::move(*object) : json::Object();
  };
  Expected<json::Object> ownJson = parse(*ownText, *own);
  if (!ownJson)
    return ownJson.takeError();
  Expected<json::Object> baseJson = parse(*baseText, *base);
  if (!baseJson)
    return baseJson.takeError();
  for (StringRef key :
       {"model", "added_tokens", "normalizer", "pre_tokenizer"}) {
    const json::Value *a = ownJson->get(key), *b = baseJson->get(key);
    if (a && b ? *a != *b : a != b)
      return recipe.errorAt(part.path, "the part " + quoted(part.name) +
                                           " has another tokenizer than the "
                                           "base: '" +
                                           key + "' differs in " + *own);
  }
  return Error::success();
}

/// What the configuration of a checkpoint means; its head is tied only if it
/// has no other.
Expected<ModelConfig> Assembly::readPartConfig(const PartSpec &part) const {
  Expected<ModelConfig> own = readConfig(part.path);
  if (!own)
    return own;
  Expected<bool> isTied = hasTiedHead(*own, *checkpoints.at(part.name.text));
  if (!isTied)
    return isTied.takeError();
  own->tieWordEmbeddings = *isTied;
  return own;
}

Error Assembly::comparePart(const PartSpec &part, const json::Object &base) {
  auto fault = [&](const Twine &glue, Error e) {
    return recipe.errorAt(part.path, "the part " + quoted(part.name) + glue +
                                         toString(std::move(e)));
  };
  Expected<json::Object> file = readConfigJson(part.path);
  if (!file)
    return fault(": ", file.takeError());
  if (Error e = compareSizes(*file, base))
    return fault(" ", std::move(e));
  Expected<ModelConfig> own = readPartConfig(part);
  if (!own)
    return fault(": ", own.takeError());
  if (Error e = compareConfigs(*own, configs.at(recipe.base.text)))
    return fault(" ", std::move(e));
  configs[part.name.text] = std::move(*own);
  if (Error e = compareTensors(part))
    return e;
  return compareTokenizer(part);
}

Error Assembly::readConfigs() {
  const PartSpec &basePart = *recipe.findPart(recipe.base);
  Expected<json::Object> base = readConfigJson(basePart.path);
  if (!base)
    return base.takeError();
  std::string basePath = pathIn(basePart.path, "config.json");
  Expected<ModelConfig> read = readPartConfig(basePart);
  if (!read)
    return read.takeError();
  config = configs[recipe.base.text] = std::move(*read);
  FileOptions options;
  if (recipe.layout == MixtureRecipe::Dense) {
    configJson = *base;
    // What the base's own file says of the fields; its [compile] counts only
    // where the base itself is compiled.
    if (Error e = readOptions(basePart.path).moveInto(options))
      return e;
  } else {
    Expected<json::Object> made =
        makeMixtureConfig(recipe, *base, config, basePath);
    if (!made)
      return made.takeError();
    configJson = std::move(*made);
  }
  if (recipe.options.ropeScaling)
    if (Error e =
            setRopeScaling(configJson, *recipe.options.ropeScaling, basePath))
      return e;
  options.ropeScaling.reset();
  options.context = recipe.options.context;
  std::string text;
  raw_string_ostream(text) << json::Value(json::Object(configJson));
  read = parseConfig(text, basePath, options);
  if (!read)
    return read.takeError();
  config = std::move(*read);
  for (const PartSpec &part : recipe.parts)
    if (!part.path.empty() && part.name.text != recipe.base.text &&
        isModelPart(part.name))
      if (Error e = comparePart(part, *base))
        return e;
  return Error::success();
}

//===----------------------------------------------------------------------===//
// What adapters make of the model beside its weights
//===----------------------------------------------------------------------===//

/// The parts that all but experts and routers is made of, or that tokens of a
/// language pass.
std::vector<const PartSpec *> Assembly::getFoldedParts() const {
  std::vector<const PartSpec *> parts;
  for (const MergeInput &input : recipe.merge.inputs)
    parts.push_back(recipe.findPart(input.part));
  for (const LanguageSpec &language : recipe.languages)
    parts.push_back(recipe.findPart(language.part));
  if (!recipe.sharedAdapter.empty())
    parts.push_back(recipe.findPart(recipe.sharedAdapter));
  return parts;
}

bool Assembly::changes(const PartSpec &part, StringRef tensor) const {
  auto own = adapters.find(part.name.text);
  return own != adapters.end() &&
         any_of(own->second, [&](const std::unique_ptr<Adapter> &adapter) {
           return !adapter->changeOf(tensor).isNone();
         });
}

/// The head is the table of embeddings no more if a part has its own, or an
/// adapter changes one of them.
void Assembly::findHead() {
  config.tieWordEmbeddings = configs.at(recipe.base.text).tieWordEmbeddings;
  for (const PartSpec *part : getFoldedParts()) {
    const Located &checkpoint = part->adapters.empty() ? part->name : part->of;
    config.tieWordEmbeddings &= configs.at(checkpoint.text).tieWordEmbeddings &&
                                !changes(*part, headName) &&
                                !changes(*part, embeddingName);
  }
  configJson["tie_word_embeddings"] = config.tieWordEmbeddings;
}

/// An adapter may bring embeddings of another number of tokens, if nothing else
/// gives any.
void Assembly::findVocabulary() {
  if (recipe.merge.inputs.empty())
    return;
  const PartSpec &part = *recipe.findPart(recipe.merge.inputs.front().part);
  for (auto [i, directory] : enumerate(part.adapters)) {
    const Adapter &adapter = *adapters.at(part.name.text)[i];
    const TensorInfo *table = adapter.getCheckpoint().find(
        adapter.changeOf(embeddingName).replacement);
    if (!table || table->shape[0] == config.vocabSize)
      continue;
    config.vocabSize = table->shape[0];
    configJson["vocab_size"] = config.vocabSize;
    if (findFile(directory, tokenizerName))
      tokenizerDirectory = directory.text;
  }
}

/// `lora_bias` may need biases that the base does not have.
Error Assembly::findBiases() {
  const Architecture &architecture = *findArchitecture(config.architecture);
  for (const PartSpec &part : recipe.parts)
    for (auto [i, directory] : enumerate(part.adapters))
      for (StringRef name : adapters.at(part.name.text)[i]->getBiases()) {
        if (checkpoints.at(part.of.text)->find(name))
          continue;
        if (recipe.layout != MixtureRecipe::Dense ||
            !architecture.hasField("attention_bias") || config.kvLatent ||
            !name.contains(".self_attn."))
          return recipe.errorAt(
              directory, "the part " + quoted(part.name) +
                             ": lora_bias is true and gives " + quoted(name) +
                             ", which the model has no place for");
        config.qkvBias = config.outputBias = true;
        configJson["attention_bias"] = true;
      }
  return Error::success();
}

Expected<std::unique_ptr<Assembly>> Assembly::open(MixtureRecipe recipe,
                                                   PromptTokens tokens) {
  std::unique_ptr<Assembly> assembly(
      new Assembly(std::move(recipe), std::move(tokens)));
  if (Error e = assembly->openCheckpoints())
    return std::move(e);
  if (Error e = assembly->readConfigs())
    return std::move(e);
  for (const PartSpec &part : assembly->recipe.parts)
    if (Error e = assembly->openAdapters(part))
      return std::move(e);
  assembly->findHead();
  assembly->findVocabulary();
  if (Error e = assembly->findBiases())
    return std::move(e);
  return assembly;
}

//===----------------------------------------------------------------------===//
// What the importer asks besides
//===----------------------------------------------------------------------===//

std::string getAdapterName(const PartSpec &part, size_t number) {
  return part.name.text + "/adapter" +
         (number == 0 ? "" : std::to_string(number));
}

std::string inLayer(StringRef name, int64_t layer) {
  auto [head, tail] = name.split("{}");
  return head.size() == name.size() ? name.str()
                                    : (head + Twine(layer) + tail).str();
}

bool Assembly::has(StringRef name) const {
  return recipe.layout == MixtureRecipe::Dense && getBase().find(name);
}

Error Assembly::finish() {
  for (const TensorInfo &tensor : getBase().tensors())
    if (!taken.contains(tensor.name) && !isReplaced(tensor.name) &&
        !isIgnored(tensor.name, config))
      return recipe.errorAt(recipe.base, "the base has the tensor " +
                                             quoted(tensor.name) +
                                             ", which is not part of the "
                                             "assembled model");
  return Error::success();
}

bool Assembly::isBF16() const {
  return recipe.dtype.empty() ? allBF16 : recipe.dtype == "bf16";
}

std::vector<std::pair<std::string, std::string>>
Assembly::getDirectories() const {
  std::vector<std::pair<std::string, std::string>> directories;
  for (const PartSpec &part : recipe.parts)
    if (!part.path.empty())
      directories.emplace_back(part.name.text, part.path.text);
    else
      for (auto [i, directory] : enumerate(part.adapters))
        directories.emplace_back(getAdapterName(part, i), directory.text);
  return directories;
}

//===----------------------------------------------------------------------===//
// Tensors of a checkpoint
//===----------------------------------------------------------------------===//

/// As the recipe says, or as all that a tensor is made of is stored.
bool Assembly::storesBF16(mlir::Operation *weight,
                          const TensorRequest &request) const {
  bool loads = false, narrow = true;
  weight->walk([&](LoadOp load) {
    auto part = checkpoints.find(load.getPart()->str());
    if (part == checkpoints.end())
      return; // an adapter, which is stored as it was trained
    int64_t layer = request.layers.empty() ? 0 : request.layers.front();
    const TensorInfo *tensor =
        part->second->find(inLayer(load.getName(), layer));
    loads = true;
    narrow &= tensor && tensor->dtype == DType::BF16;
  });
  if (!recipe.dtype.empty())
    return recipe.dtype == "bf16";
  return loads ? narrow : allBF16;
}

Expected<mlir::OwningOpRef<mlir::ModuleOp>>
Assembly::makeTensors(mlir::ModuleOp model) {
  mlir::OpBuilder builder(model.getContext());
  mlir::Location loc = builder.getUnknownLoc();
  mlir::OwningOpRef<mlir::ModuleOp> tensors = mlir::ModuleOp::create(loc);
  (*tensors)->setAttr(kModelAttr, model->getAttr(kModelAttr));
  std::vector<TensorRequest> wanted = requests;
  for (const TensorRequest &request : wanted) {
    builder.setInsertionPointToEnd(tensors->getBody());
    auto type =
        mlir::RankedTensorType::get(request.shape, builder.getF32Type());
    mlir::DenseI64ArrayAttr layers;
    if (!request.layers.empty())
      layers = builder.getDenseI64ArrayAttr(request.layers);
    auto weight =
        WeightOp::create(builder, loc, builder.getStringAttr(request.name),
                         mlir::TypeAttr::get(type), layers, mlir::IntegerAttr(),
                         mlir::IntegerAttr());
    mlir::Block *block = builder.createBlock(&weight.getRecipe());
    Value layer = layers
                      ? Value(block->addArgument(builder.getIndexType(), loc))
                      : Value();
    Expected<Value> value = build(builder, request, layer);
    if (!value)
      return value.takeError();
    if (storesBF16(weight, request)) {
      type = type.clone(builder.getBF16Type());
      value = Value(ConvertOp::create(builder, loc, type, *value));
      weight.setType(type);
    }
    YieldOp::create(builder, loc, *value);
  }
  return std::move(tensors);
}

} // namespace fpmoe
