//===- Adapter.cpp - low-rank adapters of PEFT ------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finds what replaces whole tensors, then the factors of every parameter and
// module that the configuration targets; a tensor of the adapter that is left
// over is an error.
//
//===----------------------------------------------------------------------===//

#include "lib/Assembly/Adapter.h"

#include "lib/Checkpoint/Input.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace fpmoe {

/// The most experts of a layer whose tensors are joined.
static constexpr int64_t maxExperts = 1 << 12;

/// PEFT's wrappers around the model.
static constexpr StringLiteral prefix = "base_model.model.";

static bool isEmbedding(StringRef module) {
  return module == "embed_tokens" || module.ends_with(".embed_tokens");
}

/// The path of a module of a tensor, or of a parameter of one.
static StringRef moduleOf(StringRef tensor) { return tensor.rsplit('.').first; }

/// The tensor of the model, or module, that a tensor of the adapter is for.
static std::string withoutWrappers(StringRef name) {
  name.consume_front(prefix);
  std::string path = name.split(".lora_").first.str();
  constexpr StringLiteral wrapper = ".base_layer";
  for (size_t at; (at = path.find(wrapper)) != std::string::npos;)
    path.erase(at, wrapper.size());
  return path;
}

/// Whether the model has an experts' module of that path: one for each expert,
/// which since transformers 5 are parameters of one module.
static bool isExpert(StringRef module) {
  StringRef back = module.split(".experts.").second;
  return !back.empty() && isDigit(back.front());
}

/// Routers, which since transformers 5 are no linear layers.
static bool isRouter(StringRef module) {
  return module.ends_with(".mlp.gate") ||
         module.ends_with(".block_sparse_moe.gate") ||
         module.ends_with(".router.layer");
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

/// A head that is tied is a module all the same.
void Adapter::listTensors(const Checkpoint &base, bool isTied) {
  tensors = base.tensors().vec();
  const TensorInfo *table = base.find(embeddingName);
  if (isTied && table && !base.find(headName)) {
    tensors.push_back(*table);
    tensors.back().name = headName.str();
  }
  for (auto [i, tensor] : enumerate(tensors))
    byName[tensor.name] = i;
  for (const TensorInfo &tensor : checkpoint->tensors())
    if (StringRef(tensor.name).contains(".lora_"))
      factored.insert(withoutWrappers(tensor.name));
}

TensorInfo *Adapter::find(StringRef tensor) {
  auto found = byName.find(tensor);
  return found == byName.end() ? nullptr : &tensors[found->second];
}

Error Adapter::take(StringRef name, ArrayRef<int64_t> shape) {
  const TensorInfo *tensor = checkpoint->find(name);
  if (!tensor)
    return fileError(checkpoint->directory(),
                     "the tensor " + quoted(name) +
                         " is missing, which adapter_config.json asks for");
  StringRef path = checkpoint->fileName(tensor->file);
  if (ArrayRef<int64_t>(tensor->shape) != shape)
    return fileError(path, "tensor " + quoted(name) + " has the shape " +
                               formatShape(tensor->shape) +
                               ", the model and the rank ask for " +
                               formatShape(shape));
  if (Error e = checkLoadable(*tensor, path))
    return e;
  taken[name] = true;
  return Error::success();
}

Error Adapter::describe(AdapterChange &change, StringRef path) const {
  if (Error e = config.rankOf(path).moveInto(change.rank))
    return e;
  return config.scaleOf(path).moveInto(change.scale);
}

//===----------------------------------------------------------------------===//
// Whole tensors
//===----------------------------------------------------------------------===//

/// Tensors that stand in the place of the model's: modules_to_save, biases, and
/// embeddings, which may have got more tokens, or lost some.
Error Adapter::matchSaved(bool isTied) {
  auto isSaved = [&](StringRef tensor) {
    return any_of(config.modulesToSave, [&](StringRef name) {
      return moduleOf(tensor).ends_with(name);
    });
  };
  auto replace = [&](TensorInfo &own, const TensorInfo &by) {
    own.shape = by.shape;
    changes[own.name].replacement = by.name;
  };
  for (const TensorInfo &tensor : checkpoint->tensors()) {
    StringRef name = tensor.name;
    if (!name.starts_with(prefix) || name.contains(".lora_"))
      continue;
    std::string target = withoutWrappers(name);
    TensorInfo *own = find(target);
    bool isBias = StringRef(target).ends_with(".bias") &&
                  config.bias != AdapterConfig::Bias::None;
    bool isEnd = target == embeddingName || target == headName;
    if (!own || !(isBias || isSaved(target) || isEnd))
      continue;
    SmallVector<int64_t, 4> shape = own->shape;
    if (isEnd && shape.size() == 2 && tensor.shape.size() == 2)
      shape[0] = tensor.shape[0];
    if (Error e = take(tensor.name, shape))
      return e;
    replace(*own, tensor);
    // Both ends are one tensor while they are tied, and it is saved under one
    // name at least; what modules_to_save copied is tied no more.
    StringRef otherName = target == headName ? embeddingName : headName;
    TensorInfo *other = isTied && isEnd ? find(otherName) : nullptr;
    if (other && !isSaved(target) && !isSaved(otherName) &&
        changeOf(otherName).isNone())
      replace(*other, tensor);
  }
  for (const TensorInfo &tensor : tensors)
    if (isSaved(tensor.name) && changeOf(tensor.name).replacement.empty())
      return fileError(checkpoint->directory(),
                       "the tensor " + quoted((prefix + tensor.name).str()) +
                           " is missing, which modules_to_save asks for");
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

namespace {
/// A parameter as the Python model has it, and the tensors that store it.
struct Parameter {
  std::string path;
  SmallVector<int64_t, 4> shape;
  bool isDown = false;
  struct Piece {
    std::string tensor;
    int64_t expert, firstRow;
  };
  std::vector<Piece> pieces;
};

/// Where a tensor of a router or of experts is since transformers 5.
struct Place {
  std::string path;
  int64_t expert = -1;
  bool isUp = false, isDown = false;
};
} // namespace

/// Whether `name` is `pattern`, in which a `#` stands for a number.
static bool matches(StringRef name, StringRef pattern, int64_t &number) {
  if (!pattern.contains('#'))
    return name == pattern;
  auto [front, back] = pattern.split('#');
  return name.consume_front(front) && !name.consumeInteger(10, number) &&
         number >= 0 && number < maxExperts && name == back;
}

static std::optional<Place> findPlace(StringRef tensor,
                                      ArrayRef<ExpertLayout> layouts) {
  StringRef name = tensor;
  int64_t layer;
  if (layouts.empty() || !name.consume_front("model.layers.") ||
      name.consumeInteger(10, layer) || !name.consume_front("."))
    return std::nullopt;
  StringRef front = tensor.drop_back(name.size());
  const ExpertLayout &python = layouts.back();
  for (const auto &[router, names] : layouts) {
    Place place;
    if (name == router)
      place.path = (front + python.router).str();
    else if ((place.isDown = matches(name, names.down, place.expert)))
      place.path = (front + python.experts.down).str();
    else if (matches(name, names.gate, place.expert) ||
             (place.isUp = matches(name, names.up, place.expert)))
      place.path = (front + python.experts.gate).str();
    else
      continue;
    return place;
  }
  return std::nullopt;
}

/// Every matrix under its name, or under that of transformers 5 unless the
/// adapter has factors for the other.
static std::vector<Parameter> findParameters(ArrayRef<TensorInfo> tensors,
                                             ArrayRef<ExpertLayout> layouts,
                                             const StringSet<> &factored) {
  std::vector<Parameter> parameters;
  // The experts of a layer that have a tensor each.
  std::map<std::string, Parameter> joined;
  for (const TensorInfo &tensor : tensors) {
    ArrayRef<int64_t> shape = tensor.shape;
    if (shape.size() != 2 && shape.size() != 3)
      continue;
    std::optional<Place> place = findPlace(tensor.name, layouts);
    if (!place || factored.contains(moduleOf(tensor.name))) {
      parameters.push_back(
          {tensor.name, tensor.shape, false, {{tensor.name, -1, 0}}});
      continue;
    }
    if (place->expert < 0) {
      parameters.push_back(
          {place->path, tensor.shape, place->isDown, {{tensor.name, -1, 0}}});
      continue;
    }
    Parameter &parameter = joined[place->path];
    parameter.path = place->path;
    parameter.isDown = place->isDown;
    if (parameter.shape.empty())
      parameter.shape = {0, (place->isDown ? 1 : 2) * shape[0], shape.back()};
    parameter.shape[0] = std::max(parameter.shape[0], place->expert + 1);
    parameter.pieces.push_back(
        {tensor.name, place->expert, place->isUp ? shape[0] : 0});
  }
  for (auto &[path, parameter] : joined)
    parameters.push_back(std::move(parameter));
  return parameters;
}

Error Adapter::matchParameters(ArrayRef<ExpertLayout> layouts) {
  if (config.targetParameters.empty())
    return Error::success();
  std::vector<Parameter> parameters =
      findParameters(tensors, layouts, factored);
  std::map<std::string, std::vector<const Parameter *>> modules;
  StringSet<> found;
  for (const Parameter &parameter : parameters) {
    bool isTarget = false;
    for (StringRef target : config.targetParameters) {
      StringRef path = parameter.path;
      if (!path.consume_back(target) || !(path.empty() || path.ends_with(".")))
        continue;
      found.insert(target);
      isTarget = true;
    }
    if (isTarget)
      modules[moduleOf(parameter.path).str()].push_back(&parameter);
  }
  for (StringRef target : config.targetParameters)
    if (!found.contains(target))
      return fileError(configPath, "target_parameters names " + quoted(target) +
                                       ", which the model does not have");
  for (auto &[module, own] : modules) {
    // Wrappers are nested in the order in which the module registers its
    // parameters, the last one outside.
    llvm::stable_sort(own, [](const Parameter *a, const Parameter *b) {
      return !a->isDown && b->isDown;
    });
    for (auto [i, parameter] : enumerate(own)) {
      std::string path = (prefix + module).str();
      for (size_t level = i + 1; level < own.size(); ++level)
        path += ".base_layer";
      AdapterChange change;
      change.a = path + ".lora_A.weight";
      change.b = path + ".lora_B.weight";
      if (Error e = describe(change, parameter->path))
        return e;
      ArrayRef<int64_t> shape = parameter->shape;
      if (shape.size() == 3) {
        change.kind = AdapterChange::Experts;
        change.numExperts = shape[0];
        change.rows = shape[1];
      }
      int64_t stacked = change.rank * change.numExperts;
      if (Error e = take(change.a, {stacked, shape.back()}))
        return e;
      if (Error e = take(change.b, {shape[shape.size() - 2], stacked}))
        return e;
      for (const Parameter::Piece &piece : parameter->pieces) {
        change.replacement = changeOf(piece.tensor).replacement;
        change.expert = piece.expert;
        change.firstRow = piece.firstRow;
        changes[piece.tensor] = change;
      }
    }
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

Error Adapter::matchModule(const TensorInfo &weight) {
  StringRef module = moduleOf(weight.name);
  if (weight.shape.size() != 2)
    return fileError(configPath, "targets " + quoted(module) +
                                     ", which is not a linear layer");
  AdapterChange &change = changes[weight.name];
  if (!change.b.empty())
    return fileError(configPath, "targets " + quoted(weight.name) +
                                     " twice, as a module and as a parameter");
  if (Error e = describe(change, module))
    return e;
  std::string path = (prefix + module).str();
  int64_t rows = weight.shape[0], columns = weight.shape[1];
  if (isEmbedding(module)) {
    change.kind = AdapterChange::Embedding;
    change.a = path + ".lora_embedding_A";
    change.b = path + ".lora_embedding_B";
    std::swap(rows, columns);
  } else {
    change.a = path + ".lora_A.weight";
    change.b = path + ".lora_B.weight";
  }
  if (Error e = take(change.a, {change.rank, columns}))
    return e;
  if (Error e = take(change.b, {rows, change.rank}))
    return e;
  if (!config.hasBias || isEmbedding(module))
    return Error::success();
  AdapterChange &bias = changes[(module + ".bias").str()];
  bias.kind = AdapterChange::Bias;
  bias.b = path + ".lora_B.bias";
  bias.scale = change.scale;
  return take(bias.b, {rows});
}

Error Adapter::matchModules(bool isTied) {
  bool hasExperts = false, hasRouters = false;
  for (StringRef module : factored.keys()) {
    hasExperts |= isExpert(module);
    hasRouters |= isRouter(module);
  }
  for (const TensorInfo &tensor : tensors) {
    StringRef name = tensor.name;
    if (!name.consume_back(".weight"))
      continue;
    // They are targets only in models that have them as linear layers.
    if ((isExpert(name) && !hasExperts) || (isRouter(name) && !hasRouters))
      continue;
    // "all-linear" and parameters do not speak of these.
    if (tensor.shape.size() != 2 && config.targetsAllLinear)
      continue;
    bool followsTable = isTied && config.keepsTies && tensor.name == headName;
    Expected<bool> isTarget =
        config.isTarget(followsTable ? moduleOf(embeddingName) : name);
    if (!isTarget)
      return fileError(configPath, toString(isTarget.takeError()));
    if (*isTarget)
      if (Error e = matchModule(tensor))
        return e;
  }
  return Error::success();
}

Error Adapter::checkLeftOver() const {
  for (const TensorInfo &tensor : checkpoint->tensors())
    if (!taken.contains(tensor.name))
      return fileError(checkpoint->fileName(tensor.file),
                       "tensor " + quoted(tensor.name) +
                           " is not for a module that adapter_config.json "
                           "names and the model has");
  return Error::success();
}

AdapterChange Adapter::changeOf(StringRef tensor) const {
  auto found = changes.find(tensor.str());
  return found == changes.end() ? AdapterChange() : found->second;
}

std::vector<std::string> Adapter::getBiases() const {
  std::vector<std::string> names;
  for (const auto &[name, change] : changes)
    if (change.kind == AdapterChange::Bias)
      names.push_back(name);
  return names;
}

//===----------------------------------------------------------------------===//
// Opening
//===----------------------------------------------------------------------===//

/// PEFT wrote pickles once, which run programs when they are read.
static Error checkFormat(StringRef directory) {
  SmallString<256> good(directory), old(directory);
  sys::path::append(good, "adapter_model.safetensors");
  sys::path::append(old, "adapter_model.bin");
  if (sys::fs::exists(good) || !sys::fs::exists(old))
    return Error::success();
  return fileError(
      old,
      "is a pickle, which is not read; convert it: python3 -c 'import sys, "
      "torch, safetensors.torch as s; d = sys.argv[1]; s.save_file({k: "
      "v.contiguous() for k, v in torch.load(d + "
      "\"/adapter_model.bin\", map_location=\"cpu\", "
      "weights_only=True).items()}, d + "
      "\"/adapter_model.safetensors\")' " +
          directory);
}

Expected<std::unique_ptr<Adapter>> Adapter::open(StringRef directory,
                                                 const Checkpoint &base,
                                                 const AdaptedModel &model) {
  std::unique_ptr<Adapter> adapter(new Adapter());
  SmallString<256> path(directory);
  sys::path::append(path, "adapter_config.json");
  adapter->configPath = std::string(path);
  Expected<std::string> text =
      readSmallFile(adapter->configPath, maxConfigFile);
  if (!text)
    return text.takeError();
  Expected<AdapterConfig> config = parseAdapterConfig(*text, path);
  if (!config)
    return config.takeError();
  adapter->config = std::move(*config);
  if (Error e = checkFormat(directory))
    return std::move(e);
  Expected<std::unique_ptr<Checkpoint>> opened = Checkpoint::open(directory);
  if (!opened)
    return opened.takeError();
  adapter->checkpoint = std::move(*opened);
  adapter->listTensors(base, model.isTied);
  if (Error e = adapter->matchSaved(model.isTied))
    return std::move(e);
  if (Error e = adapter->matchParameters(model.layouts))
    return std::move(e);
  if (Error e = adapter->matchModules(model.isTied))
    return std::move(e);
  if (Error e = adapter->checkLeftOver())
    return std::move(e);
  return adapter;
}

} // namespace fpmoe
