//===- Assembly.cpp - models made from parts ------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Opens and compares parts. Recipes are made in AssemblyRecipes.cpp.
//
//===----------------------------------------------------------------------===//

#include "lib/Model/Assembly.h"

#include "lib/Model/Input.h"
#include "lib/Model/Json.h"
#include "lib/Model/MixtureConfig.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace fpmoe {

/// The longest tokenizer.json that is compared.
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
         (config.tieWordEmbeddings && name == "lm_head.weight");
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
  Expected<std::unique_ptr<Checkpoint>> opened = Checkpoint::open(part.path);
  if (!opened)
    return recipe.errorAt(part.path, "the part " + quoted(part.name) + ": " +
                                         toString(opened.takeError()));
  checkpoints[part.name.text] = std::move(*opened);
  return Error::success();
}

Error Assembly::openAdapters(const PartSpec &part) {
  for (const Located &directory : part.adapters) {
    Expected<std::unique_ptr<Adapter>> opened =
        Adapter::open(directory, *checkpoints.at(part.of.text));
    if (!opened)
      return recipe.errorAt(directory, "the part " + quoted(part.name) + ": " +
                                           toString(opened.takeError()));
    adapters[part.name.text].push_back(std::move(*opened));
  }
  return Error::success();
}

Error Assembly::openParts() {
  for (const PartSpec &part : recipe.parts)
    if (part.adapters.empty())
      if (Error e = openCheckpoint(part))
        return e;
  if (!recipe.findPart(recipe.base)->adapters.empty())
    return recipe.errorAt(recipe.base, "the base " + quoted(recipe.base) +
                                           " is an adapter, it must be a "
                                           "checkpoint");
  for (const PartSpec &part : recipe.parts)
    if (Error e = openAdapters(part))
      return e;
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
  for (const TensorInfo &tensor : base.tensors()) {
    if (isIgnored(tensor.name, config))
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
    if (!base.find(tensor.name) && !isIgnored(tensor.name, config))
      return recipe.errorAt(
          part.path, "the part " + quoted(part.name) + " has the tensor " +
                         quoted(tensor.name) + ", the base has not");
  return Error::success();
}

/// Same bytes, or the same vocabulary and steps.
Error Assembly::compareTokenizer(const PartSpec &part) {
  std::string own = pathIn(part.path, "tokenizer.json");
  std::string base = pathIn(getBaseDirectory(), "tokenizer.json");
  if (!sys::fs::exists(own) || !sys::fs::exists(base))
    return Error::success();
  Expected<std::string> ownText = readSmallFile(own, maxTokenizerFile);
  if (!ownText)
    return ownText.takeError();
  Expected<std::string> baseText = readSmallFile(base, maxTokenizerFile);
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
  Expected<json::Object> ownJson = parse(*ownText, own);
  if (!ownJson)
    return ownJson.takeError();
  Expected<json::Object> baseJson = parse(*baseText, base);
  if (!baseJson)
    return baseJson.takeError();
  for (StringRef key :
       {"model", "added_tokens", "normalizer", "pre_tokenizer"}) {
    const json::Value *a = ownJson->get(key), *b = baseJson->get(key);
    if (a && b ? *a != *b : a != b)
      return recipe.errorAt(part.path, "the part " + quoted(part.name) +
                                           " has another tokenizer than the "
                                           "base: '" +
                                           key + "' differs in " + own);
  }
  return Error::success();
}

Error Assembly::comparePart(const PartSpec &part, const json::Object &base) {
  Expected<json::Object> own = readConfigJson(part.path);
  if (!own)
    return recipe.errorAt(part.path, "the part " + quoted(part.name) + ": " +
                                         toString(own.takeError()));
  if (Error e = compareConfigs(*own, base))
    return recipe.errorAt(part.path, "the part " + quoted(part.name) + " " +
                                         toString(std::move(e)));
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
  if (recipe.layout == MixtureRecipe::Dense) {
    configJson = *base;
    Expected<ModelConfig> read = readConfig(basePart.path);
    if (!read)
      return read.takeError();
    config = std::move(*read);
  } else {
    Expected<json::Object> made = makeMixtureConfig(recipe, *base, basePath);
    if (!made)
      return made.takeError();
    configJson = std::move(*made);
    std::string text;
    raw_string_ostream(text) << json::Value(json::Object(configJson));
    Expected<ModelConfig> read = parseConfig(text, basePath);
    if (!read)
      return read.takeError();
    config = std::move(*read);
  }
  for (const PartSpec &part : recipe.parts)
    if (!part.path.empty() && part.name.text != recipe.base.text &&
        isModelPart(part.name))
      if (Error e = comparePart(part, *base))
        return e;
  return Error::success();
}

Expected<std::unique_ptr<Assembly>> Assembly::open(MixtureRecipe recipe,
                                                   PromptTokens tokens) {
  std::unique_ptr<Assembly> assembly(
      new Assembly(std::move(recipe), std::move(tokens)));
  if (Error e = assembly->openParts())
    return std::move(e);
  if (Error e = assembly->readConfigs())
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

} // namespace fpmoe
