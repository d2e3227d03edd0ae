//===- GenerationConfig.cpp - generation_config.json ------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads the sampling defaults of a checkpoint's authors. What could change the
// text and is not followed gets a warning, so that nothing is dropped without a
// word. See Config.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Config/Config.h"

#include "lib/Checkpoint/Gguf.h"
#include "lib/Checkpoint/Input.h"
#include "lib/Checkpoint/Json.h"
#include "lib/Config/Fields.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>
#include <limits>
#include <map>

using namespace llvm;

namespace fpmoe {

namespace {
/// A field, and the value, as JSON, that changes nothing beside null.
struct Setting {
  StringLiteral key, neutral;
};
} // namespace

static constexpr Setting followed[] = {
    {"do_sample", "false"},
    {"temperature", "1"},
    {"top_k", "50"},
    {"top_p", "1"},
    {"min_p", "0"},
    {"repetition_penalty", "1"},
    {"no_repeat_ngram_size", "0"},
    {"min_new_tokens", "0"},
    {"min_length", "0"},
    {"max_new_tokens", "null"},
    {"max_length", "20"},
    {"forced_bos_token_id", "null"},
    {"forced_eos_token_id", "null"},
    {"suppress_tokens", "[]"},
    {"begin_suppress_tokens", "[]"},
    {"bad_words_ids", "[]"},
    {"sequence_bias", "[]"},
    {"stop_strings", "[]"},
};

static constexpr Setting notFollowed[] = {
    // Other ways to choose tokens.
    {"num_beams", "1"},
    {"num_beam_groups", "1"},
    {"penalty_alpha", "0"},
    {"dola_layers", "null"},
    {"constraints", "null"},
    {"force_words_ids", "null"},
    {"num_return_sequences", "1"},
    {"guidance_scale", "1"},
    {"watermarking_config", "null"},
    {"token_healing", "false"},
    // Other changes to their probabilities.
    {"typical_p", "1"},
    {"epsilon_cutoff", "0"},
    {"eta_cutoff", "0"},
    {"top_h", "null"},
    {"encoder_repetition_penalty", "1"},
    {"encoder_no_repeat_ngram_size", "0"},
    {"exponential_decay_length_penalty", "null"},
    {"remove_invalid_values", "false"},
    {"max_time", "null"},
};

/// Fields that change nothing in the text, or only with fields that get a
/// warning.
static constexpr StringLiteral withoutEffect[] = {
    "eos_token_id",
    "bos_token_id",
    "pad_token_id",
    "decoder_start_token_id",
    "transformers_version",
    // Of beams.
    "early_stopping",
    "length_penalty",
    "diversity_penalty",
    // A softmax does the same again.
    "renormalize_logits",
    // What else generate() returns.
    "output_attentions",
    "output_hidden_states",
    "output_scores",
    "output_logits",
    "return_dict_in_generate",
    // How the text is computed; drafts do not change it.
    "use_cache",
    "cache_implementation",
    "cache_config",
    "max_cache_len",
    "prefill_chunk_size",
    "low_memory",
    "compile_config",
    "disable_compile",
    "continuous_batching_config",
    "use_mtp",
    "speculation_type",
    "is_assistant",
    "num_assistant_tokens",
    "num_assistant_tokens_schedule",
    "assistant_confidence_threshold",
    "assistant_early_exit",
    "assistant_lookbehind",
    "assistant_ensemble_weight",
    "target_lookbehind",
    "prompt_lookup_num_tokens",
    "max_matching_ngram_size",
};

/// Whether the setting is there and not what it would be without being there.
static const json::Value *findChange(const Fields &fields,
                                     const Setting &setting) {
  const json::Value *value = fields.get(setting.key, /*nullable=*/true);
  return value && *value != cantFail(json::parse(setting.neutral)) ? value
                                                                   : nullptr;
}

namespace {

class GenerationReader {
public:
  GenerationReader(const Fields &fields, const ModelConfig &model,
                   GenerationConfig &config)
      : fields(fields), vocabulary(model.vocabSize), config(config) {}

  Error run();

private:
  Error optionalReal(StringRef key, std::optional<double> &out, double min,
                     double max);
  Error sampling();
  Error lengths();
  Error tokens();
  Error badWords();
  Error sequenceBias();
  Error stopStrings();
  Expected<std::vector<int64_t>> sequence(StringRef key,
                                          const json::Value *value);
  Expected<const json::Array *> sequences(StringRef key);

  const Fields &fields;
  int64_t vocabulary;
  GenerationConfig &config;
};

} // namespace

Error GenerationReader::optionalReal(StringRef key, std::optional<double> &out,
                                     double min, double max) {
  double value = 0;
  if (Error e = fields.real(key, value, min, max, /*nullable=*/true))
    return e;
  if (fields.get(key, /*nullable=*/true))
    out = value;
  return Error::success();
}

Error GenerationReader::sampling() {
  if (Error e = fields.boolean("do_sample", config.doSample, true))
    return e;
  if (Error e = optionalReal("temperature", config.temperature, 0, 100))
    return e;
  if (Error e = optionalReal("top_p", config.topP, 1e-6, 1))
    return e;
  int64_t topK = config.doSample ? 50 : -1;
  if (Error e =
          fields.integer("top_k", topK, 0, int64_t(1) << 24, /*nullable=*/true))
    return e;
  if (topK >= 0)
    config.topK = topK;
  if (Error e = fields.real("min_p", config.minP, 0, 1, /*nullable=*/true))
    return e;
  return fields.real("repetition_penalty", config.repetitionPenalty, 0.01, 100,
                     /*nullable=*/true);
}

Error GenerationReader::lengths() {
  constexpr int64_t most = int64_t(1) << 31;
  for (auto [key, member] :
       std::initializer_list<std::pair<StringRef, int64_t *>>{
           {"no_repeat_ngram_size", &config.noRepeatNgram},
           {"min_length", &config.minLength},
           {"min_new_tokens", &config.minNewTokens}})
    if (Error e = fields.integer(key, *member, 0, most, /*nullable=*/true))
      return e;
  // Of two ways to say the same, transformers takes this one.
  if (fields.get("min_new_tokens", /*nullable=*/true))
    config.minLength = 0;
  if (Error e = fields.integer("max_length", config.maxLength, 1, most,
                               /*nullable=*/true))
    return e;
  return fields.integer("max_new_tokens", config.maxNewTokens, 1, most,
                        /*nullable=*/true);
}

Error GenerationReader::tokens() {
  if (Error e = fields.integer("forced_bos_token_id", config.forcedBos, 0,
                               vocabulary - 1, /*nullable=*/true))
    return e;
  for (auto [key, member] :
       std::initializer_list<std::pair<StringRef, std::vector<int64_t> *>>{
           {"eos_token_id", &config.eosTokens},
           {"forced_eos_token_id", &config.forcedEos},
           {"suppress_tokens", &config.suppressed},
           {"begin_suppress_tokens", &config.beginSuppressed}})
    if (Error e = fields.tokens(key, *member, vocabulary))
      return e;
  return Error::success();
}

/// An array of tokens, which is not empty.
Expected<std::vector<int64_t>>
GenerationReader::sequence(StringRef key, const json::Value *value) {
  constexpr size_t most = 1024;
  const json::Array *array = value->getAsArray();
  if (!array || array->empty() || array->size() > most)
    return fields.wrong(key, *value,
                        "made of arrays of 1 to " + Twine(most) + " ids");
  std::vector<int64_t> ids;
  for (const json::Value &element : *array) {
    std::optional<int64_t> id = element.getAsInteger();
    if (!id || *id < 0 || *id >= vocabulary)
      return fields.wrong(key, element,
                          "an id of the vocabulary, between 0 and " +
                              Twine(vocabulary - 1));
    ids.push_back(*id);
  }
  return ids;
}

/// An array of a bounded length, or null.
Expected<const json::Array *> GenerationReader::sequences(StringRef key) {
  constexpr size_t most = 65536;
  const json::Value *value = fields.get(key, /*nullable=*/true);
  const json::Array *array = value ? value->getAsArray() : nullptr;
  if (value && (!array || array->size() > most))
    return fields.wrong(key, *value,
                        "an array of at most " + Twine(most) + " sequences");
  return array;
}

Error GenerationReader::badWords() {
  Expected<const json::Array *> words = sequences("bad_words_ids");
  if (!words)
    return words.takeError();
  for (size_t i = 0; *words && i < (*words)->size(); ++i) {
    auto ids = sequence("bad_words_ids", &(**words)[i]);
    if (!ids)
      return ids.takeError();
    // The end of a text is no word, as in transformers.
    if (ids->size() > 1 || !is_contained(config.eosTokens, ids->front()))
      config.sequenceBiases.push_back(
          {std::move(*ids), -std::numeric_limits<double>::infinity()});
  }
  return Error::success();
}

/// Pairs of a sequence and a number; of those of one sequence, the last holds.
Error GenerationReader::sequenceBias() {
  Expected<const json::Array *> pairs = sequences("sequence_bias");
  if (!pairs)
    return pairs.takeError();
  std::map<std::vector<int64_t>, double> biases;
  for (size_t i = 0; *pairs && i < (*pairs)->size(); ++i) {
    const json::Value &value = (**pairs)[i];
    const json::Array *pair = value.getAsArray();
    std::optional<double> bias;
    if (pair && pair->size() == 2)
      bias = (*pair)[1].getAsNumber();
    if (!bias || !(std::abs(*bias) <= 1e6))
      return fields.wrong("sequence_bias", value,
                          "made of pairs of ids and a number between -1e6 and "
                          "1e6");
    auto ids = sequence("sequence_bias", &(*pair)[0]);
    if (!ids)
      return ids.takeError();
    biases[std::move(*ids)] = *bias;
  }
  config.sequenceBiases.insert(config.sequenceBiases.end(), biases.begin(),
                               biases.end());
  return Error::success();
}

Error GenerationReader::stopStrings() {
  constexpr size_t most = 64, longest = 1024;
  const json::Value *value = fields.get("stop_strings", /*nullable=*/true);
  if (!value)
    return Error::success();
  auto add = [&](const json::Value &element) -> Error {
    std::optional<StringRef> text = element.getAsString();
    // The runtime reads them as C strings.
    if (!text || text->empty() || text->size() > longest ||
        text->contains('\0'))
      return fields.wrong("stop_strings", element,
                          "a text of 1 to " + Twine(longest) +
                              " bytes without a zero byte");
    config.stopStrings.push_back(text->str());
    return Error::success();
  };
  const json::Array *array = value->getAsArray();
  if (!array)
    return add(*value);
  if (array->size() > most)
    return fields.wrong("stop_strings", *value,
                        "an array of at most " + Twine(most) + " texts");
  for (const json::Value &element : *array)
    if (Error e = add(element))
      return e;
  return Error::success();
}

Error GenerationReader::run() {
  using Step = Error (GenerationReader::*)();
  for (Step step :
       {&GenerationReader::sampling, &GenerationReader::lengths,
        &GenerationReader::tokens, &GenerationReader::sequenceBias,
        &GenerationReader::badWords, &GenerationReader::stopStrings})
    if (Error e = (this->*step)())
      return e;
  for (const Setting &setting : notFollowed)
    if (const json::Value *value = findChange(fields, setting))
      config.warnings.push_back(
          fields.show(setting.key, *value) +
          ", which programs do not follow: their text can differ from that of "
          "transformers");
  return Error::success();
}

static void warnUnknown(const Fields &fields, GenerationConfig &config) {
  auto hasKey = [](StringRef key) {
    return [key](const Setting &setting) { return setting.key == key; };
  };
  std::vector<std::string> warnings;
  for (const auto &[name, value] : fields.members()) {
    StringRef key = name;
    if (!key.starts_with("_") && value.kind() != json::Value::Null &&
        !any_of(followed, hasKey(key)) && !any_of(notFollowed, hasKey(key)) &&
        !is_contained(withoutEffect, key))
      warnings.push_back(fields.show(printable(key), value) +
                         ", a field that is unknown and not followed");
  }
  llvm::sort(warnings);
  append_range(config.warnings, warnings);
}

/// What generation_config.json says.
static Expected<GenerationConfig> readFields(const Fields &fields,
                                             const ModelConfig &model) {
  GenerationConfig config;
  config.eosTokens = model.eosTokens;
  if (Error e = GenerationReader(fields, model, config).run())
    return e;
  warnUnknown(fields, config);
  return config;
}

Expected<GenerationConfig> parseGenerationConfig(StringRef json,
                                                 StringRef fileName,
                                                 const ModelConfig &model) {
  Expected<json::Object> object = parseJsonObject(json, fileName);
  if (!object)
    return object.takeError();
  return readFields(Fields(*object, fileName), model);
}

/// What config.json says, where nothing else does.
static Expected<GenerationConfig> readOldFields(const Fields &fields,
                                                const ModelConfig &model) {
  GenerationConfig config;
  if (Error e = GenerationReader(fields, model, config).run())
    return e;
  config.eosTokens = model.eosTokens;
  // Older versions wrote their default, by which they meant none.
  if (config.maxLength == 20)
    config.maxLength = 0;
  return config;
}

static Expected<json::Object> readObject(const std::string &path) {
  Expected<std::string> text = readSmallFile(path, maxConfigFile);
  if (!text)
    return text.takeError();
  return parseJsonObject(*text, path);
}

Expected<GenerationConfig> readGenerationConfig(StringRef directoryOrFile,
                                                const ModelConfig &model) {
  std::optional<std::string> path, oldPath;
  if (!isGgufPath(directoryOrFile)) {
    path = findFile(directoryOrFile, "generation_config.json");
    oldPath = findFile(directoryOrFile, "config.json");
  }
  json::Object old;
  if (oldPath && oldPath != path) {
    Expected<json::Object> object = readObject(*oldPath);
    if (!object)
      return object.takeError();
    old = std::move(*object);
  }
  Fields oldFields(old, oldPath ? StringRef(*oldPath) : "");
  if (!path)
    return readOldFields(oldFields, model);
  Expected<json::Object> object = readObject(*path);
  if (!object)
    return object.takeError();
  Fields fields(*object, *path);
  Expected<GenerationConfig> config = readFields(fields, model);
  if (!config)
    return config.takeError();
  for (ArrayRef<Setting> settings : {ArrayRef(followed), ArrayRef(notFollowed)})
    for (const Setting &setting : settings) {
      const json::Value *value = findChange(oldFields, setting);
      const json::Value *holds = fields.get(setting.key);
      if (value && !(holds && *holds == *value))
        config->warnings.push_back(oldFields.show(setting.key, *value) +
                                   ", which is not followed, since there is a "
                                   "generation_config.json");
    }
  return config;
}

} // namespace fpmoe
