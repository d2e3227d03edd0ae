//===- Config.cpp - reader of config.json -----------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tables say which fields there are and what range each has; what depends on
// more than one field is checked after them. See Config.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Model/Config.h"

#include "lib/Model/Fields.h"
#include "lib/Model/Input.h"
#include "lib/Model/Json.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace fpmoe {

static constexpr int64_t maxSize = 1 << 24;
/// Weights or cache entries; leaves room for sizes in bytes in 63 bits.
static constexpr uint64_t maxElements = uint64_t(1) << 50;

namespace {
struct IntegerField {
  StringLiteral key;
  int64_t ModelConfig::*member;
  int64_t min, max;
};
struct BooleanField {
  StringLiteral key;
  bool ModelConfig::*member;
};
} // namespace

static constexpr IntegerField integerFields[] = {
    {"vocab_size", &ModelConfig::vocabSize, 1, maxSize},
    {"hidden_size", &ModelConfig::hiddenSize, 1, maxSize},
    {"num_hidden_layers", &ModelConfig::numLayers, 1, 4096},
    {"num_attention_heads", &ModelConfig::numHeads, 1, 65536},
    {"num_key_value_heads", &ModelConfig::numKeyValueHeads, 1, 65536},
    {"max_position_embeddings", &ModelConfig::maxPositions, 1, maxSize},
    {"intermediate_size", &ModelConfig::intermediateSize, 1, maxSize},
    {"moe_intermediate_size", &ModelConfig::moeIntermediateSize, 1, maxSize},
    {"shared_expert_intermediate_size",
     &ModelConfig::sharedExpertIntermediateSize, 1, maxSize},
    {"num_experts", &ModelConfig::numExperts, 1, 1024},
    {"num_experts_per_tok", &ModelConfig::topK, 1, 1024},
};

static constexpr BooleanField booleanFields[] = {
    {"qkv_bias", &ModelConfig::qkvBias},
    {"tie_word_embeddings", &ModelConfig::tieWordEmbeddings},
    {"norm_topk_prob", &ModelConfig::normTopKProb},
};

/// Fields that the functions below read one by one.
static constexpr StringLiteral otherFields[] = {
    "architectures",   "model_type",
    "hidden_act",      "head_dim",
    "rms_norm_eps",    "rope_theta",
    "rope_parameters", "rope_scaling",
    "layer_types",     "use_sliding_window",
    "sliding_window",  "max_window_layers",
    "mlp_only_layers", "decoder_sparse_step",
    "eos_token_id",    "quantization_config",
    "fpmoe",
};

/// Fields that may only have the value that leaves the model as it is.
static constexpr StringLiteral fieldsThatMustBeOff[] = {
    "is_encoder_decoder", "add_cross_attention",         "tie_encoder_decoder",
    "pruned_heads",       "cross_attention_hidden_size",
};

/// Fields without effect on what a compiled model computes.
static constexpr StringLiteral ignoredFields[] = {
    // Used in training only.
    "attention_dropout", "hidden_dropout", "initializer_range",
    "router_aux_loss_coef",
    // Which of its intermediate values the Python model returns, and how.
    "output_router_logits", "output_attentions", "output_hidden_states",
    "return_dict", "use_cache", "tie_last_hidden_states", "torchscript",
    // Splits a computation without changing it.
    "chunk_size_feed_forward",
    // The tensors carry their own types; the program's is a compiler option.
    "torch_dtype", "dtype", "use_bfloat16", "tf_legacy_loss",
    // Who wrote the file.
    "transformers_version", "finetuning_task", "task_specific_params",
    "problem_type",
    // The tokenizer is read from tokenizer.json.
    "bos_token_id", "pad_token_id", "sep_token_id", "decoder_start_token_id",
    "tokenizer_class", "prefix",
    // Heads of classifiers.
    "id2label", "label2id", "num_labels",
    // Defaults of generate() that older versions saved with the model; how to
    // sample is said on the program's command line.
    "bad_words_ids", "begin_suppress_tokens", "diversity_penalty", "do_sample",
    "early_stopping", "encoder_no_repeat_ngram_size",
    "exponential_decay_length_penalty", "forced_bos_token_id",
    "forced_eos_token_id", "is_decoder", "length_penalty", "max_length",
    "min_length", "no_repeat_ngram_size", "num_beam_groups", "num_beams",
    "num_return_sequences", "output_scores", "remove_invalid_values",
    "repetition_penalty", "return_dict_in_generate", "suppress_tokens",
    "temperature", "top_k", "top_p", "typical_p"};

static constexpr StringLiteral supportedArchitecture = "Qwen2MoeForCausalLM";

static bool isKnown(StringRef key) {
  auto hasKey = [&](auto &field) { return field.key == key; };
  return any_of(integerFields, hasKey) || any_of(booleanFields, hasKey) ||
         is_contained(otherFields, key) ||
         is_contained(fieldsThatMustBeOff, key);
}

static uint64_t countParameters(const ModelConfig &config) {
  auto product = [](uint64_t a, uint64_t b) {
    return SaturatingMultiply(a, b);
  };
  auto sum = [](uint64_t a, uint64_t b) { return SaturatingAdd(a, b); };
  uint64_t hidden = config.hiddenSize;
  uint64_t queries = config.numHeads * config.headDim;
  uint64_t keys = config.numKeyValueHeads * config.headDim;
  uint64_t biases = config.qkvBias ? queries + 2 * keys : 0;
  uint64_t attention =
      sum(product(hidden, 2 * queries + 2 * keys), biases + 2 * hidden);
  uint64_t sparse =
      sum(product(3 * hidden,
                  sum(product(config.numExperts, config.moeIntermediateSize),
                      config.sharedExpertIntermediateSize)),
          hidden * (config.numExperts + 1));
  uint64_t dense = product(3 * hidden, config.intermediateSize);
  uint64_t total = sum(product(product(hidden, config.vocabSize),
                               config.tieWordEmbeddings ? 1 : 2),
                       hidden);
  for (bool isSparse : config.sparseLayers)
    total = sum(total, sum(attention, isSparse ? sparse : dense));
  return total;
}

int64_t ModelConfig::parameterCount() const { return countParameters(*this); }

namespace {
/// Fills a ModelConfig from an object, step by step.
class ConfigParser {
public:
  ConfigParser(const json::Object &object, StringRef fileName,
               const FileOptions &options)
      : fields(object, fileName), options(options), fileName(fileName) {}

  Expected<ModelConfig> run();

private:
  Error architecture();
  Error unknownFields();
  Error tables();
  Error heads();
  Error rope();
  Error ropeObject(StringRef key, const json::Value &value);
  Error layerKinds();
  Error windows();
  Error expertNames();
  Error totals();

  Fields fields;
  const FileOptions &options;
  StringRef fileName;
  ModelConfig config;
};
} // namespace

Error ConfigParser::architecture() {
  const json::Value *value = fields.get("architectures", /*nullable=*/true);
  if (!value)
    return fileError(fileName, "has no 'architectures'; supported is " +
                                   supportedArchitecture);
  const json::Array *array = value->getAsArray();
  std::optional<StringRef> name =
      array && array->size() == 1 ? array->front().getAsString() : std::nullopt;
  if (!name)
    return fields.wrong("architectures", *value, "an array of one name");
  if (*name != supportedArchitecture)
    return fileError(fileName, "the architecture " + quoted(*name) +
                                   " is not supported; supported is " +
                                   supportedArchitecture);
  config.architecture = name->str();
  const json::Value *type = fields.get("model_type");
  if (type && type->getAsString() != StringRef("qwen2_moe"))
    return fields.wrong("model_type", *type,
                        "\"qwen2_moe\" for " + supportedArchitecture);
  return Error::success();
}

Error ConfigParser::unknownFields() {
  for (StringRef key : options.ignoreConfig)
    if (isKnown(key))
      return fileError(fileName, "ignore_config names the field " +
                                     quoted(key) + ", which cannot be ignored");
  std::vector<StringRef> keys;
  for (const auto &member : fields.members())
    keys.push_back(member.first);
  llvm::sort(keys);
  for (StringRef key : keys) {
    if (key.starts_with("_") || isKnown(key) ||
        is_contained(ignoredFields, key) ||
        is_contained(options.ignoreConfig, key))
      continue;
    return fileError(fileName,
                     "the field " + quoted(key) +
                         " is unknown and could change the result; if it does "
                         "not, write into fpmoe.toml: ignore_config = [\"" +
                         printable(key) + "\"]");
  }
  return Error::success();
}

Error ConfigParser::tables() {
  for (const IntegerField &field : integerFields)
    if (Error e = fields.integer(field.key, config.*field.member, field.min,
                                 field.max))
      return e;
  for (const BooleanField &field : booleanFields)
    if (Error e = fields.boolean(field.key, config.*field.member))
      return e;
  for (StringRef key : fieldsThatMustBeOff) {
    const json::Value *value = fields.get(key, /*nullable=*/true);
    const json::Object *object = value ? value->getAsObject() : nullptr;
    if (value && !(object && object->empty()) && value->getAsBoolean() != false)
      return fields.wrong(key, *value, "false, null or empty");
  }
  if (const json::Value *value = fields.get("hidden_act"))
    if (value->getAsString() != StringRef("silu"))
      return fields.wrong("hidden_act", *value, "\"silu\"");
  if (fields.get("quantization_config", /*nullable=*/true))
    return fileError(fileName, "quantization_config says that the weights are "
                               "quantised; only F32, F16 and BF16 "
                               "checkpoints are supported");
  if (Error e = fields.real("rms_norm_eps", config.rmsNormEps, 1e-20, 1))
    return e;
  return fields.tokens("eos_token_id", config.eosTokens, config.vocabSize);
}

Error ConfigParser::heads() {
  auto mustDivide = [&](StringRef key, int64_t value, StringRef divisorKey,
                        int64_t divisor) {
    return fileError(fileName, key + " is " + Twine(value) +
                                   ", it must be a multiple of " + divisorKey +
                                   ", which is " + Twine(divisor));
  };
  if (config.numHeads % config.numKeyValueHeads)
    return mustDivide("num_attention_heads", config.numHeads,
                      "num_key_value_heads", config.numKeyValueHeads);
  if (fields.get("head_dim", /*nullable=*/true)) {
    if (Error e = fields.integer("head_dim", config.headDim, 1, 65536))
      return e;
  } else {
    if (config.hiddenSize % config.numHeads)
      return mustDivide("hidden_size", config.hiddenSize, "num_attention_heads",
                        config.numHeads);
    config.headDim = config.hiddenSize / config.numHeads;
  }
  if (config.headDim % 2)
    return fileError(fileName, "head_dim is " + Twine(config.headDim) +
                                   ", rotary embeddings need an even one");
  if (config.numHeads * config.headDim > maxSize)
    return fileError(fileName, "num_attention_heads times head_dim is " +
                                   Twine(config.numHeads * config.headDim) +
                                   ", it must be at most " + Twine(maxSize));
  if (config.topK > config.numExperts)
    return fileError(fileName, "num_experts_per_tok is " + Twine(config.topK) +
                                   ", it must be at most num_experts, which "
                                   "is " +
                                   Twine(config.numExperts));
  return Error::success();
}

/// `rope_parameters`, or `rope_scaling` as older versions called it.
Error ConfigParser::ropeObject(StringRef key, const json::Value &value) {
  const json::Object *object = value.getAsObject();
  if (!object)
    return fields.wrong(key, value, "an object or null");
  std::string prefix = (key + ".").str();
  Fields inner(*object, fileName, prefix);
  for (StringRef typeKey : {"rope_type", "type"}) {
    const json::Value *type = inner.get(typeKey);
    if (type && type->getAsString() != StringRef("default"))
      return inner.wrong(typeKey, *type,
                         "\"default\": other rotary embeddings are not "
                         "supported");
  }
  double factor = 1;
  if (Error e = inner.real("partial_rotary_factor", factor, 1, 1,
                           /*nullable=*/true))
    return e;
  if (Error e = inner.real("rope_theta", config.ropeTheta, 1, 1e12))
    return e;
  std::vector<StringRef> unknown;
  for (const auto &member : *object)
    if (!is_contained(
            {"rope_type", "type", "partial_rotary_factor", "rope_theta"},
            StringRef(member.first)))
      unknown.push_back(member.first);
  if (unknown.empty())
    return Error::success();
  llvm::sort(unknown);
  return fileError(fileName, key + " has the field " + quoted(unknown.front()) +
                                 ", which is not supported");
}

Error ConfigParser::rope() {
  if (Error e = fields.real("rope_theta", config.ropeTheta, 1, 1e12,
                            /*nullable=*/true))
    return e;
  const json::Value *parameters = fields.get("rope_parameters", true);
  const json::Value *scaling = fields.get("rope_scaling", true);
  if (parameters && scaling)
    return fileError(fileName,
                     "has both rope_parameters and rope_scaling, keep one");
  if (parameters)
    return ropeObject("rope_parameters", *parameters);
  return scaling ? ropeObject("rope_scaling", *scaling) : Error::success();
}

Error ConfigParser::layerKinds() {
  int64_t step = 1;
  if (Error e = fields.integer("decoder_sparse_step", step, 1, maxSize))
    return e;
  config.sparseLayers.resize(config.numLayers);
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
  bool use = false;
  int64_t window = 4096, windowLayers = 28;
  if (Error e = fields.boolean("use_sliding_window", use))
    return e;
  if (Error e = fields.integer("sliding_window", window, use ? 1 : 0,
                               int64_t(1) << 31, /*nullable=*/!use))
    return e;
  if (Error e = fields.integer("max_window_layers", windowLayers, 0, maxSize))
    return e;
  config.windows.assign(config.numLayers, 0);
  const json::Value *value = fields.get("layer_types", /*nullable=*/true);
  if (!value) {
    // The rule of transformers 5: every other one of the first layers.
    for (int64_t layer = 0; layer < config.numLayers; ++layer)
      if (use && layer % 2 == 0 && layer < windowLayers)
        config.windows[layer] = window;
    return Error::success();
  }
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
    if (!use)
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
  if (!names) {
    for (int64_t expert = 0; expert < config.numExperts; ++expert)
      config.expertNames.push_back("expert" + std::to_string(expert));
    return Error::success();
  }
  if (std::string fault = checkExpertNames(*names); !fault.empty())
    return fileError(fileName, source + ": " + fault);
  if (names->size() != static_cast<size_t>(config.numExperts))
    return fileError(fileName, "num_experts is " + Twine(config.numExperts) +
                                   ", but " + source + " has " +
                                   Twine(names->size()));
  config.expertNames = *names;
  return Error::success();
}

Error ConfigParser::totals() {
  if (countParameters(config) > maxElements)
    return fileError(fileName, "the sizes make more than 2^50 weights");
  uint64_t cache =
      SaturatingMultiply<uint64_t>(2 * config.numLayers * config.maxPositions,
                                   config.numKeyValueHeads * config.headDim);
  if (cache > maxElements)
    return fileError(fileName, "max_position_embeddings of " +
                                   Twine(config.maxPositions) +
                                   " makes a key and value cache of more than "
                                   "2^50 numbers");
  return Error::success();
}

Expected<ModelConfig> ConfigParser::run() {
  using Step = Error (ConfigParser::*)();
  for (Step step :
       {&ConfigParser::architecture, &ConfigParser::unknownFields,
        &ConfigParser::tables, &ConfigParser::heads, &ConfigParser::rope,
        &ConfigParser::layerKinds, &ConfigParser::windows,
        &ConfigParser::expertNames, &ConfigParser::totals})
    if (Error e = (this->*step)())
      return e;
  return std::move(config);
}

Expected<ModelConfig> parseConfig(StringRef json, StringRef fileName,
                                  const FileOptions &options) {
  Expected<json::Object> object = parseJsonObject(json, fileName);
  if (!object)
    return object.takeError();
  return ConfigParser(*object, fileName, options).run();
}

Expected<ModelConfig> readConfig(StringRef directoryOrFile) {
  std::optional<std::string> path = findFile(directoryOrFile, "config.json");
  if (!path)
    return fileError(directoryOrFile, "has no config.json");
  Expected<std::string> text = readSmallFile(*path, maxConfigFile);
  if (!text)
    return text.takeError();
  StringRef directory = sys::path::parent_path(*path);
  Expected<FileOptions> options =
      readOptions(directory.empty() ? "." : directory);
  if (!options)
    return options.takeError();
  return parseConfig(*text, *path, *options);
}

} // namespace fpmoe
