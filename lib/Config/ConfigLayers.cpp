//===- ConfigLayers.cpp - heads, experts and layers of config.json --------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What more than one field says, and fields of few architectures. See
// ConfigParser.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Config/ConfigParser.h"

#include "lib/Checkpoint/Input.h"
#include "lib/Config/SizeLimits.h"

#include <cmath>

using namespace llvm;

namespace fpmoe {

Error ConfigParser::experts() {
  if (architecture->expertCount.empty())
    return Error::success();
  StringRef key = architecture->expertCount;
  StringRef alias = architecture->expertCountAlias;
  if (!alias.empty() && fields.get(alias)) {
    const json::Value *count = fields.get(key);
    if (count && *count != *fields.get(alias))
      return fileError(fileName,
                       fields.describe(key, *count) + ", but " +
                           fields.describe(alias, *fields.get(alias)) +
                           ", which is another name for it");
    if (!count)
      key = alias;
  }
  if (Error e = fields.size(key, config.numExperts))
    return e;
  if (config.topK == 0)
    return fileError(fileName, "has no 'num_experts_per_tok'");
  if (config.topK > config.numExperts)
    return fileError(fileName, "num_experts_per_tok is " + Twine(config.topK) +
                                   ", it must be at most " + key +
                                   ", which is " + Twine(config.numExperts));
  if (architecture->onlyExperts)
    config.moeIntermediateSize = config.intermediateSize;
  if (architecture->hasField("n_shared_experts")) {
    int64_t count = 2;
    if (fields.get("n_shared_experts") &&
        !fields.get("n_shared_experts", /*nullable=*/true))
      count = 0;
    if (Error e = fields.size("n_shared_experts", count, 0, /*nullable=*/true))
      return e;
    config.sharedExpertIntermediateSize = count * config.moeIntermediateSize;
  }
  return groups();
}

/// DeepSeek-V2: experts of few devices only.
Error ConfigParser::groups() {
  if (!architecture->hasField("topk_method"))
    return Error::success();
  // transformers does not divide by the sum, the authors' own code does.
  if (config.normTopKProb)
    return fields.wrong("norm_topk_prob", *fields.get("norm_topk_prob"),
                        "false for " + architecture->name);
  const json::Value *method = fields.get("topk_method");
  if (!method || method->getAsString() == StringRef("greedy"))
    return Error::success();
  if (method->getAsString() != StringRef("group_limited_greedy"))
    return fields.wrong("topk_method", *method,
                        "\"greedy\" or \"group_limited_greedy\"");
  std::pair<StringRef, int64_t *> counts[] = {
      {"n_group", &config.numGroups}, {"topk_group", &config.topGroups}};
  for (auto [key, out] : counts) {
    if (!fields.get(key))
      return fileError(fileName, "has no " + quoted(key));
    if (Error e = fields.integer(key, *out, 1, config.numExperts))
      return e;
  }
  if (config.numExperts % config.numGroups)
    return mustDivide("n_routed_experts", config.numExperts, "n_group",
                      config.numGroups);
  if (config.topGroups > config.numGroups)
    return fileError(fileName, "topk_group is " + Twine(config.topGroups) +
                                   ", it must be at most n_group, which is " +
                                   Twine(config.numGroups));
  int64_t candidates = config.numExperts / config.numGroups * config.topGroups;
  if (config.topK > candidates)
    return fileError(fileName, "num_experts_per_tok is " + Twine(config.topK) +
                                   ", but topk_group groups have " +
                                   Twine(candidates) + " experts");
  return Error::success();
}

/// MultiPL-MoE: experts of tokens and experts of segments.
Error ConfigParser::twoLevels() {
  if (!config.twoLevels)
    return Error::success();
  ModelConfig::TwoLevels &levels = *config.twoLevels;
  struct {
    StringLiteral key;
    int64_t &value;
    int64_t min;
  } sizes[] = {
      {"num_token_experts", levels.tokenExperts, 2},
      {"num_segment_experts", levels.segmentExperts, 1},
      {"max_experts_per_segment", levels.maxExperts, 1},
  };
  for (auto &field : sizes)
    if (Error e = fields.size(field.key, field.value, field.min))
      return e;
  if (Error e =
          fields.integer("segment_length", levels.segment, 2, maxPrefillTokens))
    return e;
  struct {
    StringLiteral key;
    double &value;
  } reals[] = {{"segment_capacity", levels.capacity},
               {"token_weight", levels.tokenWeight},
               {"segment_weight", levels.segmentWeight}};
  for (auto &field : reals)
    if (Error e = fields.real(field.key, field.value, 1e-6, 1e6))
      return e;
  // The last of the token level's experts is the shared one.
  if (config.topK > levels.tokenExperts - 1)
    return fileError(fileName,
                     "num_experts_per_tok is " + Twine(config.topK) +
                         ", it must be less than num_token_experts, which is " +
                         Twine(levels.tokenExperts));
  if (levels.maxExperts > levels.segmentExperts)
    return fileError(fileName, "max_experts_per_segment is " +
                                   Twine(levels.maxExperts) +
                                   ", it must be at most num_segment_experts, "
                                   "which is " +
                                   Twine(levels.segmentExperts));
  config.numExperts = levels.tokenExperts + levels.segmentExperts;
  return Error::success();
}

Error ConfigParser::latentHeads() {
  if (config.numKeyValueHeads != config.numHeads)
    return fileError(fileName, "num_key_value_heads is " +
                                   Twine(config.numKeyValueHeads) +
                                   ", it must be num_attention_heads, which "
                                   "is " +
                                   Twine(config.numHeads));
  if (config.latentRopeDim % 2)
    return fileError(fileName, "qk_rope_head_dim is " +
                                   Twine(config.latentRopeDim) +
                                   ", rotary embeddings need an even one");
  config.headDim = config.nopeDim + config.latentRopeDim;
  return Error::success();
}

Error ConfigParser::heads() {
  if (config.numKeyValueHeads == 0)
    config.numKeyValueHeads = config.numHeads;
  if (config.numHeads % config.numKeyValueHeads)
    return mustDivide("num_attention_heads", config.numHeads,
                      "num_key_value_heads", config.numKeyValueHeads);
  if (config.kvLatent) {
    if (Error e = latentHeads())
      return e;
  } else if (architecture->hasField("head_dim") &&
             fields.get("head_dim", /*nullable=*/true)) {
    if (Error e = fields.size("head_dim", config.headDim))
      return e;
  } else if (config.headDim == 0) {
    if (config.hiddenSize % config.numHeads)
      return mustDivide("hidden_size", config.hiddenSize, "num_attention_heads",
                        config.numHeads);
    config.headDim = config.hiddenSize / config.numHeads;
    if (int64_t limit = getSizeLimit("head_dim"); config.headDim > limit)
      return fileError(fileName,
                       "hidden_size over num_attention_heads makes heads of " +
                           Twine(config.headDim) + ", they must be at most " +
                           Twine(limit));
  }
  if (!config.kvLatent && config.headDim % 2)
    return fileError(fileName, "head_dim is " + Twine(config.headDim) +
                                   ", rotary embeddings need an even one");
  if (config.attentionScale == 0)
    config.attentionScale = 1 / std::sqrt(static_cast<double>(config.headDim));
  return Error::success();
}

Error ConfigParser::multipliers() {
  if (architecture->hasField("clip_qkv") &&
      fields.get("clip_qkv", /*nullable=*/true)) {
    double limit = 0;
    if (Error e = fields.real("clip_qkv", limit, 1e-6, 1e6))
      return e;
    config.clipQKV = limit;
  }
  if (architecture->hasField("logits_scaling")) {
    double divisor = 1;
    if (Error e = fields.real("logits_scaling", divisor, 1e-6, 1e6))
      return e;
    config.logitsMultiplier = 1 / divisor;
  }
  return Error::success();
}

Error ConfigParser::layerKinds() {
  config.sparseLayers.assign(config.numLayers, config.numExperts > 0);
  if (architecture->hasField("first_k_dense_replace")) {
    int64_t count = 0;
    if (Error e = fields.size("first_k_dense_replace", count, 0))
      return e;
    for (int64_t layer = 0; layer < std::min(count, config.numLayers); ++layer)
      config.sparseLayers[layer] = false;
  }
  return architecture->hasField("decoder_sparse_step") ? denseLayers()
                                                       : Error::success();
}

Error ConfigParser::denseLayers() {
  int64_t step = 1;
  if (Error e = fields.size("decoder_sparse_step", step))
    return e;
  for (int64_t layer = 0; layer < config.numLayers; ++layer)
    config.sparseLayers[layer] = (layer + 1) % step == 0;
  const json::Value *value = fields.get("mlp_only_layers", /*nullable=*/true);
  if (!value)
    return Error::success();
  const json::Array *dense = value->getAsArray();
  if (!dense)
    return fields.wrong("mlp_only_layers", *value, "an array of layers");
  for (const json::Value &element : *dense) {
    std::optional<int64_t> layer = element.getAsInteger();
    if (!layer || *layer < 0 || *layer >= config.numLayers)
      return fields.wrong("an element of mlp_only_layers", element,
                          "a layer between 0 and " +
                              Twine(config.numLayers - 1));
    config.sparseLayers[*layer] = false;
  }
  return Error::success();
}

Error ConfigParser::windows() {
  config.windows.assign(config.numLayers, 0);
  WindowRule rule = architecture->windows;
  if (rule == WindowRule::Never)
    return Error::success();
  // Only Mistral has a window that config.json does not ask for.
  bool use = rule == WindowRule::All;
  int64_t window = use && config.numExperts ? 0 : 4096;
  if (use) {
    if (fields.get("sliding_window") &&
        !fields.get("sliding_window", /*nullable=*/true))
      window = 0;
  } else if (Error e = fields.boolean("use_sliding_window", use)) {
    return e;
  }
  if (Error e = fields.size("sliding_window", window, use ? 1 : 0,
                            /*nullable=*/!use || rule == WindowRule::All))
    return e;
  if (rule == WindowRule::All || rule == WindowRule::AllIfUsed) {
    config.windows.assign(config.numLayers, use ? window : 0);
    return Error::success();
  }
  int64_t limit = 28;
  if (Error e = fields.size("max_window_layers", limit, 0))
    return e;
  if (fields.get("layer_types", /*nullable=*/true))
    return layerTypes(use ? window : 0);
  for (int64_t layer = 0; use && layer < config.numLayers; ++layer)
    if (rule == WindowRule::LastLayers ? layer >= limit
                                       : layer % 2 == 0 && layer < limit)
      config.windows[layer] = window;
  return Error::success();
}

/// A window of 0 stands for none.
Error ConfigParser::layerTypes(int64_t window) {
  const json::Value *value = fields.get("layer_types");
  const json::Array *types = value->getAsArray();
  if (!types || types->size() != static_cast<size_t>(config.numLayers))
    return fields.wrong("layer_types", *value,
                        "an array of one type per layer, of which there are " +
                            Twine(config.numLayers));
  for (int64_t layer = 0; layer < config.numLayers; ++layer) {
    const json::Value &type = (*types)[layer];
    if (type.getAsString() == StringRef("full_attention"))
      continue;
    if (type.getAsString() != StringRef("sliding_attention"))
      return fields.wrong("an element of layer_types", type,
                          "\"full_attention\" or \"sliding_attention\"");
    if (!window)
      return fileError(fileName, "layer_types has \"sliding_attention\" for "
                                 "layer " +
                                     Twine(layer) +
                                     ", but use_sliding_window is false");
    config.windows[layer] = window;
  }
  return Error::success();
}

Error ConfigParser::expertNames() {
  std::optional<std::vector<std::string>> own;
  if (const json::Value *value = fields.get("fpmoe")) {
    const json::Object *object = value->getAsObject();
    if (!object)
      return fields.wrong("fpmoe", *value, "an object");
    for (const auto &member : *object) {
      if (StringRef(member.first) != "expert_names")
        return fileError(fileName, "fpmoe has the unknown field " +
                                       quoted(member.first) +
                                       ", known is 'expert_names'");
      const json::Array *names = member.second.getAsArray();
      if (!names)
        return fields.wrong("fpmoe.expert_names", member.second,
                            "an array of strings");
      own.emplace();
      for (const json::Value &element : *names) {
        std::optional<StringRef> name = element.getAsString();
        if (!name)
          return fields.wrong("an element of fpmoe.expert_names", element,
                              "a string");
        own->push_back(name->str());
      }
    }
  }
  // Both were written on purpose; the file beside the checkpoint is newer.
  const auto &names = options.expertNames ? options.expertNames : own;
  StringRef source =
      options.expertNames ? "fpmoe.toml: names" : "fpmoe.expert_names";
  if (config.numExperts == 0) {
    if (!names)
      return Error::success();
    return fileError(fileName, source + " has " + Twine(names->size()) +
                                   " experts, but " + architecture->name +
                                   " has none");
  }
  auto defaultName = [&](int64_t expert) {
    if (!config.twoLevels)
      return "expert" + std::to_string(expert);
    int64_t ofTokens = config.twoLevels->tokenExperts;
    if (expert >= ofTokens)
      return "segment" + std::to_string(expert - ofTokens);
    return expert == ofTokens - 1 ? "shared" : "token" + std::to_string(expert);
  };
  if (!names) {
    for (int64_t expert = 0; expert < config.numExperts; ++expert)
      config.expertNames.push_back(defaultName(expert));
    return Error::success();
  }
  // A language may have an expert on each of two levels.
  size_t first = config.twoLevels ? config.twoLevels->tokenExperts : 0;
  ArrayRef<std::string> all = *names;
  first = std::min(first, all.size());
  for (ArrayRef<std::string> level :
       {all.take_front(first), all.drop_front(first)})
    if (std::string fault = checkExpertNames(level); !fault.empty())
      return fileError(fileName, source + ": " + fault);
  if (names->size() != static_cast<size_t>(config.numExperts))
    return fileError(fileName,
                     (config.twoLevels ? "num_token_experts and "
                                         "num_segment_experts make "
                                       : architecture->expertCount + " is ") +
                         Twine(config.numExperts) + ", but " + source +
                         " has " + Twine(names->size()));
  config.expertNames = *names;
  return Error::success();
}

} // namespace fpmoe
