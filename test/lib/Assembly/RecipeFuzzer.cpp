//===- RecipeFuzzer.cpp - fuzz target of recipes and adapters ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The first byte chooses the reader: adapter_config.json for 'a', else a
// recipe. What is accepted obeys the promises of MixtureRecipe.h and Adapter.h,
// and makes a configuration of a mixture or one error.
//
//===----------------------------------------------------------------------===//

#include "lib/Assembly/Adapter.h"
#include "lib/Assembly/MixtureConfig.h"

#include "llvm/Support/JSON.h"

#include <cmath>

using namespace fpmoe;
using namespace llvm;

static void check(bool condition) {
  if (!condition)
    __builtin_trap();
}

static void checkMessage(Error error) {
  std::string message = toString(std::move(error));
  check(StringRef(message).starts_with("file") && json::isUTF8(message));
}

static void checkAdapter(StringRef text) {
  Expected<AdapterConfig> config = parseAdapterConfig(text, "file");
  if (!config)
    return checkMessage(config.takeError());
  check(config->rank > 0 && std::isfinite(config->alpha));
  for (StringRef module : {"model.layers.1.self_attn.q_proj", "lm_head"}) {
    Expected<bool> isTarget = config->isTarget(module);
    if (!isTarget)
      consumeError(isTarget.takeError());
    Expected<double> scale = config->scaleOf(module);
    if (scale)
      check(std::isfinite(*scale));
    else
      consumeError(scale.takeError());
  }
}

static void checkRecipe(StringRef text) {
  Expected<MixtureRecipe> recipe = parseMixtureRecipe(text, "file");
  if (!recipe)
    return checkMessage(recipe.takeError());
  check(recipe->findPart(recipe->base));
  for (const PartSpec &part : recipe->parts)
    check(part.path.empty() != part.adapters.empty());
  for (const ExpertSpec &expert : recipe->experts)
    check(recipe->findPart(expert.part));
  for (const MergeInput &input : recipe->merge.inputs)
    check(recipe->findPart(input.part) && input.density > 0 &&
          input.density <= 1);
  if (recipe->layout == MixtureRecipe::Dense)
    return;
  json::Object dense{{"model_type", recipe->layout == MixtureRecipe::Qwen3Moe
                                        ? "qwen3"
                                        : "mistral"},
                     {"num_hidden_layers", 2},
                     {"hidden_size", 8},
                     {"vocab_size", 9},
                     {"num_attention_heads", 2},
                     {"intermediate_size", 8},
                     {"num_key_value_heads", 2},
                     {"rms_norm_eps", 1e-6},
                     {"max_position_embeddings", 8},
                     {"sliding_window", nullptr}};
  ModelConfig base;
  base.numLayers = 2;
  base.windows = {0, 4};
  Expected<json::Object> made = makeMixtureConfig(*recipe, dense, base, "file");
  if (!made)
    checkMessage(made.takeError());
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  StringRef text(reinterpret_cast<const char *>(data) + 1, size - 1);
  if (data[0] == 'a')
    checkAdapter(text);
  else
    checkRecipe(text);
  return 0;
}
