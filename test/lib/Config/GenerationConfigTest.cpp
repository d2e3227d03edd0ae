//===- GenerationConfigTest.cpp - tests of sampling defaults ----*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// generation_config.json with every key, without any, and with bad values.
//
//===----------------------------------------------------------------------===//

#include "lib/Config/Config.h"

#include "test/lib/Checkpoint/Support.h"

#include <limits>

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
  EXPECT_EQ(config->repetitionPenalty, 1.1);
  EXPECT_TRUE(config->warnings.empty());
}

TEST(GenerationConfig, ReadsWhatChangesLogits) {
  GenerationConfig config = valueOf(parseGenerationConfig(
      R"({"min_p": 0.1, "no_repeat_ngram_size": 3, "min_length": 4,
          "max_length": 90, "forced_bos_token_id": 5,
          "forced_eos_token_id": [6, 7], "suppress_tokens": [8],
          "begin_suppress_tokens": [9, 10],
          "bad_words_ids": [[7], [1, 2], [11]],
          "sequence_bias": [[[3], 1.5], [[4, 5], -2], [[3], 2.5]],
          "stop_strings": ["a", "b"]})",
      "g.json", makeModel({7})));
  EXPECT_EQ(config.minP, 0.1);
  EXPECT_EQ(config.noRepeatNgram, 3);
  EXPECT_EQ(config.minLength, 4);
  EXPECT_EQ(config.minNewTokens, 0);
  EXPECT_EQ(config.maxLength, 90);
  EXPECT_EQ(config.maxNewTokens, 0);
  EXPECT_EQ(config.forcedBos, 5);
  EXPECT_EQ(config.forcedEos, Ints({6, 7}));
  EXPECT_EQ(config.suppressed, Ints({8}));
  EXPECT_EQ(config.beginSuppressed, Ints({9, 10}));
  // The end of a text is no bad word, and the last bias of a sequence holds.
  double banned = -std::numeric_limits<double>::infinity();
  std::vector<std::pair<Ints, double>> biases = {
      {{3}, 2.5}, {{4, 5}, -2}, {{1, 2}, banned}, {{11}, banned}};
  EXPECT_EQ(config.sequenceBiases, biases);
  EXPECT_EQ(config.stopStrings, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(config.warnings.empty());

  // One of two ways to say the same.
  config = valueOf(parseGenerationConfig(
      R"({"min_length": 4, "min_new_tokens": 2, "max_new_tokens": 8})",
      "g.json", makeModel({})));
  EXPECT_EQ(config.minLength, 0);
  EXPECT_EQ(config.minNewTokens, 2);
  EXPECT_EQ(config.maxNewTokens, 8);
}

TEST(GenerationConfig, SamplingDrawsAmong50) {
  ModelConfig model = makeModel({});
  for (StringRef json :
       {"{\"do_sample\":true}", "{\"do_sample\":true,\"top_k\":null}"})
    EXPECT_EQ(valueOf(parseGenerationConfig(json, "g.json", model)).topK, 50);
  EXPECT_EQ(valueOf(parseGenerationConfig("{\"do_sample\":true,\"top_k\":0}",
                                          "g.json", model))
                .topK,
            0);
}

TEST(GenerationConfig, NamesWhatIsNotFollowed) {
  ModelConfig model = makeModel({});
  auto warnings = [&](StringRef json) {
    return valueOf(parseGenerationConfig(json, "g.json", model)).warnings;
  };
  using Texts = std::vector<std::string>;
  std::string rest = ", which programs do not follow: their text can differ "
                     "from that of transformers";
  EXPECT_EQ(
      warnings(R"({"num_beams": 4, "typical_p": 0.9, "max_time": 2})"),
      Texts({"g.json: num_beams is 4" + rest, "g.json: typical_p is 0.9" + rest,
             "g.json: max_time is 2" + rest}));
  EXPECT_EQ(
      warnings(R"({"exponential_decay_length_penalty": [5, 1.5]})"),
      Texts({"g.json: exponential_decay_length_penalty is [5,1.5]" + rest}));
  EXPECT_EQ(warnings(R"({"b\u001b": 1, "a": "x", "_c": 1, "d": null})"),
            Texts({"g.json: a is \"x\", a field that is unknown and not "
                   "followed",
                   "g.json: b\\x1b is 1, a field that is unknown and not "
                   "followed"}));
  // Values that change nothing.
  EXPECT_EQ(warnings(R"({"num_beams": 1, "typical_p": 1, "guidance_scale": 1.0,
                         "penalty_alpha": 0.0, "token_healing": false,
                         "watermarking_config": null, "length_penalty": 2,
                         "use_cache": true, "pad_token_id": 0})"),
            Texts());
}

TEST(GenerationConfig, FieldsOfConfigJson) {
  TemporaryDirectory directory;
  ModelConfig model = makeModel({7});
  directory.write("config.json",
                  R"({"eos_token_id": 5, "hidden_size": 8, "max_length": 20,
                      "repetition_penalty": 1.2, "num_beams": 4})");
  GenerationConfig config =
      valueOf(readGenerationConfig(directory.str(), model));
  EXPECT_EQ(config.eosTokens, Ints{7}); // as the model's reader has it
  EXPECT_EQ(config.repetitionPenalty, 1.2);
  EXPECT_EQ(config.maxLength, 0);
  ASSERT_EQ(config.warnings.size(), 1u);
  EXPECT_TRUE(StringRef(config.warnings[0])
                  .contains("/config.json: num_beams is 4, which programs"));

  directory.write("generation_config.json", R"({"temperature": 0.5})");
  config = valueOf(readGenerationConfig(directory.str(), model));
  EXPECT_EQ(config.temperature, 0.5);
  EXPECT_EQ(config.repetitionPenalty, 1);
  ASSERT_EQ(config.warnings.size(), 2u);
  EXPECT_TRUE(StringRef(config.warnings[0])
                  .contains("/config.json: repetition_penalty is 1.2, which is "
                            "not followed, since there is a "
                            "generation_config.json"));
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
  EXPECT_EQ(fault("\"repetition_penalty\":0"),
            "g.json: repetition_penalty is 0, it must be a number between 0.01 "
            "and 100");
  EXPECT_EQ(fault("\"min_new_tokens\":-1"),
            "g.json: min_new_tokens is -1, it must be between 0 and "
            "2147483648");
  EXPECT_EQ(fault("\"bad_words_ids\":[[1],[]]"),
            "g.json: bad_words_ids is [], it must be made of arrays of 1 to "
            "1024 ids");
  EXPECT_EQ(fault("\"bad_words_ids\":[[1,100]]"),
            "g.json: bad_words_ids is 100, it must be an id of the "
            "vocabulary, between 0 and 99");
  EXPECT_EQ(fault("\"sequence_bias\":[[[1],\"2\"]]"),
            "g.json: sequence_bias is [[1],\"2\"], it must be made of pairs of "
            "ids and a number between -1e6 and 1e6");
  EXPECT_EQ(fault("\"suppress_tokens\":[-1]"),
            "g.json: suppress_tokens is -1, it must be an id of the "
            "vocabulary, between 0 and 99");
  EXPECT_EQ(fault("\"stop_strings\":[\"a\",\"\"]"),
            "g.json: stop_strings is \"\", it must be a text of 1 to 1024 "
            "bytes without a zero byte");
  EXPECT_EQ(fault("\"top_k\":-1"),
            "g.json: top_k is -1, it must be between 0 and 16777216");
}
