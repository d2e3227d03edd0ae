//===- ArchitecturesTest.cpp - tests of the architectures -------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an almost empty config.json of each architecture means, and which fields
// are refused. The fields that all have are tested in ConfigTest.cpp.
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

/// A config.json of the architecture with nothing but `more` members.
static Expected<ModelConfig> parse(StringRef architecture,
                                   StringRef more = "") {
  std::string text =
      ("{\"architectures\":[\"" + architecture + "ForCausalLM\"]").str();
  text += more.empty() ? "}" : ("," + more + "}").str();
  return parseConfig(text, "config.json");
}

static ModelConfig valid(StringRef architecture, StringRef more = "") {
  return valueOf(parse(architecture, more));
}

/// The message without its file name.
static std::string fault(StringRef architecture, StringRef more) {
  std::string result = message(parse(architecture, more));
  StringRef rest = result;
  return rest.consume_front("config.json: ") ? rest.str() : "?? " + result;
}

TEST(Architectures, EachHasItsModelType) {
  for (auto [name, type] : std::vector<std::pair<const char *, const char *>>{
           {"Llama", "llama"},
           {"Mistral", "mistral"},
           {"Qwen2", "qwen2"},
           {"Qwen3", "qwen3"},
           {"Mixtral", "mixtral"},
           {"Qwen2Moe", "qwen2_moe"},
           {"Qwen3Moe", "qwen3_moe"},
           {"Olmoe", "olmoe"},
           {"GraniteMoe", "granitemoe"},
           {"GraniteMoeShared", "granitemoeshared"}}) {
    std::string field = std::string("\"model_type\":\"") + type + "\"";
    EXPECT_EQ(valid(name, field).architecture,
              std::string(name) + "ForCausalLM");
    EXPECT_EQ(fault(name, "\"model_type\":\"bert\""),
              std::string("model_type is \"bert\", it must be \"") + type +
                  "\" for " + name + "ForCausalLM");
  }
}

//===----------------------------------------------------------------------===//
// Dense models
//===----------------------------------------------------------------------===//

TEST(Architectures, Llama) {
  ModelConfig config = valid("Llama");
  EXPECT_EQ(config.vocabSize, 32000);
  EXPECT_EQ(config.hiddenSize, 4096);
  EXPECT_EQ(config.intermediateSize, 11008);
  EXPECT_EQ(config.numLayers, 32);
  EXPECT_EQ(config.numHeads, 32);
  EXPECT_EQ(config.numKeyValueHeads, 32);
  EXPECT_EQ(config.headDim, 128);
  EXPECT_EQ(config.attentionScale, 1 / std::sqrt(128.0));
  EXPECT_EQ(config.maxPositions, 2048);
  EXPECT_EQ(config.rmsNormEps, 1e-6);
  EXPECT_EQ(config.eosTokens, Ints{2});
  EXPECT_EQ(config.numExperts, 0);
  EXPECT_TRUE(config.expertNames.empty());
  EXPECT_EQ(config.sparseLayers, Bools(32, false));
  EXPECT_EQ(config.windows, Ints(32, 0));
  EXPECT_FALSE(config.qkvBias || config.outputBias);
  EXPECT_EQ(config.headNorm, HeadNorm::None);
  // A head of key and value for each head where their number is null.
  EXPECT_EQ(valid("Llama", "\"num_attention_heads\":16,"
                           "\"num_key_value_heads\":null")
                .numKeyValueHeads,
            16);
  config = valid("Llama", "\"attention_bias\":true");
  EXPECT_TRUE(config.qkvBias && config.outputBias);
}

TEST(Architectures, LlamaRefusals) {
  EXPECT_EQ(fault("Llama", "\"mlp_bias\":true"),
            "mlp_bias is true, it must be false");
  EXPECT_EQ(fault("Llama", "\"pretraining_tp\":2"),
            "pretraining_tp is 2, it must be 1");
  valid("Llama", "\"mlp_bias\":false,\"pretraining_tp\":1");
  // Fields of others.
  for (std::string key : {"qkv_bias", "fpmoe", "kv_lora_rank"})
    EXPECT_EQ(fault("Llama", "\"" + key + "\":1"),
              key + " is 1, but LlamaForCausalLM has no such field");
  for (std::string key : {"num_experts", "sliding_window", "clip_qkv"})
    EXPECT_EQ(fault("Llama", "\"" + key + "\":1"),
              key + " is 1, it must be false, null, 0 or empty for "
                    "LlamaForCausalLM");
}

TEST(Architectures, NoNamesWithoutExperts) {
  FileOptions options;
  options.expertNames = {"haskell"};
  EXPECT_EQ(message(parseConfig("{\"architectures\":[\"LlamaForCausalLM\"]}",
                                "config.json", options)),
            "config.json: fpmoe.toml: names has 1 experts, but "
            "LlamaForCausalLM has none");
}

TEST(Architectures, DefaultEndTokenIsInTheVocabulary) {
  EXPECT_TRUE(valid("Llama", "\"vocab_size\":2").eosTokens.empty());
  EXPECT_TRUE(valid("Llama", "\"eos_token_id\":null").eosTokens.empty());
}

TEST(Architectures, Mistral) {
  ModelConfig config = valid("Mistral");
  EXPECT_EQ(config.numKeyValueHeads, 8);
  EXPECT_EQ(config.intermediateSize, 14336);
  EXPECT_EQ(config.maxPositions, 131072);
  // A missing window is one, null is none.
  EXPECT_EQ(config.windows, Ints(32, 4096));
  EXPECT_EQ(valid("Mistral", "\"sliding_window\":null").windows, Ints(32, 0));
  EXPECT_EQ(valid("Mistral", "\"sliding_window\":7").windows, Ints(32, 7));
  EXPECT_EQ(fault("Mistral", "\"sliding_window\":0"),
            "sliding_window is 0, it must be between 1 and 2147483648");
}

TEST(Architectures, Qwen2) {
  ModelConfig config = valid("Qwen2");
  EXPECT_EQ(config.vocabSize, 151936);
  EXPECT_EQ(config.intermediateSize, 22016);
  EXPECT_TRUE(config.qkvBias);
  EXPECT_FALSE(config.outputBias);
  EXPECT_TRUE(config.eosTokens.empty());
  // The last layers, unlike in Qwen2-MoE.
  std::string four = "\"num_hidden_layers\":4,\"use_sliding_window\":true,"
                     "\"sliding_window\":8,\"max_window_layers\":3";
  EXPECT_EQ(valid("Qwen2", four).windows, Ints({0, 0, 0, 8}));
  EXPECT_EQ(valid("Qwen2Moe", four).windows, Ints({8, 0, 8, 0}));
  EXPECT_EQ(valid("Qwen2", four + ",\"layer_types\":[\"sliding_attention\","
                                  "\"full_attention\",\"sliding_attention\","
                                  "\"full_attention\"]")
                .windows,
            Ints({8, 0, 8, 0}));
  EXPECT_EQ(valid("Qwen2", "\"sliding_window\":8").windows, Ints(32, 0));
}

TEST(Architectures, Qwen3) {
  ModelConfig config = valid("Qwen3");
  // Not hidden_size / num_attention_heads.
  EXPECT_EQ(valid("Qwen3", "\"hidden_size\":1024").headDim, 128);
  EXPECT_EQ(config.headNorm, HeadNorm::PerHead);
  EXPECT_FALSE(config.qkvBias);
  EXPECT_TRUE(valid("Qwen3", "\"attention_bias\":true").outputBias);
}

//===----------------------------------------------------------------------===//
// Mixtures of experts
//===----------------------------------------------------------------------===//

TEST(Architectures, Mixtral) {
  ModelConfig config = valid("Mixtral");
  EXPECT_EQ(config.numExperts, 8);
  EXPECT_EQ(config.topK, 2);
  EXPECT_TRUE(config.normTopKProb);
  EXPECT_EQ(config.moeIntermediateSize, 14336);
  EXPECT_EQ(valid("Mixtral", "\"intermediate_size\":96").moeIntermediateSize,
            96);
  EXPECT_EQ(config.sharedExpertIntermediateSize, 0);
  EXPECT_EQ(config.rmsNormEps, 1e-5);
  EXPECT_EQ(config.ropeTheta, 1e6);
  EXPECT_EQ(config.windows, Ints(32, 0));
  EXPECT_EQ(valid("Mixtral", "\"sliding_window\":9").windows, Ints(32, 9));
  EXPECT_EQ(config.sparseLayers, Bools(32, true));
}

TEST(Architectures, NumberOfExpertsHasTwoNames) {
  for (StringRef name : {"Mixtral", "Qwen3Moe", "Olmoe"})
    for (StringRef key : {"num_experts", "num_local_experts"})
      EXPECT_EQ(valid(name, ("\"" + key + "\":9").str()).numExperts, 9);
  EXPECT_EQ(
      valid("Mixtral", "\"num_experts\":4,\"num_local_experts\":4").numExperts,
      4);
  EXPECT_EQ(fault("Mixtral", "\"num_experts\":4,\"num_local_experts\":8"),
            "num_local_experts is 8, but num_experts is 4, which is another "
            "name for it");
  EXPECT_EQ(fault("Mixtral", "\"num_local_experts\":1"),
            "num_experts_per_tok is 2, it must be at most num_local_experts, "
            "which is 1");
}

TEST(Architectures, Qwen3Moe) {
  ModelConfig config = valid("Qwen3Moe");
  EXPECT_EQ(config.numHeads, 32);
  EXPECT_EQ(config.numKeyValueHeads, 4);
  EXPECT_EQ(config.headDim, 64);
  EXPECT_EQ(config.numExperts, 128);
  EXPECT_EQ(config.topK, 8);
  EXPECT_EQ(config.moeIntermediateSize, 768);
  EXPECT_EQ(config.sharedExpertIntermediateSize, 0);
  EXPECT_EQ(config.headNorm, HeadNorm::PerHead);
  EXPECT_FALSE(config.normTopKProb);
  // All layers, whatever max_window_layers says.
  EXPECT_EQ(valid("Qwen3Moe", "\"use_sliding_window\":true,"
                              "\"sliding_window\":9,\"max_window_layers\":2")
                .windows,
            Ints(24, 9));
  EXPECT_EQ(valid("Qwen3Moe", "\"sliding_window\":9").windows, Ints(24, 0));
  EXPECT_EQ(valid("Qwen3Moe", "\"num_hidden_layers\":2,\"mlp_only_layers\":[0]")
                .sparseLayers,
            Bools({false, true}));
}

TEST(Architectures, Olmoe) {
  ModelConfig config = valid("Olmoe");
  EXPECT_EQ(config.vocabSize, 50304);
  EXPECT_EQ(config.numKeyValueHeads, 16);
  EXPECT_EQ(config.numExperts, 64);
  EXPECT_EQ(config.topK, 8);
  EXPECT_EQ(config.moeIntermediateSize, 2048);
  EXPECT_EQ(config.headNorm, HeadNorm::WholeRow);
  EXPECT_EQ(config.rmsNormEps, 1e-5);
  EXPECT_EQ(config.eosTokens, Ints{50279});
  EXPECT_EQ(config.clipQKV, std::nullopt);
  EXPECT_EQ(valid("Olmoe", "\"clip_qkv\":null").clipQKV, std::nullopt);
  EXPECT_EQ(valid("Olmoe", "\"clip_qkv\":8").clipQKV, 8.0);
  EXPECT_EQ(fault("Olmoe", "\"clip_qkv\":-1"),
            "clip_qkv is -1, it must be a number between 1e-06 and 1e+06");
}

TEST(Architectures, GraniteMoe) {
  for (StringRef name : {"GraniteMoe", "GraniteMoeShared"}) {
    ModelConfig config = valid(name);
    EXPECT_EQ(config.numExperts, 8);
    EXPECT_EQ(config.topK, 2);
    EXPECT_TRUE(config.normTopKProb);
    EXPECT_EQ(config.moeIntermediateSize, 11008);
    EXPECT_EQ(config.sharedExpertIntermediateSize, 0);
    // Not the root of the width of a head.
    EXPECT_EQ(config.attentionScale, 1);
    EXPECT_EQ(config.embeddingMultiplier, 1);
    EXPECT_EQ(config.residualMultiplier, 1);
    EXPECT_EQ(config.logitsMultiplier, 1);
    config = valid(name, "\"attention_multiplier\":0.015625,"
                         "\"embedding_multiplier\":12,\"logits_scaling\":8.0,"
                         "\"residual_multiplier\":0.22");
    EXPECT_EQ(config.attentionScale, 0.015625);
    EXPECT_EQ(config.embeddingMultiplier, 12);
    EXPECT_EQ(config.residualMultiplier, 0.22);
    EXPECT_EQ(config.logitsMultiplier, 0.125);
  }
  EXPECT_EQ(fault("GraniteMoe", "\"logits_scaling\":0"),
            "logits_scaling is 0, it must be a number between 1e-06 and 1e+06");
  ModelConfig shared =
      valid("GraniteMoeShared", "\"shared_intermediate_size\":512");
  EXPECT_EQ(shared.sharedExpertIntermediateSize, 512);
  EXPECT_FALSE(shared.sharedExpertGate);
}

//===----------------------------------------------------------------------===//
// DeepSeek-V2
//===----------------------------------------------------------------------===//

/// Enough of it, which has no default number of chosen experts.
static std::string latent(StringRef more = "") {
  std::string text = "\"num_experts_per_tok\":6";
  return more.empty() ? text : text + "," + more.str();
}

TEST(Architectures, DeepseekV2) {
  ModelConfig config = valid("DeepseekV2", latent());
  EXPECT_EQ(config.kvLatent, 512);
  EXPECT_EQ(config.queryLatent, 1536);
  EXPECT_EQ(config.nopeDim, 128);
  EXPECT_EQ(config.ropeDim(), 64);
  EXPECT_EQ(config.headDim, 192);
  EXPECT_EQ(config.valueDim(), 128);
  EXPECT_EQ(config.attentionScale, 1 / std::sqrt(192.0));
  EXPECT_EQ(config.numExperts, 64);
  EXPECT_EQ(config.sharedExpertIntermediateSize, 2 * 1407);
  EXPECT_FALSE(config.sharedExpertGate || config.normTopKProb);
  EXPECT_EQ(config.numGroups, 0);
  EXPECT_EQ(config.sparseLayers, Bools(32, true));
  config = valid("DeepseekV2",
                 latent("\"num_hidden_layers\":3,\"first_k_dense_replace\":2,"
                        "\"q_lora_rank\":null,\"n_shared_experts\":null,"
                        "\"routed_scaling_factor\":16.0,\"head_dim\":7"));
  EXPECT_EQ(config.sparseLayers, Bools({false, false, true}));
  EXPECT_EQ(config.queryLatent, 0);
  EXPECT_EQ(config.sharedExpertIntermediateSize, 0);
  EXPECT_EQ(config.routedScale, 16);
}

TEST(Architectures, DeepseekV2YarnScalesAttention) {
  ModelConfig config = valid(
      "DeepseekV2",
      latent("\"rope_scaling\":{\"type\":\"yarn\",\"factor\":40,\"mscale\":"
             "0.707,\"mscale_all_dim\":0.707,\"beta_fast\":32,\"beta_slow\":1,"
             "\"original_max_position_embeddings\":4096}"));
  double root = 0.0707 * std::log(40.0) + 1;
  EXPECT_NEAR(config.attentionScale, root * root / std::sqrt(192.0), 1e-12);
  EXPECT_EQ(config.ropeScaling.magnitude, 1);
}

TEST(Architectures, DeepseekV2Groups) {
  std::string groups = "\"topk_method\":\"group_limited_greedy\",\"n_group\":8";
  ModelConfig config =
      valid("DeepseekV2", latent(groups + ",\"topk_group\":3"));
  EXPECT_EQ(config.numGroups, 8);
  EXPECT_EQ(config.topGroups, 3);
  // Greedy routing does not look at them.
  EXPECT_EQ(valid("DeepseekV2", latent("\"topk_method\":\"greedy\","
                                       "\"n_group\":1,\"topk_group\":1"))
                .numGroups,
            0);
  EXPECT_EQ(fault("DeepseekV2", latent(groups)), "has no 'topk_group'");
  EXPECT_EQ(fault("DeepseekV2", latent(groups + ",\"topk_group\":9")),
            "topk_group is 9, it must be at most n_group, which is 8");
  EXPECT_EQ(fault("DeepseekV2", latent("\"n_group\":7,\"topk_group\":1,"
                                       "\"topk_method\":"
                                       "\"group_limited_greedy\"")),
            "n_routed_experts is 64, it must be a multiple of n_group, which "
            "is 7");
  EXPECT_EQ(fault("DeepseekV2",
                  "\"num_experts_per_tok\":9,\"topk_group\":1," + groups),
            "num_experts_per_tok is 9, but topk_group groups have 8 experts");
  EXPECT_EQ(fault("DeepseekV2", latent("\"topk_method\":\"noaux_tc\"")),
            "topk_method is \"noaux_tc\", it must be \"greedy\" or "
            "\"group_limited_greedy\"");
}

TEST(Architectures, DeepseekV2Refusals) {
  EXPECT_EQ(fault("DeepseekV2", "\"vocab_size\":9"),
            "has no 'num_experts_per_tok'");
  EXPECT_EQ(fault("DeepseekV2", latent("\"norm_topk_prob\":true")),
            "norm_topk_prob is true, it must be false for "
            "DeepseekV2ForCausalLM");
  EXPECT_EQ(fault("DeepseekV2", latent("\"scoring_func\":\"sigmoid\"")),
            "scoring_func is \"sigmoid\", it must be \"softmax\"");
  EXPECT_EQ(fault("DeepseekV2", latent("\"moe_layer_freq\":2")),
            "moe_layer_freq is 2, it must be 1");
  EXPECT_EQ(fault("DeepseekV2", latent("\"num_key_value_heads\":8")),
            "num_key_value_heads is 8, it must be num_attention_heads, which "
            "is 32");
  EXPECT_EQ(fault("DeepseekV2", latent("\"qk_rope_head_dim\":5")),
            "qk_rope_head_dim is 5, rotary embeddings need an even one");
}

TEST(Architectures, CountParameters) {
  std::string sizes = "\"vocab_size\":50,\"hidden_size\":12,"
                      "\"num_hidden_layers\":1,\"num_attention_heads\":3,"
                      "\"intermediate_size\":7";
  int64_t ends = 2 * 50 * 12 + 12, norms = 2 * 12, dense = 3 * 12 * 7;
  EXPECT_EQ(valid("Llama", sizes + ",\"attention_bias\":true").parameterCount(),
            ends + norms + dense + 4 * 12 * 12 + 4 * 12);
  EXPECT_EQ(valid("Qwen3", sizes + ",\"head_dim\":2,\"num_key_value_heads\":1")
                .parameterCount(),
            ends + norms + dense + 12 * (6 + 2 + 2 + 6) + 2 * 2);
  EXPECT_EQ(valid("Olmoe", sizes + ",\"num_experts\":2,"
                                   "\"num_experts_per_tok\":1")
                .parameterCount(),
            ends + norms + 2 * dense + 2 * 12 + 4 * 12 * 12 + 2 * 12);
  // Both latents with their norms; 4 + 2 columns a query, 5 a value.
  int64_t latents = 12 * 8 + 8 + 12 * (6 + 2) + 6;
  int64_t heads = 8 * 3 * 6 + 6 * 3 * (4 + 5) + 3 * 5 * 12;
  EXPECT_EQ(valid("DeepseekV2",
                  sizes + ",\"num_experts_per_tok\":1,\"q_lora_rank\":8,"
                          "\"kv_lora_rank\":6,\"qk_nope_head_dim\":4,"
                          "\"qk_rope_head_dim\":2,\"v_head_dim\":5,"
                          "\"first_k_dense_replace\":1")
                .parameterCount(),
            ends + norms + dense + latents + heads);
}

//===----------------------------------------------------------------------===//
// Configurations as they are published
//===----------------------------------------------------------------------===//

TEST(Architectures, PublishedDeepseekCoderV2Lite) {
  ModelConfig config =
      valid("DeepseekV2",
            R"("attention_bias": false, "attention_dropout": 0.0,
         "auto_map": {"AutoConfig": "configuration_deepseek.DeepseekV2Config"},
         "aux_loss_alpha": 0.001, "bos_token_id": 100000,
         "eos_token_id": 100001, "first_k_dense_replace": 1,
         "hidden_act": "silu", "hidden_size": 2048, "initializer_range": 0.02,
         "intermediate_size": 10944, "kv_lora_rank": 512,
         "max_position_embeddings": 163840, "model_type": "deepseek_v2",
         "moe_intermediate_size": 1408, "moe_layer_freq": 1, "n_group": 1,
         "n_routed_experts": 64, "n_shared_experts": 2,
         "norm_topk_prob": false, "num_attention_heads": 16,
         "num_experts_per_tok": 6, "num_hidden_layers": 27,
         "num_key_value_heads": 16, "pretraining_tp": 1, "q_lora_rank": null,
         "qk_nope_head_dim": 128, "qk_rope_head_dim": 64,
         "rms_norm_eps": 1e-06, "rope_scaling": {"beta_fast": 32,
         "beta_slow": 1, "factor": 40, "mscale": 0.707,
         "mscale_all_dim": 0.707, "original_max_position_embeddings": 4096,
         "type": "yarn"}, "rope_theta": 10000, "routed_scaling_factor": 1.0,
         "scoring_func": "softmax", "seq_aux": true,
         "tie_word_embeddings": false, "topk_group": 1,
         "topk_method": "greedy", "torch_dtype": "bfloat16",
         "transformers_version": "4.39.3", "use_cache": true,
         "v_head_dim": 128, "vocab_size": 102400)");
  EXPECT_NEAR(config.parameterCount(), 15.7e9, 0.1e9);
}

TEST(Architectures, PublishedMixtral) {
  ModelConfig config =
      valid("Mixtral",
            R"("attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 2,
         "hidden_act": "silu", "hidden_size": 4096, "initializer_range": 0.02,
         "intermediate_size": 14336, "max_position_embeddings": 32768,
         "model_type": "mixtral", "num_attention_heads": 32,
         "num_experts_per_tok": 2, "num_hidden_layers": 32,
         "num_key_value_heads": 8, "num_local_experts": 8,
         "output_router_logits": false, "rms_norm_eps": 1e-05,
         "rope_theta": 1000000.0, "router_aux_loss_coef": 0.02,
         "sliding_window": null, "tie_word_embeddings": false,
         "torch_dtype": "bfloat16", "transformers_version": "4.36.0",
         "use_cache": true, "vocab_size": 32000)");
  EXPECT_NEAR(config.parameterCount(), 46.7e9, 0.1e9);
}
