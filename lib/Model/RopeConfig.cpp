//===- RopeConfig.cpp - rotary embedding in config.json -------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See RopeConfig.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Model/RopeConfig.h"

#include "lib/Model/Input.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace llvm;

namespace fpmoe {

static constexpr double maxTheta = 1e12;
static constexpr double maxFactor = 1e6;

bool isRopeField(StringRef key) {
  return is_contained({"rope_theta", "rope_parameters", "rope_scaling",
                       "partial_rotary_factor"},
                      key);
}

namespace {
/// Reads the object under one of the two keys.
class RopeReader {
public:
  RopeReader(StringRef key, const json::Object &object, StringRef fileName,
             ModelConfig &config)
      : key(key), prefix((key + ".").str()), fields(object, fileName, prefix),
        fileName(fileName), config(config), scaling(config.ropeScaling) {}

  Error run();

private:
  Error type(StringRef &name);
  Error factor();
  Error originalPositions();
  Error llama3();
  Error yarn();
  Error unknownFields(ArrayRef<StringLiteral> known);

  StringRef key;
  std::string prefix;
  Fields fields;
  StringRef fileName;
  ModelConfig &config;
  RopeScaling &scaling;
};
} // namespace

Error RopeReader::type(StringRef &name) {
  name = "default";
  for (StringRef typeKey : {"type", "rope_type"}) {
    const json::Value *value = fields.get(typeKey);
    if (!value)
      continue;
    std::optional<StringRef> text = value->getAsString();
    if (!text || !is_contained(
                     {"default", "linear", "dynamic", "llama3", "yarn"}, *text))
      return fields.wrong(typeKey, *value,
                          "\"default\", \"linear\", \"dynamic\", \"llama3\" or "
                          "\"yarn\": other rotary embeddings are not "
                          "supported");
    name = *text;
  }
  return Error::success();
}

Error RopeReader::factor() {
  if (!fields.get("factor"))
    return fileError(fileName, prefix + "factor is missing");
  return fields.real("factor", scaling.factor, 1, maxFactor);
}

Error RopeReader::originalPositions() {
  scaling.originalPositions = config.maxPositions;
  return fields.integer("original_max_position_embeddings",
                        scaling.originalPositions, 1, 1 << 24);
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

Error RopeReader::unknownFields(ArrayRef<StringLiteral> known) {
  std::vector<StringRef> unknown;
  for (const auto &member : fields.members()) {
    StringRef name = member.first;
    if (!is_contained(
            {"rope_type", "type", "partial_rotary_factor", "rope_theta"},
            name) &&
        !is_contained(known, name))
      unknown.push_back(name);
  }
  if (unknown.empty())
    return Error::success();
  llvm::sort(unknown);
  return fileError(fileName, key + " has the field " + quoted(unknown.front()) +
                                 ", which is not supported");
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
  if (Error e = factor())
    return e;
  if (name == "llama3") {
    if (Error e = llama3())
      return e;
    return unknownFields({"factor", "low_freq_factor", "high_freq_factor",
                          "original_max_position_embeddings"});
  }
  if (name == "yarn") {
    // The logarithm of theta is a divisor.
    if (config.ropeTheta <= 1)
      return fileError(fileName,
                       "rope_theta is 1, it must be above 1 for yarn");
    if (Error e = yarn())
      return e;
    return unknownFields({"factor", "attention_factor", "beta_fast",
                          "beta_slow", "mscale", "mscale_all_dim", "truncate",
                          "original_max_position_embeddings"});
  }
  // Dynamic scaling starts beyond the positions that a program has.
  if (name == "linear")
    scaling.kind = RopeScaling::Linear;
  else
    scaling.factor = 1;
  return unknownFields({"factor"});
}

Error readRope(const Fields &fields, StringRef fileName, ModelConfig &config) {
  double part = 1;
  if (Error e = fields.real("partial_rotary_factor", part, 1, 1,
                            /*nullable=*/true))
    return e;
  if (Error e = fields.real("rope_theta", config.ropeTheta, 1, maxTheta,
                            /*nullable=*/true))
    return e;
  const json::Value *parameters = fields.get("rope_parameters", true);
  const json::Value *older = fields.get("rope_scaling", true);
  if (parameters && older)
    return fileError(fileName,
                     "has both rope_parameters and rope_scaling, keep one");
  const json::Value *value = parameters ? parameters : older;
  if (!value)
    return Error::success();
  StringRef key = parameters ? "rope_parameters" : "rope_scaling";
  const json::Object *object = value->getAsObject();
  if (!object)
    return fields.wrong(key, *value, "an object or null");
  return RopeReader(key, *object, fileName, config).run();
}

} // namespace fpmoe
