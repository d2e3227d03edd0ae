//===- GenerationConfig.cpp - generation_config.json ------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads the sampling defaults of a checkpoint's authors; keys that this
// compiler's programs have no use for are ignored. See Config.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Model/Config.h"

#include "lib/Model/Fields.h"
#include "lib/Model/Gguf.h"
#include "lib/Model/Input.h"
#include "lib/Model/Json.h"

using namespace llvm;

namespace fpmoe {

Expected<GenerationConfig> parseGenerationConfig(StringRef json,
                                                 StringRef fileName,
                                                 const ModelConfig &model) {
  Expected<json::Object> object = parseJsonObject(json, fileName);
  if (!object)
    return object.takeError();
  Fields fields(*object, fileName);
  GenerationConfig config;
  config.eosTokens = model.eosTokens;
  if (Error e =
          fields.tokens("eos_token_id", config.eosTokens, model.vocabSize))
    return e;
  if (Error e = fields.boolean("do_sample", config.doSample, true))
    return e;
  auto real = [&](StringRef key, std::optional<double> &out, double min,
                  double max) -> Error {
    double value = 0;
    if (Error e = fields.real(key, value, min, max, /*nullable=*/true))
      return e;
    if (fields.get(key, /*nullable=*/true))
      out = value;
    return Error::success();
  };
  if (Error e = real("temperature", config.temperature, 0, 100))
    return e;
  if (Error e = real("top_p", config.topP, 1e-6, 1))
    return e;
  int64_t topK = -1;
  if (Error e =
          fields.integer("top_k", topK, 0, int64_t(1) << 24, /*nullable=*/true))
    return e;
  if (topK >= 0)
    config.topK = topK;
  return config;
}

Expected<GenerationConfig> readGenerationConfig(StringRef directoryOrFile,
                                                const ModelConfig &model) {
  std::optional<std::string> path;
  if (!isGgufPath(directoryOrFile))
    path = findFile(directoryOrFile, "generation_config.json");
  if (!path) {
    GenerationConfig config;
    config.eosTokens = model.eosTokens;
    return config;
  }
  Expected<std::string> text = readSmallFile(*path, maxConfigFile);
  if (!text)
    return text.takeError();
  return parseGenerationConfig(*text, *path, model);
}

} // namespace fpmoe
