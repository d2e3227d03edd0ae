//===- MixtureConfig.cpp - configuration of an assembled model --*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fields that both kinds of models share are copied. The ones whose defaults
// differ between them must be there, so that nothing is guessed.
//
//===----------------------------------------------------------------------===//

#include "lib/Model/MixtureConfig.h"

#include "lib/Model/Input.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace fpmoe {

static constexpr StringLiteral requiredFields[] = {
    "vocab_size",        "hidden_size",
    "num_hidden_layers", "num_attention_heads",
    "intermediate_size", "num_key_value_heads",
    "rms_norm_eps",      "max_position_embeddings"};

static constexpr StringLiteral copiedFields[] = {
    "head_dim",          "hidden_act",          "rope_theta",   "rope_scaling",
    "rope_parameters",   "eos_token_id",        "bos_token_id", "pad_token_id",
    "initializer_range", "attention_dropout",   "use_cache",    "dtype",
    "torch_dtype",       "transformers_version"};

/// Beside the required ones: where parts of one model must not differ.
static constexpr StringLiteral comparedFields[] = {
    "architectures",     "model_type",          "head_dim",
    "hidden_act",        "rope_theta",          "rope_scaling",
    "rope_parameters",   "tie_word_embeddings", "attention_bias",
    "mlp_bias",          "sliding_window",      "use_sliding_window",
    "max_window_layers", "layer_types"};

static std::string show(const json::Value *value) {
  if (!value)
    return "none";
  std::string text;
  raw_string_ostream(text) << *value;
  return printable(text, 80);
}

Error compareConfigs(const json::Object &part, const json::Object &base) {
  auto compare = [&](StringRef key) -> Error {
    const json::Value *own = part.get(key), *other = base.get(key);
    if (own ? other && *own == *other : !other)
      return Error::success();
    // A field that only one of the files has may be its default.
    if (!own || !other)
      return Error::success();
    return createStringError("has " + key + " " + show(own) +
                             ", the base has " + show(other));
  };
  for (StringRef key : requiredFields)
    // The context may be another one; the base's counts.
    if (key != "max_position_embeddings")
      if (Error e = compare(key))
        return e;
  for (StringRef key : comparedFields)
    if (Error e = compare(key))
      return e;
  return Error::success();
}

namespace {
/// What a layout is made of.
struct LayoutInfo {
  StringLiteral name, architecture, modelType;
  /// Dense models that fit it, by `model_type`.
  std::vector<StringRef> denseTypes;
};
} // namespace

static const LayoutInfo &getLayout(MixtureRecipe::Layout layout) {
  static const LayoutInfo layouts[] = {
      {"qwen2_moe",
       "Qwen2MoeForCausalLM",
       "qwen2_moe",
       {"qwen2", "llama", "mistral"}},
      {"qwen3_moe", "Qwen3MoeForCausalLM", "qwen3_moe", {"qwen3"}},
      {"mixtral", "MixtralForCausalLM", "mixtral", {"mistral", "llama"}},
      {"multipl_moe",
       "MultiPLMoeForCausalLM",
       "multipl_moe",
       {"qwen2", "llama", "mistral"}}};
  return layouts[layout - MixtureRecipe::Qwen2Moe];
}

static bool isTrue(const json::Object &object, StringRef key) {
  return object.getBoolean(key).value_or(false);
}

/// The window of each layer of a dense model, 0 for none.
static Expected<std::vector<int64_t>> readWindows(const json::Object &dense,
                                                  StringRef type,
                                                  int64_t numLayers,
                                                  StringRef fileName) {
  std::vector<int64_t> windows(numLayers);
  int64_t window = dense.getInteger("sliding_window").value_or(0);
  if (type == "llama")
    return windows;
  if (type == "mistral") {
    if (!dense.get("sliding_window"))
      return fileError(fileName, "has no 'sliding_window'; null says that "
                                 "there is none");
    windows.assign(numLayers, window);
    return windows;
  }
  if (!isTrue(dense, "use_sliding_window"))
    return windows;
  if (const json::Array *types = dense.getArray("layer_types")) {
    if (types->size() != windows.size())
      return fileError(fileName, "layer_types has " + Twine(types->size()) +
                                     " entries for " + Twine(numLayers) +
                                     " layers");
    for (auto [type, slot] : llvm::zip(*types, windows))
      slot = type.getAsString() == StringRef("sliding_attention") ? window : 0;
    return windows;
  }
  // Here the last layers slide; in the mixtures of that family others do.
  int64_t first = dense.getInteger("max_window_layers").value_or(28);
  for (int64_t layer = std::max<int64_t>(first, 0); layer < numLayers; ++layer)
    windows[layer] = window;
  return windows;
}

static Error addWindows(const MixtureRecipe &recipe, ArrayRef<int64_t> windows,
                        json::Object &result) {
  bool any = llvm::any_of(windows, [](int64_t window) { return window != 0; });
  bool all = llvm::all_of(windows, [](int64_t window) { return window != 0; });
  int64_t window = any ? *llvm::max_element(windows) : 0;
  json::Value length = any ? json::Value(window) : json::Value(nullptr);
  if (recipe.layout != MixtureRecipe::Qwen2Moe &&
      recipe.layout != MixtureRecipe::MultiPLMoe) {
    if (any && !all)
      return recipe.errorAt(recipe.layoutPlace,
                            "some layers of the base have a sliding window; "
                            "in this layout all have one or none");
    result["sliding_window"] = std::move(length);
    if (recipe.layout == MixtureRecipe::Qwen3Moe)
      result["use_sliding_window"] = any;
    return Error::success();
  }
  result["use_sliding_window"] = any;
  result["sliding_window"] = std::move(length);
  if (!any)
    return Error::success();
  json::Array types;
  for (int64_t own : windows)
    types.push_back(own ? "sliding_attention" : "full_attention");
  result["layer_types"] = std::move(types);
  return Error::success();
}

static void addLevels(const MixtureRecipe &recipe, json::Object &result) {
  const LevelSpec &levels = recipe.levels;
  int64_t ofSegments = recipe.countExperts(ExpertSpec::Segment);
  // The shared one is of the token level.
  result["num_token_experts"] = recipe.countExperts(ExpertSpec::Token) + 1;
  result["num_segment_experts"] = ofSegments;
  result["segment_length"] = levels.segment;
  result["segment_capacity"] = levels.capacity;
  result["max_experts_per_segment"] =
      levels.maxExperts.value_or(std::min<int64_t>(4, ofSegments));
  result["token_weight"] = levels.tokenWeight;
  result["segment_weight"] = levels.segmentWeight;
}

Expected<json::Object> makeMixtureConfig(const MixtureRecipe &recipe,
                                         const json::Object &dense,
                                         StringRef fileName) {
  const LayoutInfo &layout = getLayout(recipe.layout);
  StringRef type = dense.getString("model_type").value_or("");
  if (!is_contained(layout.denseTypes, type))
    return recipe.errorAt(recipe.layoutPlace,
                          "the layout '" + layout.name +
                              "' is for a base of the model type " +
                              join(map_range(layout.denseTypes, quoted), ", ") +
                              "; " + fileName + " has " + quoted(type));
  if (isTrue(dense, "attention_bias") || isTrue(dense, "mlp_bias"))
    return recipe.errorAt(recipe.layoutPlace,
                          "the base has biases (attention_bias or mlp_bias) "
                          "that the layout '" +
                              layout.name + "' has no place for");

  json::Object result;
  result["architectures"] = json::Array{layout.architecture};
  result["model_type"] = layout.modelType;
  for (StringRef key : requiredFields) {
    const json::Value *value = dense.get(key);
    if (!value)
      return fileError(fileName, "has no " + quoted(key) +
                                     ", for which models have different "
                                     "defaults");
    result[key] = *value;
  }
  for (StringRef key : copiedFields)
    if (const json::Value *value = dense.get(key))
      result[key] = *value;
  result["tie_word_embeddings"] = isTrue(dense, "tie_word_embeddings");
  std::optional<int64_t> numLayers = dense.getInteger("num_hidden_layers");
  if (!numLayers || *numLayers < 1 || *numLayers > 4096)
    return fileError(fileName, "num_hidden_layers is " +
                                   show(dense.get("num_hidden_layers")) +
                                   ", it must be between 1 and 4096");
  Expected<std::vector<int64_t>> windows =
      readWindows(dense, type, *numLayers, fileName);
  if (!windows)
    return windows.takeError();
  if (Error e = addWindows(recipe, *windows, result))
    return std::move(e);

  auto numExperts = static_cast<int64_t>(recipe.experts.size());
  result["num_experts_per_tok"] = recipe.expertsPerToken;
  if (recipe.layout == MixtureRecipe::Mixtral) {
    if (!recipe.normalizeTopK)
      return recipe.errorAt(recipe.layoutPlace,
                            "the layout 'mixtral' always normalises; "
                            "'normalize' is false");
    result["num_local_experts"] = numExperts;
  } else if (recipe.layout == MixtureRecipe::MultiPLMoe) {
    addLevels(recipe, result);
  } else {
    result["num_experts"] = numExperts;
    result["norm_topk_prob"] = recipe.normalizeTopK;
    result["decoder_sparse_step"] = 1;
    result["mlp_only_layers"] = json::Array();
  }
  if (recipe.layout != MixtureRecipe::Mixtral)
    result["moe_intermediate_size"] = result["intermediate_size"];
  if (recipe.layout == MixtureRecipe::Qwen2Moe)
    result["shared_expert_intermediate_size"] = result["intermediate_size"];
  if (recipe.shared)
    result["qkv_bias"] = type == "qwen2";
  json::Array names;
  for (const ExpertSpec &expert : recipe.getRouterRows())
    names.push_back(expert.name.text);
  result["fpmoe"] = json::Object{{"expert_names", std::move(names)}};
  return std::move(result);
}

} // namespace fpmoe
