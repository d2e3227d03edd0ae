//===- GgufConfigTest.cpp - tests of hyperparameters from GGUF --*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Small good metadata, and one fault of it at a time.
//
//===----------------------------------------------------------------------===//

#include "lib/Config/GgufConfig.h"

#include "lib/Config/Config.h"
#include "test/lib/Checkpoint/GgufSupport.h"

#include <map>

using namespace fpmoe;
using namespace fpmoe::test;
using namespace llvm;

namespace {

/// Keys by name, and tensors of f32 with made-up data.
struct Model {
  std::string arch;
  std::map<std::string, std::string> keys;
  std::vector<std::pair<std::string, std::vector<uint64_t>>> tensors = {
      {"token_embd.weight", {8, 20}}};

  explicit Model(const std::string &arch) : arch(arch) {
    keys["general.architecture"] =
        ggufKey("general.architecture", kString, ggufString(arch));
    set("block_count", 2);
    set("context_length", 64);
    set("embedding_length", 8);
    set("feed_forward_length", 12);
    set("attention.head_count", 4);
    set("attention.head_count_kv", 2);
    setReal("attention.layer_norm_rms_epsilon", 0.5f);
  }

  std::string full(const std::string &key) const { return arch + "." + key; }
  void set(const std::string &key, uint32_t value) {
    keys[key] = ggufKey(full(key), kU32, raw(value));
  }
  void setReal(const std::string &key, float value) {
    keys[key] = ggufKey(full(key), kF32, raw(value));
  }
  void setText(const std::string &key, const std::string &value) {
    keys[key] = ggufKey(full(key), kString, ggufString(value));
  }

  GgufFile file() const {
    std::vector<std::string> all, described;
    for (auto &[name, bytes] : keys)
      all.push_back(bytes);
    uint64_t offset = 0;
    for (auto &[name, extents] : tensors) {
      described.push_back(ggufTensor(name, extents, 0, offset));
      uint64_t elements = 1;
      for (uint64_t extent : extents)
        elements *= extent;
      offset = alignTo(offset + 4 * elements, 32);
    }
    auto parsed = parseGguf(ggufFile(all, described, offset), "m.gguf");
    EXPECT_TRUE(bool(parsed)) << toString(parsed.takeError());
    return std::move(*parsed);
  }

  json::Object config(ArrayRef<std::string> ignored = {}) const {
    auto made = makeConfigJson(file(), ignored);
    EXPECT_TRUE(bool(made)) << toString(made.takeError());
    return made ? std::move(*made) : json::Object();
  }
  std::string fault() const { return message(makeConfigJson(file())); }
  std::string fault(const std::string &key, uint32_t value) const {
    Model other = *this;
    other.set(key, value);
    return other.fault();
  }
};

} // namespace

static std::string text(json::Object object) {
  std::string result;
  raw_string_ostream(result) << json::Value(std::move(object));
  return result;
}

TEST(GgufConfig, Llama) {
  Model model("llama");
  EXPECT_EQ(text(model.config()),
            "{\"architectures\":[\"LlamaForCausalLM\"],"
            "\"attention_bias\":false,\"eos_token_id\":[],\"head_dim\":2,"
            "\"hidden_size\":8,\"intermediate_size\":12,"
            "\"max_position_embeddings\":64,\"model_type\":\"llama\","
            "\"num_attention_heads\":4,\"num_hidden_layers\":2,"
            "\"num_key_value_heads\":2,\"rms_norm_eps\":0.5,"
            "\"rope_theta\":10000,\"tie_word_embeddings\":true,"
            "\"vocab_size\":20}");
  model.keys.erase("attention.head_count_kv");
  model.tensors.push_back({"output.weight", {8, 20}});
  model.tensors.push_back({"blk.0.attn_q.bias", {8}});
  model.set("attention.key_length", 6);
  model.set("attention.value_length", 6);
  model.set("rope.dimension_count", 6);
  model.setReal("rope.freq_base", 250000);
  model.keys["eos"] = ggufKey("tokenizer.ggml.eos_token_id", kU32, raw(7));
  model.keys["eot"] = ggufKey("tokenizer.ggml.eot_token_id", kU32, raw(9));
  json::Object config = model.config();
  EXPECT_EQ(config.getInteger("num_key_value_heads"), 4);
  EXPECT_EQ(config.getBoolean("tie_word_embeddings"), false);
  EXPECT_EQ(config.getBoolean("attention_bias"), true);
  EXPECT_EQ(config.getInteger("head_dim"), 6);
  EXPECT_EQ(config.getNumber("rope_theta"), 250000);
  EXPECT_EQ(*config.getArray("eos_token_id"), (json::Array{7, 9}));
}

TEST(GgufConfig, Experts) {
  Model model("qwen2moe");
  model.set("expert_count", 5);
  model.set("expert_used_count", 2);
  json::Object config = model.config();
  EXPECT_EQ(config.getInteger("num_experts"), 5);
  EXPECT_EQ(config.getInteger("num_experts_per_tok"), 2);
  // As old files leave it to be understood.
  EXPECT_EQ(config.getInteger("moe_intermediate_size"), 6);
  EXPECT_EQ(config.getInteger("shared_expert_intermediate_size"), 12);
  EXPECT_EQ(config.getBoolean("norm_topk_prob"), false);
  EXPECT_EQ(config.getBoolean("qkv_bias"), false);
  model.set("expert_feed_forward_length", 3);
  model.set("expert_shared_feed_forward_length", 4);
  config = model.config();
  EXPECT_EQ(config.getInteger("moe_intermediate_size"), 3);
  EXPECT_EQ(config.getInteger("shared_expert_intermediate_size"), 4);

  Model other("qwen3moe");
  other.set("expert_count", 5);
  other.set("expert_used_count", 2);
  config = other.config();
  EXPECT_EQ(config.getBoolean("norm_topk_prob"), true);
  EXPECT_FALSE(config.get("shared_expert_intermediate_size"));
  EXPECT_EQ(other.fault("expert_shared_feed_forward_length", 4), "no error");
}

TEST(GgufConfig, RopeScaling) {
  auto scalingOf = [](const Model &model) {
    json::Object config = model.config();
    json::Object *scaling = config.getObject("rope_scaling");
    return scaling ? text(std::move(*scaling)) : "none";
  };
  Model model("qwen2");
  model.setText("rope.scaling.type", "none");
  EXPECT_EQ(scalingOf(model), "none");
  model.setText("rope.scaling.type", "linear");
  EXPECT_EQ(model.fault(), "m.gguf: has no key 'qwen2.rope.scaling.factor'");
  model.setReal("rope.scaling.factor", 0.5);
  EXPECT_EQ(model.fault(), "m.gguf: qwen2.rope.scaling.factor is the F32 "
                           "0.500000, it must be between 1 and 1e6");
  model.setReal("rope.scaling.factor", 4);
  std::string linear = "{\"factor\":4,\"rope_type\":\"linear\"}";
  EXPECT_EQ(scalingOf(model), linear);
  model.setText("rope.scaling.type", "yarn");
  EXPECT_EQ(scalingOf(model), "{\"factor\":4,\"rope_type\":\"yarn\"}");
  model.set("rope.scaling.original_context_length", 32);
  EXPECT_EQ(scalingOf(model),
            "{\"factor\":4,\"original_max_position_embeddings\":32,"
            "\"rope_type\":\"yarn\"}");
  model.setText("rope.scaling.type", "longrope");
  EXPECT_EQ(model.fault(), "m.gguf: qwen2.rope.scaling.type is 'longrope', "
                           "which is not supported (supported: none, linear, "
                           "yarn)");
  // A factor without a type is of linear scaling, also under its older name.
  model.keys.erase("rope.scaling.type");
  EXPECT_EQ(scalingOf(model), linear);
  model.keys.erase("rope.scaling.factor");
  model.setReal("rope.scale_linear", 4);
  EXPECT_EQ(scalingOf(model), linear);
}

TEST(GgufConfig, Faults) {
  EXPECT_EQ(Model("gemma").fault(),
            "m.gguf: general.architecture is 'gemma', which is not supported "
            "(supported: llama, qwen2, qwen2moe, qwen3, qwen3moe)");
  Model model("llama");
  EXPECT_EQ(model.fault("block_count", 0),
            "m.gguf: llama.block_count is 0, it must be between 1 and 4096");
  EXPECT_EQ(model.fault("embedding_length", 1u << 31),
            "m.gguf: llama.embedding_length is 2147483648, it must be between "
            "1 and 65536");
  EXPECT_EQ(model.fault("attention.head_count", 3),
            "m.gguf: llama.embedding_length is 8, it must be a multiple of "
            "llama.attention.head_count, which is 3");
  EXPECT_EQ(model.fault("attention.value_length", 3),
            "m.gguf: llama.attention.value_length is 3, only the size of a "
            "head, 2, is supported");
  EXPECT_EQ(model.fault("rope.dimension_count", 1),
            "m.gguf: llama.rope.dimension_count is 1, only the size of a head, "
            "2, is supported");
  EXPECT_EQ(model.fault("rope.freq_base", 0),
            "m.gguf: llama.rope.freq_base is the U32 0, it must be between 1 "
            "and 1e12");
  Model copy = model;
  copy.setReal("attention.layer_norm_rms_epsilon", 0);
  EXPECT_EQ(copy.fault(),
            "m.gguf: llama.attention.layer_norm_rms_epsilon is the F32 "
            "0.000000, it must be above 0 and at most 1");
  copy = model;
  copy.setText("context_length", "long");
  EXPECT_EQ(copy.fault(), "m.gguf: llama.context_length is the STRING 'long', "
                          "it must be an integer");
  copy.keys.erase("context_length");
  EXPECT_EQ(copy.fault(), "m.gguf: has no key 'llama.context_length'");
  copy = model;
  copy.keys["heads"] =
      ggufArray("llama.attention.head_count_kv", kU32, 2, raw(2) + raw(4));
  copy.keys.erase("attention.head_count_kv");
  EXPECT_EQ(copy.fault(), "m.gguf: llama.attention.head_count_kv is an array "
                          "of 2 U32, it must be an integer");
  copy = model;
  copy.keys["eos"] = ggufKey("tokenizer.ggml.eos_token_id", kU32, raw(20));
  EXPECT_EQ(copy.fault(),
            "m.gguf: tokenizer.ggml.eos_token_id is 20, there are 20 tokens");
}

TEST(GgufConfig, UnknownKeys) {
  Model model("llama");
  model.setReal("wave", 0.5);
  model.setReal("tide", 0.5);
  EXPECT_EQ(model.fault(),
            "m.gguf: the keys 'llama.tide', 'llama.wave' are unknown and could "
            "change the result; if they do not, write at the top of an "
            "fpmoe.toml beside it: ignore_config = [\"llama.tide\", "
            "\"llama.wave\"]");
  EXPECT_TRUE(model.config({"llama.tide", "llama.wave"}).get("hidden_size"));
  model.set("expert_count", 8);
  EXPECT_EQ(message(makeConfigJson(
                model.file(), std::vector<std::string>{"llama.expert_count"})),
            "m.gguf: ignore_config names the key 'llama.expert_count', which "
            "cannot be ignored");
  Model dense("qwen2");
  EXPECT_EQ(dense.fault("expert_count", 0), "no error");
  EXPECT_EQ(dense.fault("expert_count", 8),
            "m.gguf: qwen2.expert_count is the U32 8, but Qwen2ForCausalLM has "
            "no experts");
}

TEST(GgufConfig, NeutralKeys) {
  Model model("qwen3moe");
  model.set("expert_count", 5);
  model.set("expert_used_count", 2);
  model.set("expert_gating_func", 1);
  model.setReal("expert_weights_scale", 1);
  model.set("expert_shared_count", 0);
  model.setReal("logit_scale", 1);
  model.set("attention.sliding_window", 64);
  model.keys["causal"] =
      ggufKey("qwen3moe.attention.causal", kBool, raw<uint8_t>(1));
  EXPECT_EQ(model.fault(), "no error");
  model.set("expert_gating_func", 2);
  model.setReal("logit_scale", 0.5);
  EXPECT_EQ(model.fault(),
            "m.gguf: qwen3moe.expert_gating_func is the U32 2, it must be 1; "
            "qwen3moe.logit_scale is the F32 0.500000, it must be 1");
  Model slides("llama");
  EXPECT_EQ(slides.fault("attention.sliding_window", 63),
            "m.gguf: llama.attention.sliding_window is 63, windows below the "
            "context, 64, are not supported in GGUF files");
}

TEST(GgufConfig, ValuesOfEachLayer) {
  Model model("llama");
  model.keys["attention.head_count_kv"] =
      ggufArray("llama.attention.head_count_kv", kU32, 2, raw(2) + raw(2));
  EXPECT_EQ(model.config().getInteger("num_key_value_heads"), 2);
}

TEST(GgufConfig, Mixtral) {
  Model model("llama");
  model.set("expert_count", 4);
  model.set("expert_used_count", 2);
  json::Object config = model.config();
  EXPECT_EQ(config.getArray("architectures")->front().getAsString(),
            StringRef("MixtralForCausalLM"));
  EXPECT_EQ(config.getInteger("num_experts"), 4);
  EXPECT_EQ(config.getInteger("num_experts_per_tok"), 2);
  EXPECT_EQ(config.getInteger("intermediate_size"), 12);
  EXPECT_FALSE(config.get("moe_intermediate_size"));
  ModelConfig read = valueOf(parseConfig(text(config), "m.gguf"));
  EXPECT_EQ(read.numExperts, 4);
  EXPECT_TRUE(read.normTopKProb);
  EXPECT_EQ(read.windows, std::vector<int64_t>(2, 0));
  EXPECT_EQ(read.ropeTheta, 10000);
  model.keys["norm"] =
      ggufKey("llama.expert_weights_norm", kBool, raw<uint8_t>(0));
  EXPECT_EQ(model.fault(), "m.gguf: llama.expert_weights_norm is the BOOL "
                           "false, it must be true for MixtralForCausalLM");
}

TEST(GgufConfig, WhetherWeightsOfExpertsAreScaled) {
  for (uint8_t says : {0, 1}) {
    Model model("qwen2moe");
    model.set("expert_count", 4);
    model.set("expert_used_count", 2);
    model.keys["norm"] =
        ggufKey("qwen2moe.expert_weights_norm", kBool, raw(says));
    EXPECT_EQ(model.config().getBoolean("norm_topk_prob"), says == 1);
  }
}

TEST(GgufConfig, NamesOfTensors) {
  EXPECT_EQ(getGgufTensorName("model.embed_tokens.weight"),
            "token_embd.weight");
  EXPECT_EQ(getGgufTensorName("model.layers.{}.self_attn.q_proj.bias"),
            "blk.{}.attn_q.bias");
  EXPECT_EQ(getGgufTensorName("model.layers.{}.mlp.gate.weight"),
            "blk.{}.ffn_gate_inp.weight");
  EXPECT_EQ(getGgufTensorName("model.layers.{}.mlp.experts.up_proj"),
            "blk.{}.ffn_up_exps.weight");
  EXPECT_EQ(getGgufTensorName("model.layers.{}.mlp.experts.12.up_proj.weight"),
            "blk.{}.ffn_up.12.weight");
  EXPECT_EQ(getGgufTensorName("model.layers.{}.block_sparse_moe.experts.w2"),
            "blk.{}.ffn_down_exps.weight");
  EXPECT_EQ(
      getGgufTensorName("model.layers.{}.block_sparse_moe.experts.3.w1.weight"),
      "blk.{}.ffn_gate.3.weight");
  EXPECT_EQ(getGgufTensorName("input_layernorm.weight"), "");
}
