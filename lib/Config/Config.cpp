//===- Config.cpp - reader of config.json -----------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tables say which fields there are and what range each has. See
// ConfigParser.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Config/Config.h"

#include "lib/Checkpoint/Input.h"
#include "lib/Checkpoint/Json.h"
#include "lib/Config/ConfigParser.h"
#include "lib/Config/GgufConfig.h"
#include "lib/Config/SizeLimits.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace fpmoe {

namespace {
struct IntegerField {
  StringLiteral key;
  int64_t ModelConfig::*member;
  int64_t min = 1;
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
} // namespace

// An architecture's own fields are read only where it has them.

static constexpr IntegerField integerFields[] = {
    {"vocab_size", &ModelConfig::vocabSize},
    {"hidden_size", &ModelConfig::hiddenSize},
    {"num_hidden_layers", &ModelConfig::numLayers},
    {"num_attention_heads", &ModelConfig::numHeads},
    {"num_key_value_heads", &ModelConfig::numKeyValueHeads, 1, true},
    {"max_position_embeddings", &ModelConfig::maxPositions},
    {"intermediate_size", &ModelConfig::intermediateSize},
    {"moe_intermediate_size", &ModelConfig::moeIntermediateSize},
    {"shared_expert_intermediate_size",
     &ModelConfig::sharedExpertIntermediateSize, 0},
    {"shared_intermediate_size", &ModelConfig::sharedExpertIntermediateSize, 0},
    {"num_experts_per_tok", &ModelConfig::topK},
    {"kv_lora_rank", &ModelConfig::kvLatent},
    {"q_lora_rank", &ModelConfig::queryLatent, 1, true},
    {"qk_nope_head_dim", &ModelConfig::nopeDim},
    {"qk_rope_head_dim", &ModelConfig::latentRopeDim},
    {"v_head_dim", &ModelConfig::latentValueDim},
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

Error ConfigParser::mustDivide(const Twine &key, int64_t value,
                               StringRef divisorKey, int64_t divisor) {
  return fileError(fileName, key + " is " + Twine(value) +
                                 ", it must be a multiple of " + divisorKey +
                                 ", which is " + Twine(divisor));
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

/// The architecture's defaults stand for what it does.
bool ConfigParser::saysWhatIs(StringRef key, const json::Value &value) const {
  bool isNull = value.kind() == json::Value::Null;
  auto says = [&](const auto &field, const auto &said) {
    return field.key == key && said == config.*field.member;
  };
  return any_of(integerFields,
                [&](const IntegerField &field) {
                  return says(field, isNull ? 0 : value.getAsInteger());
                }) ||
         any_of(booleanFields,
                [&](const BooleanField &field) {
                  return says(field, isNull ? false : value.getAsBoolean());
                }) ||
         any_of(realFields, [&](const RealField &field) {
           return says(field, value.getAsNumber());
         });
}

Error ConfigParser::tables() {
  for (const IntegerField &field : integerFields) {
    if (!isRead(field.key))
      continue;
    int64_t &value = config.*field.member;
    if (field.nullable && fields.get(field.key) &&
        !fields.get(field.key, /*nullable=*/true))
      value = 0;
    if (Error e = fields.size(field.key, value, field.min, field.nullable))
      return e;
  }
  for (const BooleanField &field : booleanFields)
    if (isRead(field.key))
      if (Error e = fields.boolean(field.key, config.*field.member))
        return e;
  for (const RealField &field : realFields)
    if (isRead(field.key))
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

Error ConfigParser::context() {
  if (!options.context)
    return Error::success();
  const RopeScaling &scaling = config.ropeScaling;
  auto scaled =
      static_cast<int64_t>(scaling.factor * scaling.originalPositions);
  int64_t most = std::min(std::max(config.maxPositions, scaled),
                          getSizeLimit("max_position_embeddings"));
  if (*options.context > most)
    return fileError(fileName,
                     "the option context is " + Twine(*options.context) +
                         ", but the model has " + Twine(most) + " positions");
  config.maxPositions = *options.context;
  return Error::success();
}

Expected<ModelConfig> ConfigParser::run() {
  using Step = Error (ConfigParser::*)();
  for (Step step :
       {&ConfigParser::findArchitecture, &ConfigParser::checkIgnored,
        &ConfigParser::checkFields, &ConfigParser::tables,
        &ConfigParser::experts, &ConfigParser::twoLevels, &ConfigParser::heads,
        &ConfigParser::multipliers, &ConfigParser::rope, &ConfigParser::context,
        &ConfigParser::layerKinds, &ConfigParser::windows,
        &ConfigParser::expertNames, &ConfigParser::totals})
    if (Error e = (this->*step)())
      return e;
  return std::move(config);
}

/// Changes the object as the options ask for, and reads it.
static Expected<ModelConfig> readObject(json::Object &object,
                                        StringRef fileName,
                                        const FileOptions &options) {
  if (options.ropeScaling)
    if (Error e = setRopeScaling(object, *options.ropeScaling, fileName))
      return e;
  return ConfigParser(object, fileName, options).run();
}

Expected<ModelConfig> parseConfig(StringRef json, StringRef fileName,
                                  const FileOptions &options) {
  Expected<json::Object> object = parseJsonObject(json, fileName);
  if (!object)
    return object.takeError();
  return readObject(*object, fileName, options);
}

static Expected<ModelConfig> readGgufConfig(StringRef path,
                                            FileOptions options) {
  Expected<GgufFile> file = readGguf(path);
  if (!file)
    return file.takeError();
  Expected<json::Object> object = makeConfigJson(*file, options.ignoreConfig);
  if (!object)
    return object.takeError();
  // What is left is about config.json.
  options.ignoreConfig.clear();
  Expected<ModelConfig> config = readObject(*object, path, options);
  if (config)
    config->neighboursRotate = hasNeighbouringRotations(file->metadata);
  return config;
}

Expected<ModelConfig> readConfig(StringRef directoryOrFile,
                                 const FileOptions &options) {
  if (isGgufPath(directoryOrFile))
    return readGgufConfig(directoryOrFile, options);
  std::optional<std::string> path = findFile(directoryOrFile, "config.json");
  if (!path)
    return fileError(directoryOrFile, "has no config.json");
  Expected<std::string> text = readSmallFile(*path, maxConfigFile);
  if (!text)
    return text.takeError();
  return parseConfig(*text, *path, options);
}

Expected<ModelConfig> readConfig(StringRef directoryOrFile) {
  StringRef directory = directoryOrFile;
  if (!sys::fs::is_directory(directory))
    directory = sys::path::parent_path(directory);
  Expected<FileOptions> options =
      readOptions(directory.empty() ? "." : directory);
  if (!options)
    return options.takeError();
  return readConfig(directoryOrFile, *options);
}

} // namespace fpmoe
