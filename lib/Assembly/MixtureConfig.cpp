//===- MixtureConfig.cpp - configuration of an assembled model --*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fields that both kinds of models share are copied. The ones whose defaults
// differ between them are written where the dense model's file leaves them out.
//
//===----------------------------------------------------------------------===//

#include "lib/Assembly/MixtureConfig.h"

#include "lib/Checkpoint/Input.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <tuple>

using namespace llvm;

namespace fpmoe {

namespace {
struct Size {
  StringLiteral key;
  int64_t ModelConfig::*member;
};
} // namespace

static constexpr Size sizes[] = {
    {"vocab_size", &ModelConfig::vocabSize},
    {"hidden_size", &ModelConfig::hiddenSize},
    {"num_hidden_layers", &ModelConfig::numLayers},
    {"num_attention_heads", &ModelConfig::numHeads},
    {"intermediate_size", &ModelConfig::intermediateSize},
    {"num_key_value_heads", &ModelConfig::numKeyValueHeads}};

static constexpr StringLiteral copiedFields[] = {
    "hidden_act",        "rope_scaling",
    "rope_parameters",   "eos_token_id",
    "bos_token_id",      "pad_token_id",
    "initializer_range", "attention_dropout",
    "use_cache",         "dtype",
    "torch_dtype",       "transformers_version",
    "original_max_position_embeddings"};

static std::string show(const json::Value *value) {
  if (!value)
    return "none";
  std::string text;
  raw_string_ostream(text) << *value;
  return printable(text, 80);
}

//===----------------------------------------------------------------------===//
// Comparing
//===----------------------------------------------------------------------===//

Error compareSizes(const json::Object &part, const json::Object &base) {
  auto compare = [&](StringRef key) -> Error {
    const json::Value *own = part.get(key), *other = base.get(key);
    // What one of them leaves out is compared as what it means.
    if (!own || !other || own->kind() == json::Value::Null ||
        other->kind() == json::Value::Null || *own == *other)
      return Error::success();
    return createStringError("has " + key + " " + show(own) +
                             ", the base has " + show(other));
  };
  for (const Size &size : sizes)
    if (Error e = compare(size.key))
      return e;
  for (StringRef key : {"rms_norm_eps", "architectures", "model_type"})
    if (Error e = compare(key))
      return e;
  return Error::success();
}

static auto asTuple(const RopeScaling &s) {
  return std::tie(s.kind, s.factor, s.originalPositions, s.low, s.high,
                  s.betaFast, s.betaSlow, s.truncate, s.magnitude);
}

/// "16 of layer 3", or "none of layer 3".
static std::string showWindow(const ModelConfig &config, int64_t layer) {
  std::optional<int64_t> window = config.window(layer);
  return (window ? std::to_string(*window) : "none") + " of layer " +
         std::to_string(layer);
}

Error compareConfigs(const ModelConfig &part, const ModelConfig &base) {
  auto differs = [](StringRef key, const auto &own, const auto &other) {
    std::string text;
    raw_string_ostream(text) << "has " << key << " " << json::Value(own)
                             << ", the base has " << json::Value(other);
    return createStringError(text);
  };
  if (part.architecture != base.architecture)
    return differs("architectures", part.architecture, base.architecture);
  // The context may be another one; the base's counts.
  std::pair<StringRef, int64_t ModelConfig::*> integers[] = {
      {"head_dim", &ModelConfig::headDim},
      {"num_experts_per_tok", &ModelConfig::topK},
      {"number of experts", &ModelConfig::numExperts},
      {"moe_intermediate_size", &ModelConfig::moeIntermediateSize},
      {"width of the shared expert",
       &ModelConfig::sharedExpertIntermediateSize},
      {"n_group", &ModelConfig::numGroups},
      {"topk_group", &ModelConfig::topGroups},
      {"kv_lora_rank", &ModelConfig::kvLatent},
      {"q_lora_rank", &ModelConfig::queryLatent},
      {"qk_nope_head_dim", &ModelConfig::nopeDim},
      {"qk_rope_head_dim", &ModelConfig::latentRopeDim},
      {"v_head_dim", &ModelConfig::latentValueDim}};
  for (const Size &size : sizes)
    if (part.*size.member != base.*size.member)
      return differs(size.key, part.*size.member, base.*size.member);
  for (auto [key, member] : integers)
    if (part.*member != base.*member)
      return differs(key, part.*member, base.*member);
  std::pair<StringRef, double ModelConfig::*> reals[] = {
      {"rms_norm_eps", &ModelConfig::rmsNormEps},
      {"rope_theta", &ModelConfig::ropeTheta},
      {"attention_multiplier", &ModelConfig::attentionScale},
      {"embedding_multiplier", &ModelConfig::embeddingMultiplier},
      {"residual_multiplier", &ModelConfig::residualMultiplier},
      {"multiplier of logits", &ModelConfig::logitsMultiplier},
      {"routed_scaling_factor", &ModelConfig::routedScale}};
  for (auto [key, member] : reals)
    if (part.*member != base.*member)
      return differs(key, part.*member, base.*member);
  std::pair<StringRef, bool ModelConfig::*> flags[] = {
      {"attention_bias", &ModelConfig::qkvBias},
      {"bias of the projection after attention", &ModelConfig::outputBias},
      {"norm_topk_prob", &ModelConfig::normTopKProb}};
  for (auto [key, member] : flags)
    if (part.*member != base.*member)
      return differs(key, part.*member, base.*member);
  if (part.clipQKV != base.clipQKV)
    return differs("clip_qkv", part.clipQKV, base.clipQKV);
  if (asTuple(part.ropeScaling) != asTuple(base.ropeScaling))
    return createStringError("has another scaling of rotary embeddings "
                             "(rope_parameters or rope_scaling) than the base");
  for (int64_t layer = 0; layer < base.numLayers; ++layer) {
    if (part.isSparse(layer) != base.isSparse(layer))
      return createStringError(
          "has " + Twine(part.isSparse(layer) ? "" : "no ") +
          "experts in layer " + Twine(layer) + ", the base has " +
          (base.isSparse(layer) ? "some" : "none"));
    if (part.windows[layer] != base.windows[layer])
      return createStringError("has the sliding window " +
                               showWindow(part, layer) + ", the base has " +
                               showWindow(base, layer));
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Making
//===----------------------------------------------------------------------===//

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
                                         const ModelConfig &base,
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
  for (StringRef key : copiedFields)
    if (const json::Value *value = dense.get(key))
      result[key] = *value;
  for (const Size &size : sizes)
    result[size.key] = base.*size.member;
  result["max_position_embeddings"] = base.maxPositions;
  result["rms_norm_eps"] = base.rmsNormEps;
  result["head_dim"] = base.headDim;
  const json::Object *rope = dense.getObject("rope_parameters");
  if (!rope || !rope->get("rope_theta"))
    result["rope_theta"] = base.ropeTheta;
  result["tie_word_embeddings"] = base.tieWordEmbeddings;
  if (Error e = addWindows(recipe, base.windows, result))
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
