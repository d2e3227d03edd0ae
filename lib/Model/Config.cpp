//===- Config.cpp - reader of config.json -----------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tables say which fields there are and what range each has. See
// ConfigParser.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Model/Config.h"

#include "lib/Model/ConfigParser.h"
#include "lib/Model/GgufConfig.h"
#include "lib/Model/Input.h"
#include "lib/Model/Json.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace fpmoe {

namespace {
struct IntegerField {
  StringLiteral key;
  int64_t ModelConfig::*member;
  int64_t min, max;
  /// Whether null stands for 0, which means that there is no such thing.
  bool nullable = false;
};
struct BooleanField {
  StringLiteral key;
  bool ModelConfig::*member;
};
struct RealField {
  StringLiteral key;
  double ModelConfig::*member;
  double min, max;
};
/// A field that may only have the value, as JSON, that changes nothing.
struct FixedField {
  StringLiteral key, value;
};
} // namespace

/// Fields that all architectures have.
static constexpr StringLiteral commonFields[] = {
    "architectures",       "model_type",
    "vocab_size",          "hidden_size",
    "num_hidden_layers",   "num_attention_heads",
    "num_key_value_heads", "max_position_embeddings",
    "intermediate_size",   "tie_word_embeddings",
    "hidden_act",          "rms_norm_eps",
    "eos_token_id",        "quantization_config",
};

// An architecture's own fields are read only where it has them.

static constexpr IntegerField integerFields[] = {
    {"vocab_size", &ModelConfig::vocabSize, 1, maxSize},
    {"hidden_size", &ModelConfig::hiddenSize, 1, maxSize},
    {"num_hidden_layers", &ModelConfig::numLayers, 1, 4096},
    {"num_attention_heads", &ModelConfig::numHeads, 1, 65536},
    {"num_key_value_heads", &ModelConfig::numKeyValueHeads, 1, 65536, true},
    {"max_position_embeddings", &ModelConfig::maxPositions, 1, maxSize},
    {"intermediate_size", &ModelConfig::intermediateSize, 1, maxSize},
    {"moe_intermediate_size", &ModelConfig::moeIntermediateSize, 1, maxSize},
    {"shared_expert_intermediate_size",
     &ModelConfig::sharedExpertIntermediateSize, 1, maxSize},
    {"shared_intermediate_size", &ModelConfig::sharedExpertIntermediateSize, 0,
     maxSize},
    {"num_experts_per_tok", &ModelConfig::topK, 1, 1024},
    {"kv_lora_rank", &ModelConfig::kvLatent, 1, maxSize},
    {"q_lora_rank", &ModelConfig::queryLatent, 1, maxSize, true},
    {"qk_nope_head_dim", &ModelConfig::nopeDim, 1, 65536},
    {"qk_rope_head_dim", &ModelConfig::latentRopeDim, 1, 65536},
    {"v_head_dim", &ModelConfig::latentValueDim, 1, 65536},
};

static constexpr BooleanField booleanFields[] = {
    {"qkv_bias", &ModelConfig::qkvBias},
    {"attention_bias", &ModelConfig::qkvBias},
    {"attention_bias", &ModelConfig::outputBias},
    {"tie_word_embeddings", &ModelConfig::tieWordEmbeddings},
    {"norm_topk_prob", &ModelConfig::normTopKProb},
};

static constexpr RealField realFields[] = {
    {"rms_norm_eps", &ModelConfig::rmsNormEps, 1e-20, 1},
    {"embedding_multiplier", &ModelConfig::embeddingMultiplier, 1e-6, 1e6},
    {"residual_multiplier", &ModelConfig::residualMultiplier, 1e-6, 1e6},
    {"attention_multiplier", &ModelConfig::attentionScale, 1e-6, 1e6},
    {"routed_scaling_factor", &ModelConfig::routedScale, 1e-6, 1e6},
};

static constexpr FixedField fixedFields[] = {{"hidden_act", "\"silu\""},
                                             {"mlp_bias", "false"},
                                             {"pretraining_tp", "1"},
                                             {"moe_layer_freq", "1"},
                                             {"scoring_func", "\"softmax\""}};

/// Fields that may only have the value that leaves the model as it is.
static constexpr StringLiteral fieldsThatMustBeOff[] = {
    "is_encoder_decoder", "add_cross_attention",         "tie_encoder_decoder",
    "pruned_heads",       "cross_attention_hidden_size",
};

/// Fields without effect on what a compiled model computes.
static constexpr StringLiteral ignoredFields[] = {
    // Used in training only.
    "attention_dropout", "hidden_dropout", "initializer_range",
    "router_aux_loss_coef", "router_jitter_noise", "aux_loss_alpha", "seq_aux",
    // Which of its intermediate values the Python model returns, and how.
    "output_router_logits", "output_attentions", "output_hidden_states",
    "return_dict", "use_cache", "tie_last_hidden_states", "torchscript",
    // Splits a computation without changing it.
    "chunk_size_feed_forward",
    // The tensors carry their own types; the program's is a compiler option.
    "torch_dtype", "dtype", "use_bfloat16", "tf_legacy_loss",
    // Who wrote the file.
    "transformers_version", "finetuning_task", "task_specific_params",
    "problem_type", "auto_map",
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

Error ConfigParser::mustDivide(const Twine &key, int64_t value,
                               StringRef divisorKey, int64_t divisor) {
  return fileError(fileName, key + " is " + Twine(value) +
                                 ", it must be a multiple of " + divisorKey +
                                 ", which is " + Twine(divisor));
}

bool ConfigParser::isKnown(StringRef key) const {
  return is_contained(commonFields, key) || isRopeField(key) ||
         is_contained(fieldsThatMustBeOff, key) || architecture->hasField(key);
}

Error ConfigParser::findArchitecture() {
  const json::Value *value = fields.get("architectures", /*nullable=*/true);
  if (!value)
    return fileError(fileName, "has no 'architectures'; supported are " +
                                   listArchitectures());
  const json::Array *array = value->getAsArray();
  std::optional<StringRef> name =
      array && array->size() == 1 ? array->front().getAsString() : std::nullopt;
  if (!name)
    return fields.wrong("architectures", *value, "an array of one name");
  architecture = fpmoe::findArchitecture(*name);
  if (!architecture)
    return fileError(fileName, "the architecture " + quoted(*name) +
                                   " is not supported; supported are " +
                                   listArchitectures());
  config.architecture = name->str();
  const json::Value *type = fields.get("model_type");
  if (type && type->getAsString() != StringRef(architecture->modelType))
    return fields.wrong("model_type", *type,
                        "\"" + architecture->modelType + "\" for " +
                            architecture->name);
  architecture->setDefaults(config);
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
        is_contained(ignoredFields, key) || architecture->ignores(key) ||
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
  for (const IntegerField &field : integerFields) {
    if (!isKnown(field.key))
      continue;
    int64_t &value = config.*field.member;
    if (field.nullable && fields.get(field.key) &&
        !fields.get(field.key, /*nullable=*/true))
      value = 0;
    if (Error e = fields.integer(field.key, value, field.min, field.max,
                                 field.nullable))
      return e;
  }
  for (const BooleanField &field : booleanFields)
    if (isKnown(field.key))
      if (Error e = fields.boolean(field.key, config.*field.member))
        return e;
  for (const RealField &field : realFields)
    if (isKnown(field.key))
      if (Error e = fields.real(field.key, config.*field.member, field.min,
                                field.max))
        return e;
  if (fields.get("eos_token_id"))
    config.eosTokens.clear();
  else
    erase_if(config.eosTokens,
             [&](int64_t token) { return token >= config.vocabSize; });
  return fields.tokens("eos_token_id", config.eosTokens, config.vocabSize);
}

Error ConfigParser::fixedValues() {
  for (const FixedField &field : fixedFields) {
    const json::Value *value = fields.get(field.key);
    if (value && *value != cantFail(json::parse(field.value)))
      return fields.wrong(field.key, *value, field.value);
  }
  for (StringRef key : fieldsThatMustBeOff) {
    const json::Value *value = fields.get(key, /*nullable=*/true);
    const json::Object *object = value ? value->getAsObject() : nullptr;
    if (value && !(object && object->empty()) && value->getAsBoolean() != false)
      return fields.wrong(key, *value, "false, null or empty");
  }
  if (fields.get("quantization_config", /*nullable=*/true))
    return fileError(fileName, "quantization_config says that the weights are "
                               "quantised; only F32, F16 and BF16 "
                               "checkpoints are supported");
  return Error::success();
}

Expected<ModelConfig> ConfigParser::run() {
  using Step = Error (ConfigParser::*)();
  for (Step step :
       {&ConfigParser::findArchitecture, &ConfigParser::unknownFields,
        &ConfigParser::fixedValues, &ConfigParser::tables,
        &ConfigParser::experts, &ConfigParser::twoLevels, &ConfigParser::heads,
        &ConfigParser::multipliers, &ConfigParser::rope,
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

/// A GGUF file, with the fpmoe.toml beside it.
static Expected<ModelConfig> readGgufConfig(StringRef path) {
  Expected<GgufFile> file = readGguf(path);
  if (!file)
    return file.takeError();
  StringRef directory = sys::path::parent_path(path);
  Expected<FileOptions> options =
      readOptions(directory.empty() ? "." : directory);
  if (!options)
    return options.takeError();
  Expected<json::Object> object = makeConfigJson(*file, options->ignoreConfig);
  if (!object)
    return object.takeError();
  // What is left is about config.json.
  options->ignoreConfig.clear();
  Expected<ModelConfig> config = ConfigParser(*object, path, *options).run();
  if (config)
    config->neighboursRotate = hasNeighbouringRotations(file->metadata);
  return config;
}

Expected<ModelConfig> readConfig(StringRef directoryOrFile) {
  if (isGgufPath(directoryOrFile))
    return readGgufConfig(directoryOrFile);
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
