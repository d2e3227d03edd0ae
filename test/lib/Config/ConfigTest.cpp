//===- ConfigTest.cpp - tests of the reader of config.json ------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A small configuration is changed in one field per test.
//
//===----------------------------------------------------------------------===//

#include "lib/Config/Architectures.h"
#include "test/lib/Config/ConfigSupport.h"

using namespace fpmoe;
using namespace fpmoe::test;
using namespace llvm;

TEST(Config, ReadsSizes) {
  ModelConfig config = valid("\"rms_norm_eps\":1e-5,\"norm_topk_prob\":true,"
                             "\"tie_word_embeddings\":true,\"qkv_bias\":false,"
                             "\"max_position_embeddings\":512,\"head_dim\":10");
  EXPECT_EQ(config.architecture, "Qwen2MoeForCausalLM");
  EXPECT_EQ(config.vocabSize, 100);
  EXPECT_EQ(config.hiddenSize, 48);
  EXPECT_EQ(config.numLayers, 4);
  EXPECT_EQ(config.numHeads, 6);
  EXPECT_EQ(config.numKeyValueHeads, 2);
  EXPECT_EQ(config.headDim, 10);
  EXPECT_EQ(config.maxPositions, 512);
  EXPECT_EQ(config.numExperts, 3);
  EXPECT_EQ(config.topK, 2);
  EXPECT_EQ(config.moeIntermediateSize, 40);
  EXPECT_EQ(config.sharedExpertIntermediateSize, 56);
  EXPECT_EQ(config.intermediateSize, 72);
  EXPECT_EQ(config.rmsNormEps, 1e-5);
  EXPECT_TRUE(config.normTopKProb);
  EXPECT_TRUE(config.tieWordEmbeddings);
  EXPECT_FALSE(config.qkvBias);
}

TEST(Config, DefaultsOfTransformers) {
  Expected<ModelConfig> config = parseConfig(
      "{\"architectures\":[\"Qwen2MoeForCausalLM\"]}", "config.json");
  ASSERT_TRUE(bool(config)) << toString(config.takeError());
  EXPECT_EQ(config->vocabSize, 151936);
  EXPECT_EQ(config->hiddenSize, 2048);
  EXPECT_EQ(config->intermediateSize, 5632);
  EXPECT_EQ(config->numLayers, 24);
  EXPECT_EQ(config->numHeads, 16);
  EXPECT_EQ(config->numKeyValueHeads, 16);
  EXPECT_EQ(config->headDim, 128);
  EXPECT_EQ(config->maxPositions, 32768);
  EXPECT_EQ(config->rmsNormEps, 1e-6);
  EXPECT_EQ(config->ropeTheta, 10000);
  EXPECT_FALSE(config->tieWordEmbeddings);
  EXPECT_EQ(config->moeIntermediateSize, 1408);
  EXPECT_EQ(config->sharedExpertIntermediateSize, 5632);
  EXPECT_EQ(config->topK, 4);
  EXPECT_EQ(config->numExperts, 60);
  EXPECT_FALSE(config->normTopKProb);
  EXPECT_TRUE(config->qkvBias);
  EXPECT_EQ(config->sparseLayers, Bools(24, true));
  EXPECT_EQ(config->windows, Ints(24, 0));
  EXPECT_TRUE(config->eosTokens.empty());
}

TEST(Config, CountsParameters) {
  // Per layer: q, k, v, o with biases; two norms; router, 3 experts, the
  // shared expert and its gate. Then the last norm and two embeddings.
  int64_t attention = 48 * 48 * 2 + 48 * 16 * 2 + 48 + 2 * 16 + 2 * 48;
  int64_t sparse = 3 * 48 + 3 * (3 * 48 * 40) + 3 * 48 * 56 + 48;
  int64_t dense = 3 * 48 * 72;
  EXPECT_EQ(valid("").parameterCount(),
            4 * (attention + sparse) + 48 + 2 * 48 * 100);
  EXPECT_EQ(valid("\"mlp_only_layers\":[1],\"tie_word_embeddings\":true")
                .parameterCount(),
            4 * attention + 3 * sparse + dense + 48 + 48 * 100);
}

TEST(Config, ReadsTheBenchmarks) {
  for (StringRef name : {"fpmoe-5B", "fpmoe-0.5B"}) {
    Expected<ModelConfig> config =
        readConfig((FPMOE_SOURCE_DIR "/test/bench/" + name).str());
    ASSERT_TRUE(bool(config)) << toString(config.takeError());
    EXPECT_EQ(config->numExperts, 3);
  }
}

//===----------------------------------------------------------------------===//
// Single fields
//===----------------------------------------------------------------------===//

TEST(Config, IntegersOutOfRange) {
  struct {
    const char *key;
    const char *range;
  } fields[] = {
      {"vocab_size", "1 and 4194304"},
      {"hidden_size", "1 and 65536"},
      {"num_hidden_layers", "1 and 4096"},
      {"num_attention_heads", "1 and 1024"},
      {"num_key_value_heads", "1 and 1024"},
      {"max_position_embeddings", "1 and 16777216"},
      {"intermediate_size", "1 and 1048576"},
      {"moe_intermediate_size", "1 and 1048576"},
      {"shared_expert_intermediate_size", "0 and 1048576"},
      {"num_experts", "1 and 4096"},
      {"num_experts_per_tok", "1 and 64"},
      {"decoder_sparse_step", "1 and 16777216"},
      {"max_window_layers", "0 and 16777216"},
      {"head_dim", "1 and 1024"},
  };
  for (auto [key, range] : fields) {
    auto with = [&, name = key](StringRef value) {
      return fault(("\"" + Twine(name) + "\":" + value).str());
    };
    std::string name = key, rule = std::string("between ") + range;
    EXPECT_EQ(with("-3"), name + " is -3, it must be " + rule);
    EXPECT_EQ(with("16777217"), name + " is 16777217, it must be " + rule);
    if (range[0] == '1') {
      EXPECT_EQ(with("0"), name + " is 0, it must be " + rule);
    }
    rule = "a whole number " + rule;
    EXPECT_EQ(with("2.5"), name + " is 2.5, it must be " + rule);
    EXPECT_EQ(with("\"2\""), name + " is \"2\", it must be " + rule);
    EXPECT_EQ(with("[2]"), name + " is [2], it must be " + rule);
    EXPECT_EQ(with("true"), name + " is true, it must be " + rule);
    // As without the field.
    if (name != "head_dim" && name != "num_key_value_heads") {
      EXPECT_EQ(with("null"), name + " is null, it must be " + rule);
    }
  }
}

TEST(Config, HugeInteger) {
  EXPECT_EQ(
      message(parseConfig("{\"hidden_size\":1" + std::string(30, '0') + "}",
                          "config.json")),
      "config.json:1:16: the number 1" + std::string(30, '0') +
          " is beyond 2^53 and not exact in JSON");
}

TEST(Config, BooleansOfAnotherType) {
  for (std::string key : {"qkv_bias", "tie_word_embeddings", "norm_topk_prob",
                          "use_sliding_window"})
    EXPECT_EQ(fault("\"" + key + "\":1"),
              key + " is 1, it must be true or false");
}

TEST(Config, NumbersOutOfRange) {
  EXPECT_EQ(fault("\"rms_norm_eps\":0"),
            "rms_norm_eps is 0, it must be a number between 1e-20 and 1");
  EXPECT_EQ(
      fault("\"rms_norm_eps\":\"1e-6\""),
      "rms_norm_eps is \"1e-6\", it must be a number between 1e-20 and 1");
  EXPECT_EQ(fault("\"rope_theta\":-1e4"), "rope_theta is -10000, it must be a "
                                          "number between 1 and 1e+12");
}

TEST(Config, Activation) {
  EXPECT_EQ(fault("\"hidden_act\":\"gelu\""),
            "hidden_act is \"gelu\", it must be \"silu\"");
  EXPECT_EQ(fault("\"hidden_act\":null"),
            "hidden_act is null, it must be \"silu\"");
}

TEST(Config, LongValueIsCut) {
  EXPECT_EQ(fault("\"hidden_act\":\"" + std::string(1000, 'x') + "\""),
            "hidden_act is \"" + std::string(79, 'x') +
                "..., it must be \"silu\"");
}

TEST(Config, Architecture) {
  EXPECT_EQ(message(parseConfig("{}", "config.json")),
            "config.json: has no 'architectures'; supported are " +
                listArchitectures());
  EXPECT_EQ(fault("\"architectures\":[\"GPT2LMHeadModel\"]"),
            "the architecture 'GPT2LMHeadModel' is not supported; supported "
            "are LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, "
            "Qwen3ForCausalLM, MixtralForCausalLM, Qwen2MoeForCausalLM, "
            "MultiPLMoeForCausalLM, Qwen3MoeForCausalLM, OlmoeForCausalLM, "
            "GraniteMoeForCausalLM, "
            "GraniteMoeSharedForCausalLM, DeepseekV2ForCausalLM");
  EXPECT_EQ(fault("\"architectures\":[]"),
            "architectures is [], it must be an array of one name");
  EXPECT_EQ(fault("\"model_type\":\"mixtral\""),
            "model_type is \"mixtral\", it must be \"qwen2_moe\" for "
            "Qwen2MoeForCausalLM");
}

/// The message for a configuration of MultiPL-MoE with `more` members.
static Expected<ModelConfig> parseTwoLevels(StringRef more) {
  return parseConfig(
      ("{\"architectures\":[\"MultiPLMoeForCausalLM\"],\"hidden_size\":48,"
       "\"num_attention_heads\":6,\"num_key_value_heads\":2" +
       more + "}")
          .str(),
      "config.json");
}

TEST(Config, TwoLevels) {
  ModelConfig config = valueOf(
      parseTwoLevels(",\"model_type\":\"multipl_moe\",\"num_token_experts\":4,"
                     "\"num_segment_experts\":5,\"segment_length\":32,"
                     "\"segment_capacity\":1.5,\"max_experts_per_segment\":3,"
                     "\"token_weight\":0.6,\"segment_weight\":0.4,"
                     "\"num_experts_per_tok\":2"));
  ASSERT_TRUE(config.twoLevels);
  EXPECT_EQ(config.numExperts, 9);
  EXPECT_EQ(config.topK, 2);
  EXPECT_EQ(config.twoLevels->segment, 32);
  EXPECT_EQ(config.twoLevels->capacity, 1.5);
  EXPECT_EQ(config.expertNames,
            (Strings{"token0", "token1", "token2", "shared", "segment0",
                     "segment1", "segment2", "segment3", "segment4"}));
  config = valueOf(
      parseTwoLevels(",\"num_token_experts\":2,\"num_segment_experts\":1,"
                     "\"max_experts_per_segment\":1,"
                     "\"fpmoe\":{\"expert_names\":[\"a\",\"shared\",\"a\"]}"));
  EXPECT_EQ(config.expertNames, (Strings{"a", "shared", "a"}));
  config = valueOf(parseTwoLevels(""));
  EXPECT_EQ(config.numExperts, 12);
  EXPECT_EQ(config.topK, 1);
  EXPECT_EQ(config.twoLevels->segment, 64);
}

TEST(Config, TwoLevelsOutOfRange) {
  auto twoLevelFault = [](StringRef more) {
    return message(parseTwoLevels(more));
  };
  EXPECT_EQ(twoLevelFault(",\"segment_length\":1"),
            "config.json: segment_length is 1, it must be between 2 and 65536");
  EXPECT_EQ(twoLevelFault(",\"num_experts_per_tok\":6"),
            "config.json: num_experts_per_tok is 6, it must be less than "
            "num_token_experts, which is 6");
  EXPECT_EQ(twoLevelFault(",\"max_experts_per_segment\":7"),
            "config.json: max_experts_per_segment is 7, it must be at most "
            "num_segment_experts, which is 6");
  EXPECT_EQ(
      twoLevelFault(",\"num_token_experts\":2,\"num_segment_experts\":2,"
                    "\"max_experts_per_segment\":1,\"fpmoe\":{"
                    "\"expert_names\":[\"a\",\"b\",\"c\",\"c\"]}"),
      "config.json: fpmoe.expert_names: the expert name 'c' occurs twice");
  // Fields of the one architecture are unknown to the other.
  EXPECT_EQ(twoLevelFault(",\"num_experts\":6"),
            "config.json: num_experts is 6, it must be false, null, 0 or empty "
            "for MultiPLMoeForCausalLM");
  EXPECT_EQ(fault("\"segment_length\":8"), "segment_length is 8, but "
                                           "Qwen2MoeForCausalLM has no such "
                                           "field");
}

//===----------------------------------------------------------------------===//
// Heads
//===----------------------------------------------------------------------===//
TEST(Config, HeadDim) {
  EXPECT_EQ(valid("").headDim, 8);
  EXPECT_EQ(valid("\"head_dim\":null").headDim, 8);
  EXPECT_EQ(valid("\"head_dim\":16").headDim, 16);
  EXPECT_EQ(fault("\"hidden_size\":50"),
            "hidden_size is 50, it must be a multiple of num_attention_heads, "
            "which is 6");
  EXPECT_EQ(fault("\"head_dim\":7"),
            "head_dim is 7, rotary embeddings need an even one");
  EXPECT_EQ(fault("\"hidden_size\":65536,\"num_attention_heads\":32,"
                  "\"num_key_value_heads\":1"),
            "hidden_size over num_attention_heads makes heads of 2048, they "
            "must be at most 1024");
}

TEST(Config, HeadsPerKeyValueHead) {
  EXPECT_EQ(fault("\"num_key_value_heads\":4"),
            "num_attention_heads is 6, it must be a multiple of "
            "num_key_value_heads, which is 4");
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

TEST(Config, SparseLayers) {
  EXPECT_EQ(valid("").sparseLayers, Bools({true, true, true, true}));
  EXPECT_EQ(valid("\"decoder_sparse_step\":2").sparseLayers,
            Bools({false, true, false, true}));
  EXPECT_EQ(
      valid("\"decoder_sparse_step\":2,\"mlp_only_layers\":[0,3]").sparseLayers,
      Bools({false, true, false, false}));
  EXPECT_EQ(valid("\"mlp_only_layers\":null").sparseLayers, Bools(4, true));
}

TEST(Config, DenseLayerOutOfRange) {
  for (const char *layer : {"4", "-1", "1.5", "\"1\""})
    EXPECT_EQ(fault(std::string("\"mlp_only_layers\":[0,") + layer + "]"),
              std::string("an element of mlp_only_layers is ") + layer +
                  ", it must be a layer between 0 and 3");
  EXPECT_EQ(fault("\"mlp_only_layers\":1"),
            "mlp_only_layers is 1, it must be an array of layers");
}

TEST(Config, SlidingWindow) {
  EXPECT_EQ(valid("\"sliding_window\":8").windows, Ints(4, 0));
  EXPECT_EQ(valid("\"sliding_window\":null").windows, Ints(4, 0));
  // Every other layer of the first max_window_layers.
  EXPECT_EQ(valid("\"use_sliding_window\":true,\"sliding_window\":8").windows,
            Ints({8, 0, 8, 0}));
  EXPECT_EQ(
      valid("\"use_sliding_window\":true,\"max_window_layers\":2").windows,
      Ints({4096, 0, 0, 0}));
  ModelConfig config =
      valid("\"use_sliding_window\":true,\"sliding_window\":8,\"layer_types\":["
            "\"full_attention\",\"sliding_attention\",\"sliding_attention\","
            "\"full_attention\"]");
  EXPECT_EQ(config.window(0), std::nullopt);
  EXPECT_EQ(config.window(1), 8);
  EXPECT_EQ(config.windows, Ints({0, 8, 8, 0}));
}

TEST(Config, BadSlidingWindow) {
  EXPECT_EQ(fault("\"use_sliding_window\":true,\"sliding_window\":0"),
            "sliding_window is 0, it must be between 1 and 2147483648");
  EXPECT_EQ(fault("\"use_sliding_window\":true,\"sliding_window\":null"),
            "sliding_window is null, it must be a whole number between 1 and "
            "2147483648");
}

TEST(Config, LayerTypes) {
  EXPECT_EQ(fault("\"layer_types\":[\"full_attention\"]"),
            "layer_types is [\"full_attention\"], it must be an array of one "
            "type per layer, of which there are 4");
  EXPECT_EQ(fault("\"num_hidden_layers\":1,\"layer_types\":[\"chunked\"]"),
            "an element of layer_types is \"chunked\", it must be "
            "\"full_attention\" or \"sliding_attention\"");
  EXPECT_EQ(
      fault("\"num_hidden_layers\":1,\"layer_types\":[\"sliding_attention\"]"),
      "layer_types has \"sliding_attention\" for layer 0, but "
      "use_sliding_window is false");
}

//===----------------------------------------------------------------------===//
// Experts, tokens, totals
//===----------------------------------------------------------------------===//

TEST(Config, MoreChosenThanThereAre) {
  EXPECT_EQ(fault("\"num_experts_per_tok\":4"),
            "num_experts_per_tok is 4, it must be at most num_experts, which "
            "is 3");
}

TEST(Config, ExpertNames) {
  EXPECT_EQ(valid("").expertNames, Strings({"expert0", "expert1", "expert2"}));
  std::string own = "\"fpmoe\":{\"expert_names\":[\"a\",\"b\",\"c\"]}";
  EXPECT_EQ(valid(own).expertNames, Strings({"a", "b", "c"}));
  FileOptions options;
  options.expertNames = {"x", "y", "z"};
  EXPECT_EQ(valid(own, options).expertNames, Strings({"x", "y", "z"}));
}

TEST(Config, BadExpertNames) {
  auto names = [](StringRef list) {
    return fault(("\"fpmoe\":{\"expert_names\":" + list + "}").str());
  };
  EXPECT_EQ(names("[\"a\",\"b\"]"),
            "num_experts is 3, but fpmoe.expert_names has 2");
  EXPECT_EQ(names("[\"a\",\"b\",\"a\"]"),
            "fpmoe.expert_names: the expert name 'a' occurs twice");
  EXPECT_EQ(names("[\"a\",\"b\",\"\"]"),
            "fpmoe.expert_names: an expert has an empty name");
  EXPECT_EQ(names("[\"a\",\"b\",\"c/d\"]"),
            "fpmoe.expert_names: the expert name 'c/d' has a character outside "
            "[A-Za-z0-9_.+#-]");
  EXPECT_EQ(names("[1]"),
            "an element of fpmoe.expert_names is 1, it must be a string");
  EXPECT_EQ(names("{}"),
            "fpmoe.expert_names is {}, it must be an array of strings");
  EXPECT_EQ(fault("\"fpmoe\":[]"), "fpmoe is [], it must be an object");
  EXPECT_EQ(fault("\"fpmoe\":{\"names\":[]}"),
            "fpmoe has the unknown field 'names', known is 'expert_names'");
  FileOptions options;
  options.expertNames = {"x", "y", "x"};
  EXPECT_EQ(fault("", options),
            "fpmoe.toml: names: the expert name 'x' occurs twice");
  options.expertNames = {"x"};
  EXPECT_EQ(fault("", options),
            "num_experts is 3, but fpmoe.toml: names has 1");
}

TEST(Config, EndTokens) {
  EXPECT_EQ(valid("\"eos_token_id\":7").eosTokens, Ints{7});
  EXPECT_EQ(valid("\"eos_token_id\":[7,99,7]").eosTokens, Ints({7, 99}));
  EXPECT_TRUE(valid("\"eos_token_id\":null").eosTokens.empty());
  for (const char *id : {"100", "-1", "1.5", "\"7\"", "null"})
    EXPECT_EQ(fault(std::string("\"eos_token_id\":[") + id + "]"),
              std::string("eos_token_id is ") + id +
                  ", it must be an id of the vocabulary, between 0 and 99");
}

TEST(Config, TooManyWeights) {
  EXPECT_EQ(fault("\"hidden_size\":65536,\"head_dim\":8,"
                  "\"moe_intermediate_size\":1048576,\"num_experts\":4096,"
                  "\"num_hidden_layers\":4096"),
            "the sizes make more than 2^50 weights");
}

TEST(Config, TooLargeACache) {
  EXPECT_EQ(fault("\"num_attention_heads\":16,\"num_key_value_heads\":16,"
                  "\"head_dim\":1024,"
                  "\"num_hidden_layers\":4096,"
                  "\"max_position_embeddings\":16777216"),
            "max_position_embeddings of 16777216 makes a key and value cache "
            "of more than 2^50 numbers");
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

TEST(Config, ReadsDirectoryWithOptions) {
  TemporaryDirectory directory;
  directory.write("config.json", text("\"odd\":1"));
  directory.write("fpmoe.toml", "ignore_config = [\"odd\"]\n[experts]\n"
                                "names = [\"x\", \"y\", \"z\"]\n");
  for (std::string path : {directory.str(), directory / "config.json"}) {
    Expected<ModelConfig> config = readConfig(path);
    ASSERT_TRUE(bool(config)) << toString(config.takeError());
    EXPECT_EQ(config->expertNames, Strings({"x", "y", "z"}));
  }
}

TEST(Config, MissingFile) {
  TemporaryDirectory directory;
  EXPECT_EQ(message(readConfig(directory.str())),
            directory.str() + ": has no config.json");
  EXPECT_EQ(message(readConfig(directory / "c.json")),
            directory / "c.json" +
                ": cannot be opened: No such file or directory");
}

TEST(Config, FileAboveTheLimit) {
  TemporaryDirectory directory;
  directory.write("config.json", std::string((1 << 20) + 1, ' '));
  EXPECT_EQ(message(readConfig(directory.str())),
            directory / "config.json" +
                ": is 1048577 bytes long, the limit is 1048576");
}
