//===- ConfigFuzzer.cpp - fuzz target of the settings readers ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The first byte chooses the reader: config.json, generation_config.json or
// fpmoe.toml. A configuration that is accepted obeys what Config.h promises.
//
//===----------------------------------------------------------------------===//

#include "lib/Config/Config.h"

#include "llvm/Support/JSON.h"

using namespace fpmoe;
using namespace llvm;

static void check(bool condition) {
  if (!condition)
    __builtin_trap();
}

template <typename T> static bool succeeded(Expected<T> &value) {
  if (value)
    return true;
  std::string message = toString(value.takeError());
  check(StringRef(message).starts_with("file:") && json::isUTF8(message));
  return false;
}

static void checkTokens(const std::vector<int64_t> &tokens, int64_t limit) {
  for (int64_t token : tokens)
    check(token >= 0 && token < limit);
}

static void checkConfig(StringRef text) {
  // Options that change how some of the fields are read.
  FileOptions options;
  if (text.size() % 2) {
    options.ropeScaling = RopeScalingOption{"yarn", 4, std::nullopt};
    options.context = 64;
  }
  Expected<ModelConfig> config = parseConfig(text, "file", options);
  if (!succeeded(config))
    return;
  check(config->numHeads % config->numKeyValueHeads == 0);
  check(config->headDim > 0 && config->hiddenSize <= 1 << 16);
  check(config->numHeads <= 1024 && config->numExperts <= 4096);
  check(config->maxPositions > 0 && config->maxPositions <= 1 << 24);
  check(config->ropeScaling.factor >= 1);
  check(config->ropeDim() % 2 == 0 && config->ropeDim() > 0);
  check(config->topK <= config->numExperts);
  check(config->topK > 0 || config->numExperts == 0);
  check(config->topGroups <= config->numGroups);
  check(config->attentionScale > 0 && config->logitsMultiplier > 0);
  check(config->expertNames.size() == size_t(config->numExperts));
  // Names are unique on each level.
  size_t first = config->twoLevels ? config->twoLevels->tokenExperts : 0;
  ArrayRef<std::string> names = config->expertNames;
  check(checkExpertNames(names.take_front(first)).empty());
  check(checkExpertNames(names.drop_front(first)).empty());
  check(config->sparseLayers.size() == size_t(config->numLayers));
  check(config->windows.size() == size_t(config->numLayers));
  check(config->parameterCount() > 0 && config->parameterCount() <= int64_t(1)
                                                                        << 50);
  checkTokens(config->eosTokens, config->vocabSize);
  check(bool(json::parse(text)));
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  StringRef text(reinterpret_cast<const char *>(data) + 1, size - 1);
  switch (data[0]) {
  case 'g': {
    ModelConfig model;
    model.vocabSize = 1000;
    auto generation = parseGenerationConfig(text, "file", model);
    if (succeeded(generation))
      checkTokens(generation->eosTokens, model.vocabSize);
    break;
  }
  case 't': {
    auto options = parseOptions(text, "file");
    if (!succeeded(options))
      break;
    if (options->ropeScaling)
      check(options->ropeScaling->factor >= 1);
    if (options->expertNames)
      for (StringRef name : *options->expertNames)
        check(checkExpertName(name).empty());
    break;
  }
  default:
    checkConfig(text);
  }
  return 0;
}
