//===- MixtureConfigTest.cpp - tests of configurations of parts -*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Parts whose files say the same in other words, parts that differ, and fields
// whose defaults are others in a mixture.
//
//===----------------------------------------------------------------------===//

#include "lib/Assembly/MixtureConfig.h"
#include "lib/Checkpoint/Json.h"

#include "test/lib/Checkpoint/Support.h"

using namespace fpmoe;
using namespace fpmoe::test;
using namespace llvm;

static std::string dense(StringRef kind, StringRef fields) {
  StringRef name = kind == "mistral" ? "Mistral" : "Qwen2";
  return ("{\"architectures\": [\"" + name +
          "ForCausalLM\"], \"model_type\": \"" + kind +
          "\", \"vocab_size\": 9, \"hidden_size\": 8, "
          "\"num_hidden_layers\": 2, \"num_attention_heads\": 2, "
          "\"num_key_value_heads\": 1, \"intermediate_size\": 6" +
          fields + "}")
      .str();
}

static std::string compare(StringRef kind, StringRef part, StringRef base) {
  ModelConfig a = valueOf(parseConfig(dense(kind, part), "a.json"));
  ModelConfig b = valueOf(parseConfig(dense(kind, base), "b.json"));
  return message(compareConfigs(a, b));
}

TEST(MixtureConfig, FilesOfTwoVersionsMeanTheSame) {
  // As transformers 4 and 5 write it.
  EXPECT_EQ(
      compare("qwen2",
              ", \"rope_theta\": 1e6, \"sliding_window\": 32768, "
              "\"use_sliding_window\": false, \"max_window_layers\": 24, "
              "\"torch_dtype\": \"float32\"",
              ", \"rope_parameters\": {\"rope_theta\": 1000000, "
              "\"rope_type\": \"default\"}, \"sliding_window\": null, "
              "\"use_sliding_window\": false, \"layer_types\": "
              "[\"full_attention\", \"full_attention\"], \"head_dim\": 4"),
      "no error");
  EXPECT_EQ(compare("qwen2",
                    ", \"use_sliding_window\": true, \"sliding_window\": 5, "
                    "\"max_window_layers\": 1",
                    ", \"use_sliding_window\": true, \"sliding_window\": 5, "
                    "\"layer_types\": [\"full_attention\", "
                    "\"sliding_attention\"]"),
            "no error");
}

TEST(MixtureConfig, WhatOneFileLacksIsItsDefault) {
  EXPECT_EQ(compare("qwen2", "", ", \"rope_theta\": 10000.0"), "no error");
  EXPECT_EQ(compare("qwen2", "", ", \"rope_theta\": 1e6"),
            "has rope_theta 10000, the base has 1000000");
  EXPECT_EQ(compare("mistral", "", ", \"sliding_window\": 4096"), "no error");
  EXPECT_EQ(compare("mistral", ", \"sliding_window\": null", ""),
            "has the sliding window none of layer 0, the base has 4096 of "
            "layer 0");
  EXPECT_EQ(compare("qwen2", "", ", \"head_dim\": 6"),
            "has head_dim 4, the base has 6");
  EXPECT_EQ(compare("qwen2", "",
                    ", \"rope_scaling\": {\"rope_type\": \"linear\", "
                    "\"factor\": 2.0}"),
            "has another scaling of rotary embeddings (rope_parameters or "
            "rope_scaling) than the base");
}

TEST(MixtureConfig, DefaultsOfTheDenseModelStay) {
  MixtureRecipe recipe;
  recipe.layout = MixtureRecipe::Mixtral;
  recipe.experts.resize(2);
  recipe.experts[0].name.text = "a";
  recipe.experts[1].name.text = "b";
  std::string text = dense("mistral", ", \"head_dim\": null");
  json::Object made = valueOf(
      makeMixtureConfig(recipe, valueOf(parseJsonObject(text, "a.json")),
                        valueOf(parseConfig(text, "a.json")), "a.json"));
  // Mixtral's is 10^6, and it has no window.
  EXPECT_EQ(made.getNumber("rope_theta"), 10000);
  EXPECT_EQ(made.getInteger("sliding_window"), 4096);
  EXPECT_EQ(made.getInteger("head_dim"), 4);
  EXPECT_EQ(made.getInteger("max_position_embeddings"), 131072);
}
