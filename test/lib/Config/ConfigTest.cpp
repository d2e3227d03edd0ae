//===- ConfigTest.cpp - tests of the reader of config.json ------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A small configuration is changed in one field per test.
//
//===----------------------------------------------------------------------===//

#include "lib/Config/Architectures.h"

#include "test/lib/Checkpoint/Support.h"

#include <cmath>

using namespace fpmoe;
using namespace fpmoe::test;
using namespace llvm;

using Ints = std::vector<int64_t>;
using Bools = std::vector<bool>;
using Strings = std::vector<std::string>;

/// A configuration of 4 layers with `more` members, which win.
static std::string text(StringRef more) {
  std::string result = "{";
  auto add = [&](StringRef key, StringRef value) {
    if (!more.contains(("\"" + key + "\":").str()))
      result += ("\"" + key + "\":" + value + ",").str();
  };
  add("architectures", "[\"Qwen2MoeForCausalLM\"]");
  add("vocab_size", "100");
  add("hidden_size", "48");
  add("num_hidden_layers", "4");
  add("num_attention_heads", "6");
  add("num_key_value_heads", "2");
  add("num_experts", "3");
  add("num_experts_per_tok", "2");
  add("moe_intermediate_size", "40");
  add("shared_expert_intermediate_size", "56");
  add("intermediate_size", "72");
  result += more.empty() ? "\"hidden_act\":\"silu\"" : more.str();
  return result + "}";
}

static Expected<ModelConfig> parse(StringRef more,
                                   const FileOptions &options = {}) {
  return parseConfig(text(more), "config.json", options);
}

static ModelConfig valid(StringRef more, const FileOptions &options = {}) {
  return valueOf(parse(more, options));
}

/// The message without its file name.
static std::string fault(StringRef more, const FileOptions &options = {}) {
  std::string result = message(parse(more, options));
  StringRef rest = result;
  return rest.consume_front("config.json: ") ? rest.str() : "?? " + result;
}

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

TEST(Config, UnknownFieldIsRefusedByName) {
  EXPECT_EQ(fault("\"qk_norm\":true"),
            "the field 'qk_norm' is unknown and could change the result; if it "
            "does not, write at the top of an fpmoe.toml beside it: "
            "ignore_config = [\"qk_norm\"]");
}

TEST(Config, AllFieldsThatAreRefusedAreNamedAtOnce) {
  FileOptions options;
  options.ignoreConfig = {"note"};
  EXPECT_EQ(fault("\"note\":1,\"qk_norm\":true,\"alibi\":true,"
                  "\"mlp_bias\":true,\"clip_qkv\":6,\"n_group\":2,"
                  "\"quantization_config\":{\"bits\":4}",
                  options),
            "clip_qkv is 6, it must be false, null, 0 or empty for "
            "Qwen2MoeForCausalLM; mlp_bias is true, it must be false; n_group "
            "is 2, but Qwen2MoeForCausalLM has no such field; "
            "quantization_config says that the weights are quantised; of "
            "quantised weights only those of GGUF files are supported; the "
            "fields 'alibi', 'qk_norm' are unknown and could change the "
            "result; if they do not, write at the top of an fpmoe.toml beside "
            "it: ignore_config = [\"note\", \"alibi\", \"qk_norm\"]");
  // The advice works.
  options.ignoreConfig = {"note", "alibi", "qk_norm"};
  valid("\"note\":1,\"qk_norm\":true,\"alibi\":true", options);
}

/// The message for a dense Llama with `more` members.
static std::string llamaFault(StringRef more) {
  return message(parseConfig(
      ("{\"architectures\":[\"LlamaForCausalLM\"]," + more + "}").str(),
      "config.json"));
}

TEST(Config, FieldsThatSayWhatIs) {
  // Of the architecture's own fields, and of others.
  valid("\"expert_gating_func\":\"softmax\",\"loss_type\":\"ForCausalLM\","
        "\"unsloth_version\":\"2025.3\",\"unsloth_fixed\":true,"
        "\"use_qk_norm\":false,\"attention_bias\":true,\"clip_qkv\":null,"
        "\"use_mrope\":false,\"n_group\":1,\"topk_group\":1,"
        "\"routed_scaling_factor\":1.0,\"q_lora_rank\":null,\"ep_size\":1,"
        "\"residual_multiplier\":1,\"first_k_dense_replace\":0,"
        "\"hidden_act\":\"swish\",\"rope_interleaved\":false");
  EXPECT_EQ(llamaFault("\"qkv_bias\":false,\"num_experts\":0,"
                       "\"shared_expert_intermediate_size\":0,"
                       "\"moe_intermediate_size\":null,"
                       "\"use_sliding_window\":false,\"sliding_window\":null,"
                       "\"max_window_layers\":28,"
                       "\"layer_types\":[\"full_attention\"],"
                       "\"norm_topk_prob\":false,\"mlp_only_layers\":[]"),
            "no error");
  for (auto [field, rule] : std::vector<std::pair<std::string, std::string>>{
           {"\"qkv_bias\":true",
            "qkv_bias is true, but LlamaForCausalLM has no "
            "such field"},
           {"\"use_qk_norm\":true", "use_qk_norm is true, but LlamaForCausalLM "
                                    "has no such field"},
           {"\"num_experts\":8", "num_experts is 8, it must be false, null, 0 "
                                 "or empty for LlamaForCausalLM"},
           {"\"sliding_window\":4096",
            "sliding_window is 4096, it must be false, null, 0 or empty for "
            "LlamaForCausalLM"},
           {"\"layer_types\":[\"sliding_attention\"]",
            "layer_types is [\"sliding_attention\"], but LlamaForCausalLM has "
            "no such field"},
           {"\"expert_gating_func\":\"sigmoid\"",
            "expert_gating_func is \"sigmoid\", it must be \"softmax\""},
           {"\"rope_interleaved\":true",
            "rope_interleaved is true, it must be false"}})
    EXPECT_EQ(llamaFault(field), "config.json: " + rule);
}

TEST(Config, NoSharedExpert) {
  ModelConfig config = valid("\"shared_expert_intermediate_size\":0");
  EXPECT_EQ(config.sharedExpertIntermediateSize, 0);
}

TEST(Config, TypesOfWeights) {
  for (const char *type : {"\"float16\"", "\"bfloat16\"", "\"torch.float32\"",
                           "\"float64\"", "\"auto\"", "null"}) {
    valid(std::string("\"torch_dtype\":") + type);
    valid(std::string("\"dtype\":") + type);
  }
  for (std::string key : {"torch_dtype", "dtype"})
    for (std::string type : {"\"int8\"", "\"float8_e4m3fn\"", "\"bf17\"", "16"})
      EXPECT_EQ(fault("\"" + key + "\":" + type),
                key + " is " + type +
                    ", it must be float32, float16, "
                    "bfloat16, float64 or auto: other types of weights are not "
                    "supported");
}

TEST(Config, UnknownFieldThatIsIgnored) {
  FileOptions options;
  options.ignoreConfig = {"qk_norm"};
  valid("\"qk_norm\":true,\"_name_or_path\":\"x\",\"torch_dtype\":\"bfloat16\","
        "\"transformers_version\":\"5.0\",\"use_cache\":true,"
        "\"output_router_logits\":false,\"router_aux_loss_coef\":0.001,"
        "\"attention_dropout\":0.0,\"bos_token_id\":null",
        options);
}

TEST(Config, FieldThatCannotBeIgnored) {
  FileOptions options;
  options.ignoreConfig = {"rope_scaling"};
  EXPECT_EQ(fault("", options), "ignore_config names the field 'rope_scaling', "
                                "which cannot be ignored");
}

TEST(Config, FieldThatMustBeOff) {
  valid("\"is_encoder_decoder\":false,\"pruned_heads\":{}");
  std::string rule = ", it must be false, null, 0 or empty for "
                     "Qwen2MoeForCausalLM";
  EXPECT_EQ(fault("\"is_encoder_decoder\":true"),
            "is_encoder_decoder is true" + rule);
  EXPECT_EQ(fault("\"pruned_heads\":{\"0\":[1]}"),
            "pruned_heads is {\"0\":[1]}" + rule);
}

TEST(Config, Quantisation) {
  valid("\"quantization_config\":null");
  EXPECT_EQ(fault("\"quantization_config\":{\"bits\":4}"),
            "quantization_config says that the weights are quantised; of "
            "quantised weights only those of GGUF files are supported");
}

//===----------------------------------------------------------------------===//
// Heads and RoPE
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

TEST(Config, RopeTheta) {
  EXPECT_EQ(valid("").ropeTheta, 10000);
  EXPECT_EQ(valid("\"rope_theta\":1000000.0,\"rope_scaling\":null").ropeTheta,
            1e6);
  EXPECT_EQ(valid("\"rope_parameters\":{\"rope_theta\":5e5,\"rope_type\":"
                  "\"default\"}")
                .ropeTheta,
            5e5);
  // As in transformers, the inner one wins, and the outer is its default.
  EXPECT_EQ(valid("\"rope_theta\":2e4,\"rope_parameters\":{\"rope_theta\":5e5}")
                .ropeTheta,
            5e5);
  EXPECT_EQ(valid("\"rope_theta\":2e4,\"rope_parameters\":{\"rope_type\":"
                  "\"default\"}")
                .ropeTheta,
            2e4);
}

TEST(Config, LinearRope) {
  // As older versions and as newer ones call it.
  for (const char *rope : {"\"rope_scaling\":{\"type\":\"linear\",",
                           "\"rope_parameters\":{\"rope_type\":\"linear\","}) {
    RopeScaling scaling =
        valid(std::string(rope) + "\"factor\":4}").ropeScaling;
    EXPECT_EQ(scaling.kind, RopeScaling::Linear);
    EXPECT_EQ(scaling.factor, 4);
  }
}

TEST(Config, DynamicRopeIsNoneUpToTheContext) {
  ModelConfig config =
      valid("\"rope_scaling\":{\"rope_type\":\"dynamic\",\"factor\":2.0}");
  EXPECT_EQ(config.ropeScaling.kind, RopeScaling::None);
}

TEST(Config, Llama3Rope) {
  std::string text = "\"max_position_embeddings\":512,\"rope_scaling\":{"
                     "\"rope_type\":\"llama3\",\"factor\":8.0,"
                     "\"low_freq_factor\":1.0,\"high_freq_factor\":4.0";
  RopeScaling scaling = valid(text + "}").ropeScaling;
  EXPECT_EQ(scaling.kind, RopeScaling::Llama3);
  EXPECT_EQ(scaling.factor, 8);
  EXPECT_EQ(scaling.low, 1);
  EXPECT_EQ(scaling.high, 4);
  EXPECT_EQ(scaling.originalPositions, 512);
  text += ",\"original_max_position_embeddings\":64}";
  EXPECT_EQ(valid(text).ropeScaling.originalPositions, 64);
}

TEST(Config, YarnRope) {
  std::string text = "\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4.0,"
                     "\"original_max_position_embeddings\":64";
  RopeScaling scaling = valid(text + "}").ropeScaling;
  EXPECT_EQ(scaling.kind, RopeScaling::Yarn);
  EXPECT_EQ(scaling.originalPositions, 64);
  EXPECT_EQ(scaling.betaFast, 32);
  EXPECT_EQ(scaling.betaSlow, 1);
  EXPECT_TRUE(scaling.truncate);
  EXPECT_EQ(scaling.magnitude, 0.1 * std::log(4.0) + 1);
  scaling = valid(text + ",\"attention_factor\":1.25,\"beta_fast\":8,"
                         "\"beta_slow\":2,\"truncate\":false}")
                .ropeScaling;
  EXPECT_EQ(scaling.magnitude, 1.25);
  EXPECT_EQ(scaling.betaFast, 8);
  EXPECT_EQ(scaling.betaSlow, 2);
  EXPECT_FALSE(scaling.truncate);
  // Two weights divide; only latent attention changes its own scale, too.
  ModelConfig config = valid(text + ",\"mscale\":2,\"mscale_all_dim\":0.5}");
  EXPECT_EQ(config.ropeScaling.magnitude,
            (0.2 * std::log(4.0) + 1) / (0.05 * std::log(4.0) + 1));
  EXPECT_EQ(config.attentionScale, 1 / std::sqrt(8.0));
}

TEST(Config, OtherRope) {
  EXPECT_EQ(fault("\"rope_scaling\":{\"type\":\"longrope\",\"factor\":4.0}"),
            "rope_scaling.type is \"longrope\", it must be \"default\", "
            "\"linear\", \"dynamic\", \"llama3\" or \"yarn\": other rotary "
            "embeddings are not supported");
  EXPECT_EQ(fault("\"rope_parameters\":{\"rope_type\":\"llama3\"}"),
            "rope_parameters.factor is missing");
  EXPECT_EQ(fault("\"rope_parameters\":{\"rope_type\":\"llama3\","
                  "\"factor\":2}"),
            "rope_parameters.low_freq_factor is missing");
  EXPECT_EQ(fault("\"rope_parameters\":{\"rope_type\":\"linear\","
                  "\"factor\":0.5}"),
            "rope_parameters.factor is 0.5, it must be a number between 1 and "
            "1e+06");
  EXPECT_EQ(fault("\"rope_scaling\":{\"factor\":2}"),
            "rope_scaling has the field 'factor', which is not supported");
  EXPECT_EQ(fault("\"rope_scaling\":{\"type\":\"linear\",\"factor\":2,"
                  "\"beta_slow\":1,\"attention_factor\":2}"),
            "rope_scaling has the fields 'attention_factor', 'beta_slow', "
            "which are not supported");
  EXPECT_EQ(fault("\"rope_parameters\":{\"partial_rotary_factor\":0.5}"),
            "rope_parameters.partial_rotary_factor is 0.5, it must be 1");
  EXPECT_EQ(fault("\"partial_rotary_factor\":0.5"),
            "partial_rotary_factor is 0.5, it must be 1");
  EXPECT_EQ(fault("\"rope_scaling\":2"),
            "rope_scaling is 2, it must be an object or null");
  EXPECT_EQ(fault("\"rope_theta\":null"),
            "rope_theta is null, it must be a number between 1 and 1e+12");
}

// As transformers takes them, see test/golden.
TEST(Config, TwoRopeObjects) {
  std::string yarn = "{\"type\":\"yarn\",\"factor\":4.0,"
                     "\"original_max_position_embeddings\":64}";
  std::string same = "{\"rope_type\":\"yarn\",\"factor\":4,"
                     "\"original_max_position_embeddings\":64,"
                     "\"rope_theta\":5e5}";
  auto both = [&](const std::string &older, const std::string &newer) {
    return "\"rope_scaling\":" + older + ",\"rope_parameters\":" + newer;
  };
  // An empty one is none; of two the older one counts, with the outer theta.
  EXPECT_EQ(valid(both("{}", same)).ropeTheta, 5e5);
  EXPECT_EQ(valid(both(yarn, "{}")).ropeScaling.factor, 4);
  EXPECT_EQ(valid("\"rope_theta\":5e5," + both(yarn, same)).ropeTheta, 5e5);
  EXPECT_EQ(fault(both(yarn, same)),
            "rope_parameters.rope_theta is 500000, but rope_scaling.rope_theta "
            "is missing; keep one of the two objects");
  EXPECT_EQ(fault(both(yarn, "{\"rope_type\":\"yarn\",\"factor\":2}")),
            "rope_parameters.factor is 2, but rope_scaling.factor is 4; keep "
            "one of the two objects");
  EXPECT_EQ(fault(both(yarn, "{\"rope_type\":\"default\"}")),
            "rope_parameters.rope_type is \"default\", but rope_scaling.type "
            "is \"yarn\"; keep one of the two objects");
}

TEST(Config, OriginalContext) {
  std::string text = "\"max_position_embeddings\":256,"
                     "\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":";
  // The one outside wins, and means nothing without a scaling that uses it.
  std::string outer = ",\"original_max_position_embeddings\":64";
  EXPECT_EQ(valid(text + "4}" + outer).ropeScaling.originalPositions, 64);
  EXPECT_EQ(valid(text + "4,\"original_max_position_embeddings\":32}" + outer)
                .ropeScaling.originalPositions,
            64);
  EXPECT_EQ(valid("\"hidden_act\":\"silu\"" + outer).ropeScaling.kind,
            RopeScaling::None);
  // A factor of null is the ratio of the two contexts.
  EXPECT_EQ(valid(text + "null}" + outer).ropeScaling.factor, 4);
  EXPECT_EQ(fault(text + "null,\"original_max_position_embeddings\":512}"),
            "original_max_position_embeddings is 512, it must be at most "
            "max_position_embeddings, which is 256");
  valid(text + "4,\"finetuned\":true}");
  // The newer name of the type wins.
  EXPECT_EQ(valid("\"rope_scaling\":{\"type\":\"su\",\"rope_type\":"
                  "\"linear\",\"factor\":2}")
                .ropeScaling.kind,
            RopeScaling::Linear);
}

TEST(Config, RopeScalingOption) {
  FileOptions options;
  options.ropeScaling = valueOf(parseRopeScaling("yarn:4"));
  std::string positions = "\"max_position_embeddings\":64";
  ModelConfig config = valid(positions, options);
  EXPECT_EQ(config.ropeScaling.kind, RopeScaling::Yarn);
  EXPECT_EQ(config.ropeScaling.factor, 4);
  EXPECT_EQ(config.ropeScaling.originalPositions, 64);
  EXPECT_EQ(config.maxPositions, 256);
  EXPECT_EQ(config.ropeScaling.magnitude, 0.1 * std::log(4.0) + 1);
  // Theta stays, wherever it stands.
  for (std::string theta :
       {",\"rope_theta\":5e5", ",\"rope_parameters\":{\"rope_theta\":5e5,"
                               "\"rope_type\":\"default\"}"})
    EXPECT_EQ(valid(positions + theta, options).ropeTheta, 5e5);
  // The file's own original context counts, the option's more.
  std::string original = ",\"original_max_position_embeddings\":32";
  EXPECT_EQ(valid(positions + original, options).ropeScaling.originalPositions,
            32);
  options.ropeScaling = valueOf(parseRopeScaling("yarn:4:48"));
  config = valid(positions + original, options);
  EXPECT_EQ(config.ropeScaling.originalPositions, 48);
  EXPECT_EQ(config.maxPositions, 192);
  options.ropeScaling = valueOf(parseRopeScaling("linear:2"));
  config = valid(positions, options);
  EXPECT_EQ(config.ropeScaling.kind, RopeScaling::Linear);
  EXPECT_EQ(config.maxPositions, 128);

  EXPECT_EQ(fault("\"hidden_act\":\"silu\"", options),
            "has no 'max_position_embeddings', which the option rope_scaling "
            "multiplies");
  EXPECT_EQ(fault(positions + ",\"rope_scaling\":{\"type\":\"linear\","
                              "\"factor\":2}",
                  options),
            "rope_scaling is {\"factor\":2,\"type\":\"linear\"}, so that the "
            "model is scaled already; leave out the option rope_scaling");
  options.ropeScaling->factor = 1e6;
  EXPECT_EQ(fault(positions, options),
            "the option rope_scaling makes more than 16777216 positions of 64");
}

TEST(Config, ContextOption) {
  FileOptions options;
  options.context = 200;
  std::string positions = "\"max_position_embeddings\":64";
  EXPECT_EQ(fault(positions, options),
            "the option context is 200, but the model has 64 positions");
  // As far as a scaling reaches, which stays what it is.
  std::string yarn = ",\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4}";
  ModelConfig config = valid(positions + yarn, options);
  EXPECT_EQ(config.maxPositions, 200);
  EXPECT_EQ(config.ropeScaling.originalPositions, 64);
  options.context = 257;
  EXPECT_EQ(fault(positions + yarn, options),
            "the option context is 257, but the model has 256 positions");
  // Dynamic scaling changes with the text beyond the model's own positions.
  options.context = 65;
  EXPECT_EQ(fault(positions + ",\"rope_scaling\":{\"type\":\"dynamic\","
                              "\"factor\":4}",
                  options),
            "the option context is 65, but the model has 64 positions");
  options.context = 8;
  EXPECT_EQ(valid(positions, options).maxPositions, 8);
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
