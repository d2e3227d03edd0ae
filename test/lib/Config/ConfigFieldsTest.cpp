//===- ConfigFieldsTest.cpp - tests of what fields are taken ----*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fields that are unknown, ignored, or have to say one thing.
//
//===----------------------------------------------------------------------===//

#include "test/lib/Config/ConfigSupport.h"

using namespace fpmoe;
using namespace fpmoe::test;
using namespace llvm;

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
