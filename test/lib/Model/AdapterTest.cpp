//===- AdapterTest.cpp - tests of the reader of adapters --------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which modules a configuration targets, what is refused, and adapters that do
// not fit their model. What adapters add is compared with PEFT by
// e2e/recipes.py.
//
//===----------------------------------------------------------------------===//

#include "lib/Model/Adapter.h"

#include "test/lib/Model/Support.h"

using namespace fpmoe;
using namespace fpmoe::test;
using namespace llvm;

static std::string with(StringRef fields) {
  return ("{\"peft_type\": \"LORA\", " + fields + "}").str();
}

static std::string fault(StringRef fields) {
  return message(parseAdapterConfig(with(fields), "a.json"));
}

static AdapterConfig config(StringRef fields) {
  return valueOf(parseAdapterConfig(with(fields), "a.json"));
}

static bool targets(const AdapterConfig &config, StringRef module) {
  return valueOf(config.isTarget(module));
}

TEST(AdapterConfig, ListsMatchEndsOfPaths) {
  AdapterConfig c = config("\"target_modules\": [\"q_proj\", \"mlp.up_proj\"], "
                           "\"exclude_modules\": [\"layers.3.mlp.up_proj\"]");
  EXPECT_TRUE(targets(c, "q_proj"));
  EXPECT_TRUE(targets(c, "model.layers.0.self_attn.q_proj"));
  EXPECT_FALSE(targets(c, "model.layers.0.self_attn.xq_proj"));
  EXPECT_TRUE(targets(c, "model.layers.0.mlp.up_proj"));
  EXPECT_FALSE(targets(c, "model.layers.3.mlp.up_proj"));
  EXPECT_FALSE(targets(c, "model.layers.0.mlp.gate_proj"));
}

TEST(AdapterConfig, ExpressionsMatchWholePaths) {
  AdapterConfig c = config("\"target_modules\": \".*\\\\.(q|v)_proj\"");
  EXPECT_TRUE(targets(c, "model.layers.0.self_attn.q_proj"));
  EXPECT_FALSE(targets(c, "model.layers.0.self_attn.k_proj"));
  EXPECT_FALSE(targets(c, "model.layers.0.self_attn.q_proj.inner"));
}

TEST(AdapterConfig, AllLinearLeavesTheHeadOut) {
  AdapterConfig c = config("\"target_modules\": \"all-linear\"");
  EXPECT_TRUE(targets(c, "model.layers.0.mlp.gate_proj"));
  EXPECT_FALSE(targets(c, "lm_head"));
  EXPECT_FALSE(targets(c, "model.embed_tokens"));
}

TEST(AdapterConfig, LayersAreTheFirstNumber) {
  AdapterConfig c = config("\"target_modules\": [\"q_proj\"], "
                           "\"layers_to_transform\": [1, 4]");
  EXPECT_TRUE(targets(c, "model.layers.4.self_attn.q_proj"));
  EXPECT_FALSE(targets(c, "model.layers.2.experts.4.q_proj"));
  EXPECT_FALSE(targets(c, "q_proj"));
  c = config("\"target_modules\": [\"q_proj\"], \"layers_to_transform\": 1, "
             "\"layers_pattern\": [\"blocks\", \"lay...\"]");
  EXPECT_TRUE(targets(c, "model.layers.1.self_attn.q_proj"));
  EXPECT_FALSE(targets(c, "model.other.1.self_attn.q_proj"));
}

TEST(AdapterConfig, SavedModulesAreNotAdapted) {
  AdapterConfig c = config("\"target_modules\": [\"q_proj\"], "
                           "\"modules_to_save\": [\"self_attn\"]");
  EXPECT_FALSE(targets(c, "model.layers.1.self_attn.q_proj"));
  EXPECT_TRUE(targets(c, "model.layers.1.my_self_attn.q_proj"));
}

TEST(AdapterConfig, RanksAndScales) {
  AdapterConfig c = config("\"target_modules\": [\"a\"], \"r\": 4, "
                           "\"lora_alpha\": 6, \"rank_pattern\": {\"b\": 2, "
                           "\"1\\\\.b\": 9}, \"alpha_pattern\": {\"c|d\": 16}");
  EXPECT_EQ(valueOf(c.rankOf("x.a")), 4);
  EXPECT_EQ(valueOf(c.rankOf("x.b")), 2);
  EXPECT_EQ(valueOf(c.rankOf("x.1.b")), 9);
  EXPECT_EQ(valueOf(c.rankOf("x.bb")), 4);
  EXPECT_EQ(valueOf(c.scaleOf("x.a")), 1.5);
  EXPECT_EQ(valueOf(c.scaleOf("x.b")), 3);
  EXPECT_EQ(valueOf(c.scaleOf("x.d")), 4);
  c.usesRsLora = true;
  EXPECT_EQ(valueOf(c.scaleOf("x.a")), 3);
}

TEST(AdapterConfig, RefusesWhatItCannotDo) {
  EXPECT_EQ(message(parseAdapterConfig("{\"peft_type\": \"IA3\"}", "a.json")),
            "a.json: peft_type is \"IA3\", it must be \"LORA\"");
  for (const char *field : {"use_dora", "use_qalora", "lora_bias"})
    EXPECT_EQ(
        fault((Twine("\"target_modules\": [\"a\"], \"") + field + "\": true")
                  .str()),
        (Twine("a.json: ") + field +
         " is true, it must be false, null or empty: adapters with it "
         "are not supported")
            .str());
  EXPECT_EQ(fault("\"target_modules\": [\"a\"], "
                  "\"layer_replication\": [[0, 2]]"),
            "a.json: layer_replication is [[0,2]], it must be false, null or "
            "empty: adapters with it are not supported");
  EXPECT_EQ(fault("\"target_modules\": [\"a\"], \"new_idea\": 3"),
            "a.json: new_idea is 3, it must be false, null or empty: adapters "
            "with it are not supported");
  EXPECT_EQ(fault("\"target_modules\": [\"a\"], "
                  "\"init_lora_weights\": \"pissa\""),
            "a.json: init_lora_weights is \"pissa\", it must be true, false, "
            "\"gaussian\" or \"eva\": others change the weights of the model, "
            "too");
}

TEST(AdapterConfig, RefusesWrongFields) {
  EXPECT_EQ(fault("\"r\": 8"),
            "a.json: has neither target_modules nor target_parameters");
  EXPECT_EQ(fault("\"target_modules\": [\"a\"], \"r\": 0"),
            "a.json: r is 0, it must be between 1 and 65536");
  EXPECT_EQ(fault("\"target_modules\": \"a(\"").substr(0, 60),
            "a.json: target_modules: the expression 'a(' is wrong at char");
  EXPECT_EQ(fault("\"target_modules\": [\"a\"], \"bias\": \"some\""),
            "a.json: bias is \"some\", it must be \"none\", \"all\" or "
            "\"lora_only\"");
  EXPECT_EQ(fault("\"target_modules\": [\"a\"], \"rank_pattern\": {\"b\": 0}"),
            "a.json: rank_pattern of b is 0, it must be a positive number");
  EXPECT_EQ(fault("\"target_modules\": \"a\", \"layers_to_transform\": 1"),
            "a.json: layers_to_transform is 1, it must be null where "
            "target_modules is not a list");
}

TEST(AdapterConfig, BoundsTheEffortOfExpressions) {
  AdapterConfig c = config("\"target_modules\": \"(?:a|a)*[bc]\"");
  EXPECT_EQ(message(c.isTarget(std::string(64, 'a'))).substr(0, 43),
            "an expression takes too long to match 'aaaa");
}

namespace {
/// A model of one linear layer, and an adapter of it.
class AdapterFile : public testing::Test {
protected:
  void SetUp() override {
    base.write("model.safetensors",
               safetensors("{\"model.up.weight\":{\"dtype\":\"F32\",\"shape\":"
                           "[2,3],\"data_offsets\":[0,24]}}",
                           24));
  }

  std::string open(StringRef fields, StringRef module, int64_t rank,
                   StringRef rest = "") {
    adapter.write("adapter_config.json", with(fields));
    int64_t a = 12 * rank, end = a + 8 * rank;
    std::string name = ("\"base_model.model." + module + ".lora_").str();
    std::string r = std::to_string(rank);
    adapter.write(
        "adapter_model.safetensors",
        safetensors("{" + name + "A.weight\":{\"dtype\":\"F32\",\"shape\":[" +
                        r + ",3],\"data_offsets\":[0," + std::to_string(a) +
                        "]}," + name +
                        "B.weight\":{\"dtype\":\"F32\",\"shape\":[2," + r +
                        "],\"data_offsets\":[" + std::to_string(a) + "," +
                        std::to_string(end) + "]}}",
                    end));
    auto checkpoint = valueOf(Checkpoint::open(base.str()));
    auto opened = Adapter::open(adapter.str(), *checkpoint);
    if (opened)
      change = (*opened)->changeOf("model.up.weight");
    std::string text = message(std::move(opened));
    // Without the directory.
    size_t at = text.find(adapter.str());
    return at == 0 ? text.substr(adapter.str().size()) : text;
  }

  TemporaryDirectory base, adapter;
  AdapterChange change;
};
} // namespace

TEST_F(AdapterFile, Fits) {
  EXPECT_EQ(open("\"target_modules\": [\"up\"], \"r\": 2", "model.up", 2),
            "no error");
  EXPECT_EQ(change.a, "base_model.model.model.up.lora_A.weight");
  EXPECT_EQ(change.rank, 2);
  EXPECT_EQ(change.scale, 4);
}

TEST_F(AdapterFile, IsForAnotherModel) {
  EXPECT_EQ(open("\"target_modules\": [\"h.0\"], \"r\": 2", "h.0", 2),
            "/adapter_model.safetensors: tensor "
            "'base_model.model.h.0.lora_A.weight' is not for a module that "
            "adapter_config.json names and the model has");
}

TEST_F(AdapterFile, LacksATarget) {
  EXPECT_EQ(open("\"target_modules\": [\"up\"], \"r\": 2", "model.down", 2),
            ": the tensor 'base_model.model.model.up.lora_A.weight' is "
            "missing, which adapter_config.json asks for");
}

TEST_F(AdapterFile, HasAnotherRank) {
  EXPECT_EQ(open("\"target_modules\": [\"up\"], \"r\": 3", "model.up", 2),
            "/adapter_model.safetensors: tensor "
            "'base_model.model.model.up.lora_A.weight' has the shape [2, 3], "
            "the model and the rank ask for [3, 3]");
}

TEST_F(AdapterFile, LacksAParameter) {
  EXPECT_EQ(open("\"target_parameters\": [\"experts.down_proj\"], \"r\": 2",
                 "model.up", 2),
            "/adapter_config.json: target_parameters names "
            "'experts.down_proj', which the model does not have");
}
