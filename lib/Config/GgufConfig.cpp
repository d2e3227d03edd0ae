//===- GgufConfig.cpp - hyperparameters of a GGUF file ----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A table of families and one of keys; what is more than a copy follows in
// functions. See GgufConfig.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Config/GgufConfig.h"

#include "lib/Checkpoint/Input.h"
#include "lib/Config/Fields.h"
#include "lib/Config/SizeLimits.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <cmath>

using namespace llvm;

namespace fpmoe {

namespace {
struct Family {
  StringLiteral name, architecture, modelType;
  bool hasExperts = false;
  bool hasSharedExpert = false;
  /// Whether the chosen experts' weights are scaled to a sum of 1, where the
  /// file does not say.
  bool normTopK = false;
};

/// A whole number that is copied.
struct IntegerKey {
  /// After the name of the family and a point.
  StringLiteral key;
  StringLiteral field;
  enum { Needed, Optional } kind = Needed;
};
} // namespace

/// Of two of one name, one has experts.
static constexpr Family families[] = {
    {"llama", "LlamaForCausalLM", "llama"},
    {"llama", "MixtralForCausalLM", "mixtral", true, false, true},
    {"qwen2", "Qwen2ForCausalLM", "qwen2"},
    {"qwen2moe", "Qwen2MoeForCausalLM", "qwen2_moe", true, true, false},
    {"qwen3", "Qwen3ForCausalLM", "qwen3"},
    {"qwen3moe", "Qwen3MoeForCausalLM", "qwen3_moe", true, false, true},
};

static constexpr IntegerKey integerKeys[] = {
    {"block_count", "num_hidden_layers"},
    {"context_length", "max_position_embeddings"},
    {"embedding_length", "hidden_size"},
    {"feed_forward_length", "intermediate_size"},
    {"attention.head_count", "num_attention_heads"},
    {"attention.head_count_kv", "num_key_value_heads", IntegerKey::Optional},
};

static constexpr IntegerKey expertKeys[] = {
    {"expert_count", "num_experts"},
    {"expert_used_count", "num_experts_per_tok"},
    {"expert_feed_forward_length", "moe_intermediate_size",
     IntegerKey::Optional},
    {"expert_shared_feed_forward_length", "shared_expert_intermediate_size",
     IntegerKey::Optional},
};

/// Keys that are read one by one.
static constexpr StringLiteral otherKeys[] = {
    "attention.layer_norm_rms_epsilon",
    "attention.key_length",
    "attention.value_length",
    "rope.freq_base",
    "rope.dimension_count",
    "rope.scaling.type",
    "rope.scaling.factor",
    "rope.scaling.original_context_length",
    "rope.scale_linear",
    "expert_weights_norm",
    "attention.sliding_window",
    "vocab_size",
};

namespace {
/// A key that changes nothing at these values.
struct NeutralKey {
  StringLiteral key;
  double value, other = value;
};
} // namespace

static constexpr NeutralKey neutralKeys[] = {
    {"expert_gating_func", 1, 0},
    {"expert_weights_scale", 1, 0},
    {"expert_group_count", 1, 0},
    {"expert_group_used_count", 1, 0},
    {"expert_shared_count", 0},
    {"leading_dense_block_count", 0},
    {"interleave_moe_layer_step", 1, 0},
    {"moe_every_n_layers", 1, 0},
    {"nextn_predict_layers", 0},
    {"attention.causal", 1},
    {"attention.clamp_kqv", 0},
    {"pooling_type", 0},
    {"logit_scale", 1},
    {"embedding_scale", 1},
    {"residual_scale", 1},
    {"attn_logit_softcapping", 0},
    {"final_logit_softcapping", 0},
    {"rope.scaling.attn_factor", 1},
    {"rope.scaling.yarn_attn_factor", 1},
    {"rope.scaling.yarn_ext_factor", 1, -1},
    {"rope.scaling.yarn_beta_fast", 32},
    {"rope.scaling.yarn_beta_slow", 1},
    {"rope.scaling.yarn_log_multiplier", 0},
};

/// Keys without effect on the result: whether a model was trained on after its
/// rope was scaled, and how a converter had found the tensors.
static constexpr StringLiteral ignoredKeys[] = {"rope.scaling.finetuned",
                                                "tensor_data_layout"};

namespace {
class ConfigWriter {
public:
  ConfigWriter(const GgufFile &file, ArrayRef<std::string> ignored)
      : file(file), metadata(file.metadata), ignored(ignored) {}

  Expected<json::Object> run();

private:
  Error findFamily();
  Error checkKeys();
  bool isRead(StringRef key) const;
  Error copy(const IntegerKey &key);
  Error sizes();
  Error experts();
  Error heads();
  Error window();
  Error rope();
  Error ropeScaling();
  Error vocabulary();
  Error endTokens();

  std::string full(StringRef key) const {
    return (family->name + "." + key).str();
  }
  Expected<int64_t> integer(StringRef key) const;
  Expected<int64_t> size(StringRef key, StringRef field) const;
  const TensorInfo *tensor(StringRef name) const {
    auto found = find_if(file.tensors,
                         [&](const TensorInfo &t) { return t.name == name; });
    return found == file.tensors.end() ? nullptr : &*found;
  }

  const GgufFile &file;
  const GgufMetadata &metadata;
  ArrayRef<std::string> ignored;
  const Family *family = nullptr;
  json::Object config;
};
} // namespace

static std::string listFamilies() {
  std::vector<std::string> names;
  for (const Family &known : families)
    if (names.empty() || names.back() != known.name)
      names.push_back(known.name.str());
  return join(names, ", ");
}

Error ConfigWriter::findFamily() {
  const StringRef key = "general.architecture";
  Expected<StringRef> name = metadata.getString(key);
  if (!name)
    return name.takeError();
  // Converters write of dense models that there are none.
  const GgufValue *count = metadata.find((*name + ".expert_count").str());
  bool hasExperts = count && !count->isArray && count->integer() != 0;
  for (const Family &known : families)
    if (known.name == *name && (!family || known.hasExperts == hasExperts))
      family = &known;
  if (!family)
    return metadata.error(key, "is " + quoted(*name) +
                                   ", which is not supported (supported: " +
                                   listFamilies() + ")");
  config["architectures"] = json::Array{family->architecture};
  config["model_type"] = family->modelType;
  return Error::success();
}

static const NeutralKey *findNeutral(StringRef key) {
  auto *entry = find_if(neutralKeys, [&](auto &k) { return k.key == key; });
  return entry == std::end(neutralKeys) ? nullptr : entry;
}

static std::optional<double> numberOf(const GgufValue &value) {
  if (value.isArray)
    return std::nullopt;
  if (std::optional<int64_t> integer = value.integer())
    return static_cast<double>(*integer);
  if (std::optional<bool> flag = value.boolean())
    return *flag;
  return value.real();
}

bool ConfigWriter::isRead(StringRef key) const {
  auto hasKey = [&](auto &k) { return k.key == key; };
  return any_of(integerKeys, hasKey) || any_of(expertKeys, hasKey) ||
         is_contained(otherKeys, key);
}

/// Names all keys at once that could change the result.
Error ConfigWriter::checkKeys() {
  std::string prefix = full("");
  for (StringRef name : ignored)
    if (StringRef key = name; key.consume_front(prefix))
      if (isRead(key) || findNeutral(key))
        return fileError(metadata.file(), "ignore_config names the key " +
                                              quoted(name) +
                                              ", which cannot be ignored");
  std::vector<std::string> faults, unknown;
  for (const auto &[name, value] : metadata.values()) {
    StringRef key = name;
    if (!key.consume_front(prefix) || is_contained(ignored, name) ||
        is_contained(ignoredKeys, key))
      continue;
    std::string said = printable(name) + " is " + value.describe();
    std::optional<double> number = numberOf(value);
    if (const NeutralKey *neutral = findNeutral(key)) {
      if (number != neutral->value && number != neutral->other)
        faults.push_back(said + ", it must be " +
                         std::to_string(static_cast<int>(neutral->value)));
    } else if (!isRead(key)) {
      unknown.push_back(name);
    } else if (!family->hasExperts && number != 0 &&
               any_of(expertKeys, [&](auto &k) { return k.key == key; })) {
      faults.push_back(said + ", but " + family->architecture.str() +
                       " has no experts");
    }
  }
  if (!unknown.empty())
    faults.push_back(adviseToIgnore("key", unknown, ignored));
  return faults.empty() ? Error::success()
                        : fileError(metadata.file(), join(faults, "; "));
}

/// Some converters write it for each layer.
Expected<int64_t> ConfigWriter::integer(StringRef key) const {
  const GgufValue *value = metadata.find(full(key));
  if (!value || !value->isArray || !value->count || !value->integer())
    return metadata.getInteger(full(key));
  for (uint64_t i = 1; i < value->count; ++i)
    if (value->integer(i) != value->integer())
      return metadata.getInteger(full(key));
  return *value->integer();
}

Expected<int64_t> ConfigWriter::size(StringRef key, StringRef field) const {
  Expected<int64_t> value = integer(key);
  int64_t limit = getSizeLimit(field);
  if (value && (*value < 1 || *value > limit))
    return metadata.error(full(key), "is " + Twine(*value) +
                                         ", it must be between 1 and " +
                                         Twine(limit));
  return value;
}

Error ConfigWriter::copy(const IntegerKey &key) {
  if (key.kind == IntegerKey::Optional && !metadata.has(full(key.key)))
    return Error::success();
  Expected<int64_t> value = size(key.key, key.field);
  if (!value)
    return value.takeError();
  config[key.field] = *value;
  return Error::success();
}

Error ConfigWriter::sizes() {
  for (const IntegerKey &key : integerKeys)
    if (Error e = copy(key))
      return e;
  if (!config.get("num_key_value_heads"))
    config["num_key_value_heads"] = *config.getInteger("num_attention_heads");
  std::string key = full("attention.layer_norm_rms_epsilon");
  Expected<double> epsilon = metadata.getReal(key);
  if (!epsilon)
    return epsilon.takeError();
  if (!(*epsilon > 0 && *epsilon <= 1))
    return metadata.error(key, "is " + metadata.find(key)->describe() +
                                   ", it must be above 0 and at most 1");
  config["rms_norm_eps"] = *epsilon;
  config["tie_word_embeddings"] = !tensor("output.weight");
  // Qwen2 always has biases.
  if (family->name != "qwen2")
    config[family->hasSharedExpert ? "qkv_bias" : "attention_bias"] =
        tensor("blk.0.attn_q.bias") != nullptr;
  return Error::success();
}

/// Older files leave out the widths, which then follow from that of a token's
/// whole feed-forward network.
Error ConfigWriter::experts() {
  if (!family->hasExperts)
    return Error::success();
  for (const IntegerKey &key : expertKeys)
    if (family->hasSharedExpert ||
        key.field != "shared_expert_intermediate_size")
      if (Error e = copy(key))
        return e;
  bool normalizes = family->normTopK;
  std::string normKey = full("expert_weights_norm");
  if (metadata.has(normKey))
    if (Error e = metadata.getBool(normKey).moveInto(normalizes))
      return e;
  config["norm_topk_prob"] = normalizes;
  if (family->modelType == "mixtral") {
    if (!normalizes)
      return metadata.error(normKey, "is the BOOL false, it must be true for " +
                                         family->architecture);
    // Its experts are as wide as a token's network.
    if (const json::Value *width = config.get("moe_intermediate_size"))
      config["intermediate_size"] = *width;
    config.erase("moe_intermediate_size");
    return Error::success();
  }
  int64_t whole = *config.getInteger("intermediate_size");
  if (!config.get("moe_intermediate_size"))
    config["moe_intermediate_size"] =
        whole / *config.getInteger("num_experts_per_tok");
  if (family->hasSharedExpert && !config.get("shared_expert_intermediate_size"))
    config["shared_expert_intermediate_size"] = whole;
  config["decoder_sparse_step"] = 1;
  config["mlp_only_layers"] = json::Array();
  return Error::success();
}

/// Beyond the context it changes nothing.
Error ConfigWriter::window() {
  StringRef key = "attention.sliding_window";
  if (family->modelType == "mixtral")
    config["sliding_window"] = nullptr;
  if (!metadata.has(full(key)))
    return Error::success();
  Expected<int64_t> size = integer(key);
  if (!size)
    return size.takeError();
  int64_t context = *config.getInteger("max_position_embeddings");
  if (*size == 0 || *size >= context)
    return Error::success();
  return metadata.error(
      full(key), "is " + Twine(*size) + ", windows below the context, " +
                     Twine(context) + ", are not supported in GGUF files");
}

Error ConfigWriter::heads() {
  int64_t heads = *config.getInteger("num_attention_heads");
  int64_t hidden = *config.getInteger("hidden_size"), size = hidden / heads;
  if (metadata.has(full("attention.key_length"))) {
    if (Error e = this->size("attention.key_length", "head_dim").moveInto(size))
      return e;
  } else if (hidden % heads) {
    return metadata.error(
        full("embedding_length"),
        "is " + Twine(hidden) + ", it must be a multiple of " +
            full("attention.head_count") + ", which is " + Twine(heads));
  }
  config["head_dim"] = size;
  for (StringRef key : {"attention.value_length", "rope.dimension_count"}) {
    if (!metadata.has(full(key)))
      continue;
    Expected<int64_t> other = this->size(key, "head_dim");
    if (!other)
      return other.takeError();
    if (*other != size)
      return metadata.error(full(key), "is " + Twine(*other) +
                                           ", only the size of a head, " +
                                           Twine(size) + ", is supported");
  }
  return Error::success();
}

Error ConfigWriter::rope() {
  double theta = 10000;
  std::string key = full("rope.freq_base");
  if (metadata.has(key))
    if (Error e = metadata.getReal(key).moveInto(theta))
      return e;
  if (!(theta >= 1 && theta <= 1e12))
    return metadata.error(key, "is " + metadata.find(key)->describe() +
                                   ", it must be between 1 and 1e12");
  config["rope_theta"] = theta;
  return ropeScaling();
}

Error ConfigWriter::ropeScaling() {
  // A factor alone is of linear scaling, which older files write in their way.
  std::string typeKey = full("rope.scaling.type");
  std::string factorKey = full("rope.scaling.factor");
  if (!metadata.has(factorKey) && metadata.has(full("rope.scale_linear")))
    factorKey = full("rope.scale_linear");
  StringRef type = metadata.has(factorKey) ? "linear" : "none";
  if (metadata.has(typeKey))
    if (Error e = metadata.getString(typeKey).moveInto(type))
      return e;
  const GgufValue *given = metadata.find(factorKey);
  if (type == "none" || (type == "linear" && given && numberOf(*given) == 0))
    return Error::success();
  if (type != "linear" && type != "yarn")
    return metadata.error(typeKey, "is " + quoted(type) +
                                       ", which is not supported (supported: "
                                       "none, linear, yarn)");
  Expected<double> factor = metadata.getReal(factorKey);
  if (!factor)
    return factor.takeError();
  if (!(*factor >= 1 && *factor <= 1e6))
    return metadata.error(factorKey, "is " +
                                         metadata.find(factorKey)->describe() +
                                         ", it must be between 1 and 1e6");
  json::Object scaling{{"rope_type", type}, {"factor", *factor}};
  StringRef originalKey = "rope.scaling.original_context_length";
  if (type == "yarn" && metadata.has(full(originalKey))) {
    Expected<int64_t> context =
        size(originalKey, "original_max_position_embeddings");
    if (!context)
      return context.takeError();
    scaling["original_max_position_embeddings"] = *context;
  }
  config["rope_scaling"] = std::move(scaling);
  return Error::success();
}

/// The rows of the table of embeddings.
Error ConfigWriter::vocabulary() {
  const StringRef tokens = "tokenizer.ggml.tokens";
  if (const TensorInfo *table = tensor("token_embd.weight");
      table && table->shape.size() == 2) {
    config["vocab_size"] = table->shape[0];
    return Error::success();
  }
  if (metadata.has(tokens)) {
    Expected<const GgufValue *> list =
        metadata.getArray(tokens, GgufType::String);
    if (!list)
      return list.takeError();
    config["vocab_size"] = static_cast<int64_t>((*list)->count);
    return Error::success();
  }
  return copy({"vocab_size", "vocab_size"});
}

/// What ends a text, and what ends a turn.
Error ConfigWriter::endTokens() {
  json::Array tokens;
  for (StringRef key :
       {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"}) {
    if (!metadata.has(key))
      continue;
    Expected<int64_t> id = metadata.getInteger(key);
    if (!id)
      return id.takeError();
    int64_t size = *config.getInteger("vocab_size");
    if (*id < 0 || *id >= size)
      return metadata.error(key, "is " + Twine(*id) + ", there are " +
                                     Twine(size) + " tokens");
    if (!is_contained(tokens, json::Value(*id)))
      tokens.push_back(*id);
  }
  config["eos_token_id"] = std::move(tokens);
  return Error::success();
}

Expected<json::Object> ConfigWriter::run() {
  using Step = Error (ConfigWriter::*)();
  for (Step step :
       {&ConfigWriter::findFamily, &ConfigWriter::checkKeys,
        &ConfigWriter::sizes, &ConfigWriter::experts, &ConfigWriter::heads,
        &ConfigWriter::window, &ConfigWriter::rope, &ConfigWriter::vocabulary,
        &ConfigWriter::endTokens})
    if (Error e = (this->*step)())
      return std::move(e);
  return std::move(config);
}

Expected<json::Object> makeConfigJson(const GgufFile &file,
                                      ArrayRef<std::string> ignored) {
  return ConfigWriter(file, ignored).run();
}

bool hasNeighbouringRotations(const GgufMetadata &metadata) {
  const GgufValue *name = metadata.find("general.architecture");
  return name && !name->isArray && name->string() == StringRef("llama");
}

} // namespace fpmoe
