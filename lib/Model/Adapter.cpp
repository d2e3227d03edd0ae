//===- Adapter.cpp - low-rank adapters of PEFT ------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finds the factors of every module that the configuration targets, then what
// replaces whole tensors; a tensor of the adapter that is left over is an
// error.
//
//===----------------------------------------------------------------------===//

#include "lib/Model/Adapter.h"

#include "lib/Model/Input.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace fpmoe {

/// PEFT's wrappers around the model.
static constexpr StringLiteral prefix = "base_model.model.";

static bool isEmbedding(StringRef module) {
  return module == "embed_tokens" || module.ends_with(".embed_tokens");
}

/// The path of a module of a tensor, or of a parameter of one.
static StringRef moduleOf(StringRef tensor) { return tensor.rsplit('.').first; }

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
  if (!isLoadable(tensor->dtype))
    return fileError(path, "tensor " + quoted(name) + " is " +
                               getName(tensor->dtype) +
                               ", weights must be F32, F16, BF16 or F64");
  taken[name] = true;
  return Error::success();
}

Error Adapter::matchModule(const TensorInfo &weight) {
  StringRef module = moduleOf(weight.name);
  if (weight.shape.size() != 2)
    return fileError(configPath, "targets " + quoted(module) +
                                     ", which is not a linear layer");
  Expected<int64_t> rank = config.rankOf(module);
  if (!rank)
    return rank.takeError();
  Expected<double> scale = config.scaleOf(module);
  if (!scale)
    return scale.takeError();
  std::string path = (prefix + module).str();
  AdapterChange change;
  change.rank = *rank;
  change.scale = *scale;
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
  if (Error e = take(change.a, {*rank, columns}))
    return e;
  if (Error e = take(change.b, {rows, *rank}))
    return e;
  changes[weight.name] = std::move(change);
  return Error::success();
}

Error Adapter::matchModules(const Checkpoint &base) {
  for (const TensorInfo &tensor : base.tensors()) {
    StringRef name = tensor.name;
    if (!name.consume_back(".weight"))
      continue;
    // "all-linear" and parameters do not speak of these.
    if (tensor.shape.size() != 2 && config.targetsAllLinear)
      continue;
    Expected<bool> isTarget = config.isTarget(name);
    if (!isTarget)
      return fileError(configPath, toString(isTarget.takeError()));
    if (*isTarget)
      if (Error e = matchModule(tensor))
        return e;
  }
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
  struct Piece {
    std::string tensor;
    int64_t expert, firstRow;
  };
  std::vector<Piece> pieces;
};
} // namespace

/// Every matrix; and the fused experts, also where the file has one tensor for
/// each expert.
static std::vector<Parameter> findParameters(const Checkpoint &base) {
  std::vector<Parameter> parameters;
  std::map<std::string, Parameter> fused;
  for (const TensorInfo &tensor : base.tensors()) {
    if (tensor.shape.size() != 2 && tensor.shape.size() != 3)
      continue;
    parameters.push_back({tensor.name, tensor.shape, {{tensor.name, -1, 0}}});
    StringRef module = moduleOf(tensor.name);
    auto [rest, role] = module.rsplit('.');
    auto [experts, index] = rest.rsplit('.');
    int64_t expert;
    if (!experts.ends_with(".experts") || index.getAsInteger(10, expert) ||
        tensor.shape.size() != 2 || expert < 0)
      continue;
    bool isDown = role == "down_proj";
    if (!isDown && role != "gate_proj" && role != "up_proj")
      continue;
    std::string path =
        (experts + (isDown ? ".down_proj" : ".gate_up_proj")).str();
    Parameter &parameter = fused[path];
    parameter.path = path;
    if (parameter.shape.empty())
      parameter.shape = {0, (isDown ? 1 : 2) * tensor.shape[0],
                         tensor.shape[1]};
    parameter.shape[0] = std::max(parameter.shape[0], expert + 1);
    parameter.pieces.push_back(
        {tensor.name, expert, role == "up_proj" ? tensor.shape[0] : 0});
  }
  for (auto &[path, parameter] : fused)
    parameters.push_back(std::move(parameter));
  return parameters;
}

Error Adapter::matchParameters(const Checkpoint &base) {
  if (config.targetParameters.empty())
    return Error::success();
  std::vector<Parameter> parameters = findParameters(base);
  // Those of one module are nested wrappers, the last name outside.
  std::vector<std::string> targets = config.targetParameters;
  llvm::sort(targets);
  std::map<std::string, std::vector<const Parameter *>> modules;
  for (StringRef target : targets) {
    bool found = false;
    for (const Parameter &parameter : parameters) {
      StringRef path = parameter.path;
      if (!path.consume_back(target) || !(path.empty() || path.ends_with(".")))
        continue;
      modules[moduleOf(parameter.path).str()].push_back(&parameter);
      found = true;
    }
    if (!found)
      return fileError(configPath, "target_parameters names " + quoted(target) +
                                       ", which the model does not have");
  }
  for (const auto &[module, own] : modules)
    for (auto [i, parameter] : enumerate(own)) {
      std::string path = (prefix + module).str();
      for (size_t level = i + 1; level < own.size(); ++level)
        path += ".base_layer";
      Expected<int64_t> rank = config.rankOf(parameter->path);
      if (!rank)
        return rank.takeError();
      Expected<double> scale = config.scaleOf(parameter->path);
      if (!scale)
        return scale.takeError();
      AdapterChange change;
      change.a = path + ".lora_A.weight";
      change.b = path + ".lora_B.weight";
      change.rank = *rank;
      change.scale = *scale;
      ArrayRef<int64_t> shape = parameter->shape;
      if (shape.size() == 3) {
        change.kind = AdapterChange::Experts;
        change.numExperts = shape[0];
        change.rows = shape[1];
      }
      int64_t stacked = *rank * change.numExperts;
      if (Error e = take(change.a, {stacked, shape.back()}))
        return e;
      if (Error e = take(change.b, {shape[shape.size() - 2], stacked}))
        return e;
      for (const Parameter::Piece &piece : parameter->pieces) {
        change.expert = piece.expert;
        change.firstRow = piece.firstRow;
        if (!changes.try_emplace(piece.tensor, change).second)
          return fileError(configPath, "targets " + quoted(parameter->path) +
                                           " twice, as a module and as a "
                                           "parameter");
      }
    }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Whole tensors
//===----------------------------------------------------------------------===//

/// Tensors that stand in the place of the model's: modules_to_save, biases,
/// embeddings that were resized.
Error Adapter::matchSaved(const Checkpoint &base) {
  auto isSaved = [&](StringRef module) {
    return any_of(config.modulesToSave,
                  [&](StringRef name) { return module.ends_with(name); });
  };
  for (const TensorInfo &tensor : checkpoint->tensors()) {
    StringRef name = tensor.name;
    if (taken.contains(name) || !name.consume_front(prefix))
      continue;
    std::string target = name.str();
    if (size_t at = target.find(".base_layer."); at != std::string::npos)
      target.replace(at, StringRef(".base_layer.").size(), ".");
    const TensorInfo *own = base.find(target);
    StringRef module = moduleOf(target);
    bool isBias = StringRef(target).ends_with(".bias") &&
                  config.bias != AdapterConfig::Bias::None;
    if (!own || !(isBias || isSaved(module) || isEmbedding(module) ||
                  module == "lm_head"))
      continue;
    if (Error e = take(tensor.name, own->shape))
      return e;
    changes[target].replacement = tensor.name;
  }
  for (const TensorInfo &tensor : base.tensors())
    if (isSaved(moduleOf(tensor.name)) &&
        changeOf(tensor.name).replacement.empty())
      return fileError(checkpoint->directory(),
                       "the tensor " + quoted((prefix + tensor.name).str()) +
                           " is missing, which modules_to_save asks for");
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

Expected<std::unique_ptr<Adapter>> Adapter::open(StringRef directory,
                                                 const Checkpoint &base) {
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
  Expected<std::unique_ptr<Checkpoint>> opened = Checkpoint::open(directory);
  if (!opened)
    return opened.takeError();
  adapter->checkpoint = std::move(*opened);
  if (Error e = adapter->matchModules(base))
    return std::move(e);
  if (Error e = adapter->matchParameters(base))
    return std::move(e);
  if (Error e = adapter->matchSaved(base))
    return std::move(e);
  if (Error e = adapter->checkLeftOver())
    return std::move(e);
  return adapter;
}

} // namespace fpmoe
