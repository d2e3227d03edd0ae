//===- RopeConfig.cpp - rotary embedding in config.json -------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See RopeConfig.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Config/RopeConfig.h"

#include "lib/Checkpoint/Input.h"
#include "lib/Config/SizeLimits.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace llvm;

namespace fpmoe {

static constexpr double maxTheta = 1e12;
static constexpr double maxFactor = 1e6;

bool isRopeField(StringRef key) {
  return is_contained({"rope_theta", "rope_parameters", "rope_scaling",
                       "partial_rotary_factor",
                       "original_max_position_embeddings"},
                      key);
}

namespace {
/// Reads the object under one of the two keys.
class RopeReader {
public:
  RopeReader(StringRef key, const json::Object &object, const Fields &outer,
             StringRef fileName, ModelConfig &config)
      : key(key), prefix((key + ".").str()), fields(object, fileName, prefix),
        outer(outer), fileName(fileName), config(config),
        scaling(config.ropeScaling) {}

  Error run();

private:
  Error type(StringRef &name);
  Error factor();
  Error yarnFactor();
  Error originalPositions();
  Error llama3();
  Error yarn();
  Error unknownFields(ArrayRef<StringLiteral> known);

  StringRef key;
  std::string prefix;
  Fields fields;
  /// All of config.json.
  const Fields &outer;
  StringRef fileName;
  ModelConfig &config;
  RopeScaling &scaling;
};
} // namespace

/// What `type` was called in older files; as in transformers, `rope_type` wins.
static StringRef typeKeyOf(const json::Object &object) {
  return object.get("rope_type") ? "rope_type" : "type";
}

Error RopeReader::type(StringRef &name) {
  name = "default";
  StringRef typeKey = typeKeyOf(fields.members());
  const json::Value *value = fields.get(typeKey);
  if (!value)
    return Error::success();
  std::optional<StringRef> text = value->getAsString();
  if (!text ||
      !is_contained({"default", "linear", "dynamic", "llama3", "yarn"}, *text))
    return fields.wrong(typeKey, *value,
                        "\"default\", \"linear\", \"dynamic\", \"llama3\" or "
                        "\"yarn\": other rotary embeddings are not "
                        "supported");
  name = *text;
  return Error::success();
}

Error RopeReader::factor() {
  if (!fields.get("factor"))
    return fileError(fileName, prefix + "factor is missing");
  return fields.real("factor", scaling.factor, 1, maxFactor);
}

/// The one outside of the object counts, if there is one.
Error RopeReader::originalPositions() {
  StringRef name = "original_max_position_embeddings";
  scaling.originalPositions = config.maxPositions;
  if (outer.get(name))
    return outer.size(name, scaling.originalPositions);
  return fields.size(name, scaling.originalPositions);
}

/// A null stands for how much longer the context is than the original one.
Error RopeReader::yarnFactor() {
  const json::Value *value = fields.get("factor");
  if (!value || value->kind() != json::Value::Null || config.kvLatent)
    return factor();
  scaling.factor =
      static_cast<double>(config.maxPositions) / scaling.originalPositions;
  if (scaling.factor < 1)
    return fileError(fileName,
                     "original_max_position_embeddings is " +
                         Twine(scaling.originalPositions) +
                         ", it must be at most max_position_embeddings, "
                         "which is " +
                         Twine(config.maxPositions));
  return Error::success();
}

Error RopeReader::llama3() {
  scaling.kind = RopeScaling::Llama3;
  for (StringRef name : {"low_freq_factor", "high_freq_factor"})
    if (!fields.get(name))
      return fileError(fileName, prefix + name + " is missing");
  if (Error e = fields.real("low_freq_factor", scaling.low, 1e-6, maxFactor))
    return e;
  if (Error e = fields.real("high_freq_factor", scaling.high, 1e-6, maxFactor))
    return e;
  if (scaling.low >= scaling.high)
    return fields.wrong("low_freq_factor", *fields.get("low_freq_factor"),
                        "below high_freq_factor, which is " +
                            Twine(std::to_string(scaling.high)));
  return originalPositions();
}

/// What yarn multiplies products of queries and keys by, or its root.
static double magnitudeOf(double factor, double weight) {
  return factor <= 1 ? 1 : 0.1 * weight * std::log(factor) + 1;
}

Error RopeReader::yarn() {
  scaling.kind = RopeScaling::Yarn;
  double weight = 0, weightOfAll = 0;
  if (Error e = originalPositions())
    return e;
  if (Error e = yarnFactor())
    return e;
  if (Error e = fields.boolean("truncate", scaling.truncate))
    return e;
  std::pair<StringRef, double *> numbers[] = {{"beta_fast", &scaling.betaFast},
                                              {"beta_slow", &scaling.betaSlow},
                                              {"mscale", &weight},
                                              {"mscale_all_dim", &weightOfAll}};
  for (auto [name, out] : numbers)
    if (Error e = fields.real(name, *out, 0, maxFactor, /*nullable=*/true))
      return e;
  // As transformers takes a 0.
  if (scaling.betaFast == 0)
    scaling.betaFast = 32;
  if (scaling.betaSlow == 0)
    scaling.betaSlow = 1;
  scaling.magnitude = weight != 0 && weightOfAll != 0
                          ? magnitudeOf(scaling.factor, weight) /
                                magnitudeOf(scaling.factor, weightOfAll)
                          : magnitudeOf(scaling.factor, 1);
  if (config.kvLatent && weightOfAll != 0) {
    double root = magnitudeOf(scaling.factor, weightOfAll);
    config.attentionScale *= root * root;
  }
  return fields.real("attention_factor", scaling.magnitude, 1e-6, maxFactor,
                     /*nullable=*/true);
}

/// Fields that say nothing, at that value or at any.
static bool isHarmless(StringRef name, const json::Value &value) {
  if (name == "factor" || name == "attention_factor")
    return value.kind() == json::Value::Null || value.getAsNumber() == 1;
  return is_contained({"rope_type", "type", "partial_rotary_factor",
                       "rope_theta", "finetuned",
                       "original_max_position_embeddings"},
                      name);
}

Error RopeReader::unknownFields(ArrayRef<StringLiteral> known) {
  std::vector<std::string> unknown;
  for (const auto &[name, value] : fields.members())
    if (!is_contained(known, StringRef(name)) && !isHarmless(name, value))
      unknown.push_back(quoted(name));
  if (unknown.empty())
    return Error::success();
  llvm::sort(unknown);
  bool isOne = unknown.size() == 1;
  return fileError(fileName, key + " has the field" + (isOne ? " " : "s ") +
                                 join(unknown, ", ") + ", which " +
                                 (isOne ? "is" : "are") + " not supported");
}

Error RopeReader::run() {
  StringRef name;
  if (Error e = type(name))
    return e;
  double part = 1;
  if (Error e = fields.real("partial_rotary_factor", part, 1, 1,
                            /*nullable=*/true))
    return e;
  if (Error e = fields.real("rope_theta", config.ropeTheta, 1, maxTheta))
    return e;
  if (name == "default")
    return unknownFields({});
  if (name == "yarn") {
    // The logarithm of theta is a divisor.
    if (config.ropeTheta <= 1)
      return fileError(fileName,
                       "rope_theta is 1, it must be above 1 for yarn");
    if (Error e = yarn())
      return e;
    return unknownFields({"factor", "attention_factor", "beta_fast",
                          "beta_slow", "mscale", "mscale_all_dim", "truncate"});
  }
  if (Error e = factor())
    return e;
  if (name == "llama3") {
    if (Error e = llama3())
      return e;
    return unknownFields({"factor", "low_freq_factor", "high_freq_factor"});
  }
  // Dynamic scaling starts beyond the positions that a program has.
  if (name == "linear")
    scaling.kind = RopeScaling::Linear;
  else
    scaling.factor = 1;
  return unknownFields({"factor"});
}

/// Fails if two objects that say how positions are turned differ. `theta` is
/// what counts.
static Error compareRopes(const json::Object &newer, const json::Object &older,
                          double theta, StringRef fileName) {
  auto show = [](StringRef key, const json::Value *value) {
    std::string text = key.str();
    raw_string_ostream os(text);
    if (value)
      os << " is " << *value;
    else
      os << " is missing";
    return printable(text);
  };
  for (const json::Object *object : {&newer, &older})
    for (const auto &member : *object) {
      StringRef name = member.first;
      if (name == "rope_theta" && member.second.getAsNumber() == theta)
        continue;
      bool isType = name == "type" || name == "rope_type";
      StringRef first = isType ? typeKeyOf(newer) : name;
      StringRef second = isType ? typeKeyOf(older) : name;
      const json::Value *a = newer.get(first), *b = older.get(second);
      if (!a || !b || *a != *b)
        return fileError(
            fileName, show(("rope_parameters." + first).str(), a) + ", but " +
                          show(("rope_scaling." + second).str(), b) +
                          "; keep one of the two objects");
    }
  return Error::success();
}

Error readRope(const Fields &fields, StringRef fileName, ModelConfig &config) {
  double part = 1;
  if (Error e = fields.real("partial_rotary_factor", part, 1, 1,
                            /*nullable=*/true))
    return e;
  // Of two objects the older one counts, and one without members is none.
  const json::Object *objects[2] = {};
  StringRef keys[2] = {"rope_scaling", "rope_parameters"};
  for (auto [key, object] : zip(keys, objects)) {
    const json::Value *value = fields.get(key, /*nullable=*/true);
    if (value && !(object = value->getAsObject()))
      return fields.wrong(key, *value, "an object or null");
    if (object && object->empty())
      object = nullptr;
  }
  size_t chosen = objects[0] ? 0 : 1;
  const json::Object *object = objects[chosen];
  if (!object || !object->get("rope_theta"))
    if (Error e = fields.real("rope_theta", config.ropeTheta, 1, maxTheta))
      return e;
  if (!object)
    return Error::success();
  if (Error e =
          RopeReader(keys[chosen], *object, fields, fileName, config).run())
    return e;
  return objects[0] && objects[1] ? compareRopes(*objects[1], *objects[0],
                                                 config.ropeTheta, fileName)
                                  : Error::success();
}

Error setRopeScaling(json::Object &config, const RopeScalingOption &option,
                     StringRef fileName) {
  for (StringRef key : {"rope_scaling", "rope_parameters"}) {
    const json::Object *object = config.getObject(key);
    const json::Value *type =
        object ? object->get(typeKeyOf(*object)) : nullptr;
    if (type && type->getAsString() != StringRef("default"))
      return fileError(
          fileName, Fields(config, fileName).describe(key, *config.get(key)) +
                        ", so that the model is scaled already; leave out "
                        "the option rope_scaling");
  }
  int64_t positions = 0, limit = getSizeLimit("max_position_embeddings");
  Fields fields(config, fileName);
  if (!fields.get("max_position_embeddings"))
    return fileError(fileName, "has no 'max_position_embeddings', which the "
                               "option rope_scaling multiplies");
  if (Error e = fields.size("max_position_embeddings", positions))
    return e;
  int64_t original = positions;
  if (Error e = fields.size("original_max_position_embeddings", original))
    return e;
  if (option.originalPositions)
    original = *option.originalPositions;
  double scaled = option.factor * original;
  if (scaled > limit)
    return fileError(fileName, "the option rope_scaling makes more than " +
                                   Twine(limit) + " positions of " +
                                   Twine(original));
  // Older files have theta outside, newer ones in the object.
  StringRef key =
      config.getObject("rope_parameters") ? "rope_parameters" : "rope_scaling";
  json::Object object;
  if (const json::Object *old = config.getObject(key))
    object = *old;
  object.erase("type");
  object["rope_type"] = option.kind;
  object["factor"] = option.factor;
  if (option.kind == "yarn") {
    object["original_max_position_embeddings"] = original;
    config.erase("original_max_position_embeddings");
  }
  config[key] = std::move(object);
  config["max_position_embeddings"] =
      std::max(positions, static_cast<int64_t>(scaled));
  return Error::success();
}

} // namespace fpmoe
