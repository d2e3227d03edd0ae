//===- AdapterConfig.cpp - reader of adapter_config.json --------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fields that change weights are read, fields that do not are listed, and all
// others must be off. See Adapter.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Assembly/Adapter.h"

#include "lib/Checkpoint/Input.h"
#include "lib/Checkpoint/Json.h"
#include "lib/Config/Fields.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace llvm;

namespace fpmoe {

/// Fields that are read below.
static constexpr StringLiteral readFields[] = {"peft_type",
                                               "r",
                                               "lora_alpha",
                                               "use_rslora",
                                               "bias",
                                               "target_modules",
                                               "exclude_modules",
                                               "layers_to_transform",
                                               "layers_pattern",
                                               "rank_pattern",
                                               "alpha_pattern",
                                               "modules_to_save",
                                               "target_parameters",
                                               "fan_in_fan_out",
                                               "init_lora_weights",
                                               "lora_bias",
                                               "ensure_weight_tying"};

/// Fields without effect on what a trained adapter adds.
static constexpr StringLiteral ignoredFields[] = {
    "auto_mapping",  "base_model_class",  "base_model_name_or_path",
    "corda_config",  "eva_config",        "inference_mode",
    "loftq_config",  "lora_dropout",      "lora_ga_config",
    "megatron_core", "parent_library",    "peft_version",
    "revision",      "qalora_group_size", "runtime_config",
    "task_type"};

/// The largest rank and the longest list that are read.
static constexpr int64_t maxRank = 1 << 16;
static constexpr size_t maxNames = 4096;
/// The largest magnitude of an alpha.
static constexpr double maxAlpha = 1e6;

/// Whether `path` is `name` or ends in it, at a dot.
static bool isSuffix(StringRef path, StringRef name) {
  return path.consume_back(name) && (path.empty() || path.ends_with("."));
}

/// Whether `name` is one or more whole steps of `path`.
static bool isPartOfPath(StringRef path, StringRef name) {
  for (size_t at = path.find(name); at != StringRef::npos;
       at = path.find(name, at + 1)) {
    StringRef rest = path.drop_front(at + name.size());
    if ((at == 0 || path[at - 1] == '.') &&
        (rest.empty() || rest.front() == '.'))
      return true;
  }
  return false;
}

Expected<bool> ModuleNames::match(StringRef module) const {
  if (pattern)
    return pattern->matches(module);
  return any_of(names, [&](StringRef name) { return isSuffix(module, name); });
}

/// The number after the name of the list of layers, or -1.
static Expected<int64_t> layerOf(StringRef module, ArrayRef<Pattern> patterns) {
  SmallVector<StringRef> path;
  module.split(path, '.');
  size_t length = path.empty() ? 0 : path[0].size();
  for (size_t i = 1; i + 1 < path.size(); ++i) {
    int64_t number = -1;
    bool isNumber = !path[i].getAsInteger(10, number) && number >= 0;
    StringRef list = module.take_front(length);
    length += 1 + path[i].size();
    // Without an expression, a list is not the first of a path.
    if (!isNumber || (patterns.empty() && i < 2))
      continue;
    if (patterns.empty())
      return number;
    for (const Pattern &pattern : patterns) {
      // The expression may stand for several steps of the path.
      for (size_t from = 0; from != StringRef::npos;) {
        Expected<bool> found = pattern.matches(list.drop_front(from));
        if (!found)
          return found.takeError();
        if (*found)
          return number;
        size_t dot = list.find('.', from);
        from = dot == StringRef::npos ? dot : dot + 1;
      }
    }
  }
  return -1;
}

Expected<bool> AdapterConfig::isTarget(StringRef module) const {
  Expected<bool> isExcluded = excluded.match(module);
  if (!isExcluded || *isExcluded)
    return isExcluded ? Expected<bool>(false) : isExcluded.takeError();
  for (StringRef saved : modulesToSave)
    if (isPartOfPath(module, saved))
      return false;
  if (targetsAllLinear)
    return module != "lm_head" && !module.ends_with("embed_tokens");
  Expected<bool> found = targets.match(module);
  if (!found || !*found || layers.empty())
    return found;
  Expected<int64_t> layer = layerOf(module, layerPatterns);
  if (!layer)
    return layer.takeError();
  return is_contained(layers, *layer);
}

template <typename T>
static Expected<T> find(ArrayRef<std::pair<Pattern, T>> patterns,
                        StringRef module, T otherwise) {
  for (const auto &[pattern, value] : patterns) {
    Expected<bool> found = pattern.matches(module);
    if (!found)
      return found.takeError();
    if (*found)
      return value;
  }
  return otherwise;
}

Expected<int64_t> AdapterConfig::rankOf(StringRef module) const {
  return find<int64_t>(ranks, module, rank);
}

Expected<double> AdapterConfig::scaleOf(StringRef module) const {
  Expected<double> own = find<double>(alphas, module, alpha);
  if (!own)
    return own;
  Expected<int64_t> r = rankOf(module);
  if (!r)
    return r.takeError();
  auto divisor = static_cast<double>(*r);
  return *own / (usesRsLora ? std::sqrt(divisor) : divisor);
}

namespace {
/// Fills an AdapterConfig from an object.
class AdapterConfigParser {
public:
  AdapterConfigParser(const json::Object &object, StringRef text,
                      StringRef fileName)
      : fields(object, fileName), text(text), fileName(fileName) {}

  Expected<AdapterConfig> run();

private:
  Error unknownFields();
  Error strings(StringRef key, std::vector<std::string> &out);
  Error modules(StringRef key, ModuleNames &out);
  Error targets();
  Error layers();
  Expected<std::vector<std::string>> keysInOrder(StringRef key) const;
  template <typename T>
  Error patterns(StringRef key, T min, T max,
                 std::vector<std::pair<Pattern, T>> &out);
  Error initialisation();

  Fields fields;
  StringRef text, fileName;
  AdapterConfig config;
};
} // namespace

static bool isOff(const json::Value &value) {
  const json::Object *object = value.getAsObject();
  const json::Array *array = value.getAsArray();
  return value.kind() == json::Value::Null || value.getAsBoolean() == false ||
         (object && object->empty()) || (array && array->empty());
}

Error AdapterConfigParser::unknownFields() {
  std::vector<StringRef> keys;
  for (const auto &member : fields.members())
    if (!isOff(member.second) &&
        !is_contained(readFields, StringRef(member.first)) &&
        !is_contained(ignoredFields, StringRef(member.first)))
      keys.push_back(member.first);
  if (keys.empty())
    return Error::success();
  llvm::sort(keys);
  return fields.wrong(keys.front(), *fields.get(keys.front()),
                      "false, null or empty: adapters with it are not "
                      "supported");
}

Error AdapterConfigParser::strings(StringRef key,
                                   std::vector<std::string> &out) {
  const json::Value *value = fields.get(key, /*nullable=*/true);
  if (!value)
    return Error::success();
  const json::Array *array = value->getAsArray();
  if (!array || array->size() > maxNames)
    return fields.wrong(key, *value,
                        "an array of at most " + Twine(maxNames) + " names");
  for (const json::Value &element : *array) {
    std::optional<StringRef> name = element.getAsString();
    if (!name || name->empty())
      return fields.wrong("an element of " + key.str(), element, "a name");
    out.push_back(name->str());
  }
  return Error::success();
}

Error AdapterConfigParser::modules(StringRef key, ModuleNames &out) {
  const json::Value *value = fields.get(key, /*nullable=*/true);
  if (!value || !value->getAsString())
    return strings(key, out.names);
  Expected<Pattern> pattern = Pattern::compile(*value->getAsString());
  if (!pattern)
    return fileError(fileName, key + ": " + toString(pattern.takeError()));
  out.pattern = std::move(*pattern);
  return Error::success();
}

Error AdapterConfigParser::targets() {
  const json::Value *value = fields.get("target_modules", /*nullable=*/true);
  std::optional<StringRef> text = value ? value->getAsString() : std::nullopt;
  if (text && text->equals_insensitive("all-linear"))
    config.targetsAllLinear = true;
  else if (Error e = modules("target_modules", config.targets))
    return e;
  if (Error e = modules("exclude_modules", config.excluded))
    return e;
  if (Error e = strings("modules_to_save", config.modulesToSave))
    return e;
  if (Error e = strings("target_parameters", config.targetParameters))
    return e;
  if (!config.targetsAllLinear && config.targets.empty() &&
      config.targetParameters.empty())
    return fileError(fileName, "has neither target_modules nor "
                               "target_parameters");
  return layers();
}

Error AdapterConfigParser::layers() {
  const json::Value *value =
      fields.get("layers_to_transform", /*nullable=*/true);
  if (!value)
    return Error::success();
  json::Array single{*value};
  const json::Array *array = value->getAsArray();
  for (const json::Value &element : array ? *array : single) {
    std::optional<int64_t> layer = element.getAsInteger();
    if (!layer || *layer < 0)
      return fields.wrong("layers_to_transform", *value,
                          "a layer or an array of layers");
    config.layers.push_back(*layer);
  }
  if (!config.layers.empty() &&
      (config.targets.pattern || config.targetsAllLinear))
    return fields.wrong("layers_to_transform", *value,
                        "null where target_modules is not a list");
  const json::Value *pattern = fields.get("layers_pattern", true);
  std::vector<std::string> expressions;
  if (pattern && pattern->getAsString())
    expressions.push_back(pattern->getAsString()->str());
  else if (Error e = strings("layers_pattern", expressions))
    return e;
  for (StringRef expression : expressions) {
    if (expression.empty())
      continue;
    Expected<Pattern> compiled = Pattern::compile(expression);
    if (!compiled)
      return fileError(fileName,
                       "layers_pattern: " + toString(compiled.takeError()));
    config.layerPatterns.push_back(std::move(*compiled));
  }
  return Error::success();
}

/// The keys of an object as they stand in the file: json::Object has no order.
Expected<std::vector<std::string>>
AdapterConfigParser::keysInOrder(StringRef key) const {
  std::vector<std::string> keys;
  JsonReader reader(text, fileName);
  Error e = reader.object([&](StringRef member) -> Error {
    if (member != key)
      return reader.skip();
    return reader.object([&](StringRef name) -> Error {
      keys.push_back(name.str());
      return reader.skip();
    });
  });
  if (e)
    return std::move(e);
  return keys;
}

/// The first expression of the file that matches counts.
template <typename T>
Error AdapterConfigParser::patterns(StringRef key, T min, T max,
                                    std::vector<std::pair<Pattern, T>> &out) {
  const json::Value *value = fields.get(key, /*nullable=*/true);
  if (!value)
    return Error::success();
  const json::Object *object = value->getAsObject();
  if (!object || object->size() > maxNames)
    return fields.wrong(key, *value,
                        "an object of at most " + Twine(maxNames) + " fields");
  Expected<std::vector<std::string>> expressions = keysInOrder(key);
  if (!expressions)
    return expressions.takeError();
  for (StringRef expression : *expressions) {
    const json::Value &member = *object->get(expression);
    std::optional<double> number = member.getAsNumber();
    bool isWhole = std::is_same_v<T, double> || member.getAsInteger();
    if (!number || !isWhole || !(*number >= min && *number <= max))
      return fields.wrong((key + " of " + expression).str(), member,
                          min > 0 ? "a positive number" : "a number");
    // As PEFT puts it together, so that groups have the same numbers.
    Expected<Pattern> compiled =
        Pattern::compile(("(.*\\.)?(" + expression + ")").str());
    if (!compiled)
      return fileError(fileName, key + ": " + toString(compiled.takeError()));
    out.emplace_back(std::move(*compiled), static_cast<T>(*number));
  }
  return Error::success();
}

/// Ways to start training that leave the model's weights alone.
static constexpr StringLiteral harmlessStarts[] = {"gaussian", "eva",
                                                   "orthogonal", "mica"};

/// Others take what they start from out of the model's weights, so that the
/// factors fit weights that are in no file.
Error AdapterConfigParser::initialisation() {
  const json::Value *value = fields.get("init_lora_weights", /*nullable=*/true);
  StringRef name = value ? value->getAsString().value_or("") : "";
  if (!value || value->getAsBoolean() ||
      any_of(harmlessStarts,
             [&](StringRef start) { return name.equals_insensitive(start); }))
    return Error::success();
  return fields.wrong(
      "init_lora_weights", *value,
      "true, false, \"" +
          join(ArrayRef<StringLiteral>(harmlessStarts), "\", \"") +
          "\": others change the weights of the model, too; save the adapter "
          "with save_pretrained(..., path_initial_model_for_weight_conversion="
          "...), which makes it one of the model as it was, or save the model "
          "that merge_and_unload() gives and use it as a checkpoint");
}

Expected<AdapterConfig> AdapterConfigParser::run() {
  const json::Value *type = fields.get("peft_type");
  if (!type || type->getAsString() != StringRef("LORA"))
    return type ? fields.wrong("peft_type", *type, "\"LORA\"")
                : fileError(fileName, "has no 'peft_type'");
  if (Error e = unknownFields())
    return std::move(e);
  if (Error e = initialisation())
    return std::move(e);
  bool fanInFanOut = false;
  // PEFT sets it to false for the linear layers of all models here.
  if (Error e = fields.boolean("fan_in_fan_out", fanInFanOut, true))
    return std::move(e);
  if (Error e = fields.integer("r", config.rank, 1, maxRank))
    return std::move(e);
  // PEFT takes any number; 0 turns the adapter off.
  if (Error e = fields.real("lora_alpha", config.alpha, -maxAlpha, maxAlpha))
    return std::move(e);
  if (Error e = fields.boolean("use_rslora", config.usesRsLora, true))
    return std::move(e);
  if (Error e = fields.boolean("lora_bias", config.hasBias, true))
    return std::move(e);
  if (Error e = fields.boolean("ensure_weight_tying", config.keepsTies, true))
    return std::move(e);
  if (const json::Value *bias = fields.get("bias", /*nullable=*/true)) {
    StringRef text = bias->getAsString().value_or("");
    if (!is_contained({"none", "all", "lora_only"}, text))
      return fields.wrong("bias", *bias, "\"none\", \"all\" or \"lora_only\"");
    config.bias = text == "none"  ? AdapterConfig::Bias::None
                  : text == "all" ? AdapterConfig::Bias::All
                                  : AdapterConfig::Bias::LoraOnly;
  }
  if (Error e = targets())
    return std::move(e);
  if (Error e = patterns<int64_t>("rank_pattern", 1, maxRank, config.ranks))
    return std::move(e);
  if (Error e = patterns("alpha_pattern", -maxAlpha, maxAlpha, config.alphas))
    return std::move(e);
  return std::move(config);
}

Expected<AdapterConfig> parseAdapterConfig(StringRef json, StringRef fileName) {
  Expected<json::Object> object = parseJsonObject(json, fileName);
  if (!object)
    return object.takeError();
  return AdapterConfigParser(*object, json, fileName).run();
}

//===----------------------------------------------------------------------===//
// Adapters in the place of models
//===----------------------------------------------------------------------===//

static std::string pathIn(StringRef directory, StringRef name) {
  SmallString<256> path(directory);
  sys::path::append(path, name);
  return std::string(path);
}

bool isAdapterAlone(StringRef directory) {
  return findFile(directory, "adapter_config.json") &&
         !findFile(directory, "model.safetensors") &&
         !findFile(directory, "model.safetensors.index.json");
}

/// A string as TOML and JSON have it.
static std::string quotedPath(StringRef path) {
  SmallString<256> absolute(path);
  sys::fs::make_absolute(absolute);
  sys::path::remove_dots(absolute, /*remove_dot_dot=*/true);
  std::string text;
  raw_string_ostream(text) << json::Value(json::fixUTF8(absolute));
  return text;
}

Error suggestRecipe(StringRef directory) {
  std::string path = pathIn(directory, "adapter_config.json");
  Expected<std::string> text = readSmallFile(path, maxConfigFile);
  if (!text)
    return text.takeError();
  Expected<json::Object> object = parseJsonObject(*text, path);
  if (!object)
    return object.takeError();
  std::string base =
      object->getString("base_model_name_or_path").value_or("").str();
  std::string note = "is an adapter, which is compiled by a recipe";
  if (!sys::fs::is_directory(base)) {
    note += "; get its base" + (base.empty() ? "" : ", " + quoted(base)) +
            ", and put the directory in the place of \"base/model\"";
    base = "\"base/model\"";
  } else {
    base = quotedPath(base);
  }
  return fileError(
      directory, note +
                     ". Write into a file recipe.toml:\n\n"
                     "base = \"base\"\n\n[parts]\nbase = " +
                     base + "\nadapted = { adapter = " + quotedPath(directory) +
                     " }\n\n[merge]\nmethod = \"linear\"\n"
                     "parts = [{ part = \"adapted\" }]\n\n"
                     "and compile that");
}

} // namespace fpmoe
