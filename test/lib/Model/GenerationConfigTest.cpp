//===- GenerationConfigTest.cpp - tests of sampling defaults ----*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// generation_config.json with every key, without any, and with bad values.
//
//===----------------------------------------------------------------------===//

#include "lib/Model/Config.h"

#include "test/lib/Model/Support.h"

using namespace fpmoe;
using namespace fpmoe::test;
using namespace llvm;

using Ints = std::vector<int64_t>;

static ModelConfig makeModel(Ints eosTokens) {
  ModelConfig model;
  model.vocabSize = 100;
  model.eosTokens = std::move(eosTokens);
  return model;
}

TEST(GenerationConfig, ReadsEveryKey) {
  auto config =
      parseGenerationConfig("{\"eos_token_id\":[1,2],\"do_sample\":true,"
                            "\"temperature\":0.7,\"top_p\":"
                            "0.8,\"top_k\":20,\"repetition_penalty\":1.1}",
                            "g.json", makeModel({7}));
  ASSERT_TRUE(bool(config)) << toString(config.takeError());
  EXPECT_EQ(config->eosTokens, Ints({1, 2}));
  EXPECT_TRUE(config->doSample);
  EXPECT_EQ(config->temperature, 0.7);
  EXPECT_EQ(config->topP, 0.8);
  EXPECT_EQ(config->topK, 20);
}

TEST(GenerationConfig, MissingKeysAndFile) {
  TemporaryDirectory directory;
  ModelConfig model = makeModel({7});
  for (const GenerationConfig &config :
       {valueOf(parseGenerationConfig("{\"top_k\":null}", "g.json", model)),
        valueOf(readGenerationConfig(directory.str(), model))}) {
    EXPECT_EQ(config.eosTokens, Ints{7});
    EXPECT_FALSE(config.doSample);
    EXPECT_FALSE(config.temperature || config.topP || config.topK);
  }
}

TEST(GenerationConfig, WrongValues) {
  ModelConfig model = makeModel({});
  auto fault = [&](StringRef member) {
    return message(
        parseGenerationConfig(("{" + member + "}").str(), "g.json", model));
  };
  EXPECT_EQ(fault("\"eos_token_id\":100"),
            "g.json: eos_token_id is 100, it must be an id of the vocabulary, "
            "between 0 and 99");
  EXPECT_EQ(fault("\"do_sample\":1"),
            "g.json: do_sample is 1, it must be true or false");
  EXPECT_EQ(fault("\"temperature\":-1"),
            "g.json: temperature is -1, it must be a number between 0 and 100");
  EXPECT_EQ(fault("\"top_p\":1.5"),
            "g.json: top_p is 1.5, it must be a number between 1e-06 and 1");
  EXPECT_EQ(fault("\"top_k\":-1"),
            "g.json: top_k is -1, it must be between 0 and 16777216");
}
