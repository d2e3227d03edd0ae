//===- GgufConfig.cpp - hyperparameters of a GGUF file ----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A table of families and one of keys; what is more than a copy follows in
// functions. See GgufConfig.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Model/GgufConfig.h"

#include "lib/Model/Input.h"

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
  /// Whether the chosen experts' weights are scaled to a sum of 1; the files
  /// do not say.
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

static constexpr Family families[] = {
    {"llama", "LlamaForCausalLM", "llama"},
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
    "vocab_size",
};

/// Keys without effect on the result.
static constexpr StringLiteral ignoredKeys[] = {
    // Whether a model was trained on after its rope was scaled.
    "rope.scaling.finetuned",
    // How a converter had found the tensors.
    "tensor_data_layout",
};

static constexpr int64_t maxSize = 1 << 24;

namespace {
class ConfigWriter {
public:
  ConfigWriter(const GgufFile &file, ArrayRef<std::string> ignored)
      : file(file), metadata(file.metadata), ignored(ignored) {}

  Expected<json::Object> run();

private:
  Error findFamily();
  Error unknownKeys();
  Error copy(const IntegerKey &key);
  Error sizes();
  Error experts();
  Error heads();
  Error rope();
  Error ropeScaling();
  Error vocabulary();
  Error endTokens();

  std::string full(StringRef key) const {
    return (family->name + "." + key).str();
  }
  Expected<int64_t> positive(StringRef key) const;
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
  return join(map_range(families, [](auto &f) { return StringRef(f.name); }),
              ", ");
}

Error ConfigWriter::findFamily() {
  const StringRef key = "general.architecture";
  Expected<StringRef> name = metadata.getString(key);
  if (!name)
    return name.takeError();
  auto *known = find_if(families, [&](auto &f) { return f.name == *name; });
  if (known == std::end(families))
    return metadata.error(key, "is " + quoted(*name) +
                                   ", which is not supported (supported: " +
                                   listFamilies() + ")");
  family = known;
  config["architectures"] = json::Array{family->architecture};
  config["model_type"] = family->modelType;
  return Error::success();
}

Error ConfigWriter::unknownKeys() {
  std::string prefix = full("");
  for (const auto &[name, value] : metadata.values()) {
    StringRef key = name;
    if (!key.consume_front(prefix) || is_contained(ignored, name))
      continue;
    auto hasKey = [&](auto &k) { return k.key == key; };
    bool isKnown = any_of(integerKeys, hasKey) ||
                   (family->hasExperts && any_of(expertKeys, hasKey)) ||
                   is_contained(otherKeys, key) ||
                   is_contained(ignoredKeys, key);
    // Converters write that there are none.
    if (!family->hasExperts && !value.isArray && value.integer() == 0)
      isKnown |= any_of(expertKeys, hasKey);
    if (!isKnown)
      return metadata.error(name, "is " + value.describe() +
                                      "; the key is unknown and could change "
                                      "the result; if it does not, write into "
                                      "fpmoe.toml: ignore_config = [\"" +
                                      printable(name) + "\"]");
  }
  return Error::success();
}

Expected<int64_t> ConfigWriter::positive(StringRef key) const {
  Expected<int64_t> value = metadata.getInteger(full(key));
  if (value && (*value < 1 || *value > maxSize))
    return metadata.error(full(key), "is " + Twine(*value) +
                                         ", it must be between 1 and " +
                                         Twine(maxSize));
  return value;
}

Error ConfigWriter::copy(const IntegerKey &key) {
  if (key.kind == IntegerKey::Optional && !metadata.has(full(key.key)))
    return Error::success();
  Expected<int64_t> value = positive(key.key);
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
  bool hasBias = tensor("blk.0.attn_q.bias");
  config[family->hasSharedExpert ? "qkv_bias" : "attention_bias"] = hasBias;
  if (family->name == "qwen2") {
    // Qwen2 always has them.
    config.erase("attention_bias");
  }
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
  int64_t whole = *config.getInteger("intermediate_size");
  if (!config.get("moe_intermediate_size"))
    config["moe_intermediate_size"] =
        whole / *config.getInteger("num_experts_per_tok");
  if (family->hasSharedExpert && !config.get("shared_expert_intermediate_size"))
    config["shared_expert_intermediate_size"] = whole;
  config["norm_topk_prob"] = family->normTopK;
  config["decoder_sparse_step"] = 1;
  config["mlp_only_layers"] = json::Array();
  return Error::success();
}

Error ConfigWriter::heads() {
  int64_t heads = *config.getInteger("num_attention_heads");
  int64_t hidden = *config.getInteger("hidden_size"), size = hidden / heads;
  if (metadata.has(full("attention.key_length"))) {
    if (Error e = positive("attention.key_length").moveInto(size))
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
    Expected<int64_t> other = positive(key);
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
  StringRef type = "none";
  std::string typeKey = full("rope.scaling.type");
  if (metadata.has(typeKey))
    if (Error e = metadata.getString(typeKey).moveInto(type))
      return e;
  if (type == "none")
    return Error::success();
  if (type != "linear" && type != "yarn")
    return metadata.error(typeKey, "is " + quoted(type) +
                                       ", which is not supported (supported: "
                                       "none, linear, yarn)");
  std::string factorKey = full("rope.scaling.factor");
  Expected<double> factor = metadata.getReal(factorKey);
  if (!factor)
    return factor.takeError();
  if (!(*factor >= 1 && *factor <= 1e6))
    return metadata.error(factorKey, "is " +
                                         metadata.find(factorKey)->describe() +
                                         ", it must be between 1 and 1e6");
  json::Object scaling{{"rope_type", type}, {"factor", *factor}};
  if (type == "yarn") {
    Expected<int64_t> context =
        positive("rope.scaling.original_context_length");
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
  for (Step step : {&ConfigWriter::findFamily, &ConfigWriter::unknownKeys,
                    &ConfigWriter::sizes, &ConfigWriter::experts,
                    &ConfigWriter::heads, &ConfigWriter::rope,
                    &ConfigWriter::vocabulary, &ConfigWriter::endTokens})
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

//===----------------------------------------------------------------------===//
// Names of tensors
//===----------------------------------------------------------------------===//

namespace {
struct NamePair {
  StringLiteral ours, gguf;
};
} // namespace

static constexpr NamePair modelNames[] = {
    {"model.embed_tokens", "token_embd"},
    {"model.norm", "output_norm"},
    {"lm_head", "output"},
};

/// Of a layer.
static constexpr NamePair layerNames[] = {
    {"input_layernorm", "attn_norm"},
    {"post_attention_layernorm", "ffn_norm"},
    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.o_proj", "attn_output"},
    {"self_attn.q_norm", "attn_q_norm"},
    {"self_attn.k_norm", "attn_k_norm"},
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
    {"mlp.gate", "ffn_gate_inp"},
    {"mlp.experts.gate_proj", "ffn_gate_exps"},
    {"mlp.experts.up_proj", "ffn_up_exps"},
    {"mlp.experts.down_proj", "ffn_down_exps"},
    {"mlp.shared_expert.gate_proj", "ffn_gate_shexp"},
    {"mlp.shared_expert.up_proj", "ffn_up_shexp"},
    {"mlp.shared_expert.down_proj", "ffn_down_shexp"},
    {"mlp.shared_expert_gate", "ffn_gate_inp_shexp"},
};

std::string getGgufTensorName(StringRef name) {
  StringRef base = name, suffix = ".weight";
  if (base.consume_back(".bias"))
    suffix = ".bias";
  else
    base.consume_back(".weight");
  bool isOfLayer = base.consume_front("model.layers.{}.");
  ArrayRef<NamePair> names = isOfLayer ? ArrayRef(layerNames) : modelNames;
  auto *pair = find_if(names, [&](auto &p) { return p.ours == base; });
  if (pair == names.end())
    return "";
  return ((isOfLayer ? "blk.{}." : "") + pair->gguf + suffix).str();
}

} // namespace fpmoe
