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

#include "lib/Assembly/Adapter.h"

#include "test/lib/Checkpoint/Support.h"

#include <map>

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
  EXPECT_EQ(valueOf(c.rankOf("x.1.b")), 2);
  EXPECT_EQ(valueOf(c.rankOf("x.bb")), 4);
  EXPECT_EQ(valueOf(c.scaleOf("x.a")), 1.5);
  EXPECT_EQ(valueOf(c.scaleOf("x.b")), 3);
  EXPECT_EQ(valueOf(c.scaleOf("x.d")), 4);
  c.usesRsLora = true;
  EXPECT_EQ(valueOf(c.scaleOf("x.a")), 3);
}

TEST(AdapterConfig, TheFirstPatternOfTheFileCounts) {
  AdapterConfig c =
      config("\"target_modules\": [\"q\"], \"r\": 1, \"alpha_pattern\": "
             "{\"q\": 2, \"layers.0.q\": 64, \"^v\": 5, "
             "\"^model.layers.[01].v\": 7, \".*v\": 9}, "
             "\"rank_pattern\": {\"layers.0.q\": 2, \"q\": 4}");
  EXPECT_EQ(valueOf(c.scaleOf("model.layers.0.q")), 1);
  EXPECT_EQ(valueOf(c.rankOf("model.layers.0.q")), 2);
  EXPECT_EQ(valueOf(c.scaleOf("model.layers.1.q")), 0.5);
  // The anchor is that of the whole path.
  EXPECT_EQ(valueOf(c.scaleOf("model.layers.1.v")), 7);
  EXPECT_EQ(valueOf(c.scaleOf("model.layers.2.v")), 9);
  EXPECT_EQ(valueOf(c.scaleOf("v")), 5);
}

TEST(AdapterConfig, StartsThatLeaveTheModelAlone) {
  for (const char *start : {"true", "false", "null", "\"gaussian\"", "\"eva\"",
                            "\"orthogonal\"", "\"mica\""})
    EXPECT_EQ(fault((Twine("\"target_modules\": [\"a\"], "
                           "\"init_lora_weights\": ") +
                     start)
                        .str()),
              "no error");
  for (const char *start :
       {"pissa", "pissa_niter_4", "olora", "corda", "loftq", "lora_ga"})
    EXPECT_EQ(fault((Twine("\"target_modules\": [\"a\"], "
                           "\"init_lora_weights\": \"") +
                     start + "\"")
                        .str()),
              (Twine("a.json: init_lora_weights is \"") + start +
               "\", it must be true, false, \"gaussian\", \"eva\", "
               "\"orthogonal\", \"mica\": others change the weights of the "
               "model, too; save the adapter with save_pretrained(..., "
               "path_initial_model_for_weight_conversion=...), which makes it "
               "one of the model as it was, or save the model that "
               "merge_and_unload() gives and use it as a checkpoint")
                  .str());
}

TEST(AdapterConfig, AnyAlpha) {
  AdapterConfig c = config("\"target_modules\": [\"a\"], \"lora_alpha\": 0, "
                           "\"alpha_pattern\": {\"b\": -4}, \"r\": 2");
  EXPECT_EQ(valueOf(c.scaleOf("a")), 0);
  EXPECT_EQ(valueOf(c.scaleOf("b")), -2);
}

TEST(AdapterConfig, RefusesWhatItCannotDo) {
  EXPECT_EQ(message(parseAdapterConfig("{\"peft_type\": \"IA3\"}", "a.json")),
            "a.json: peft_type is \"IA3\", it must be \"LORA\"");
  for (const char *field : {"use_dora", "use_qalora"})
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
/// A model, and an adapter of it.
class AdapterFile : public testing::Test {
protected:
  using Shapes = std::map<std::string, std::vector<int64_t>>;

  /// A file of f32 of these shapes.
  static std::string fileOf(const Shapes &shapes) {
    std::string header;
    size_t end = 0;
    for (const auto &[name, shape] : shapes) {
      size_t start = end;
      int64_t elements = 1;
      std::string extents;
      for (int64_t extent : shape) {
        elements *= extent;
        extents += (extents.empty() ? "" : ",") + std::to_string(extent);
      }
      end += 4 * elements;
      header += (header.empty() ? "{\"" : ",\"") + name +
                "\":{\"dtype\":\"F32\",\"shape\":[" + extents +
                "],\"data_offsets\":[" + std::to_string(start) + "," +
                std::to_string(end) + "]}";
    }
    return safetensors(header + "}", end);
  }

  /// The error without the directory, or "no error".
  std::string open(StringRef fields, const Shapes &tensors,
                   const AdaptedModel &kind = {}) {
    base.write("model.safetensors", fileOf(model));
    adapter.write("adapter_config.json", with(fields));
    Shapes wrapped;
    for (const auto &[name, shape] : tensors)
      wrapped["base_model.model." + name] = shape;
    adapter.write("adapter_model.safetensors", fileOf(wrapped));
    auto checkpoint = valueOf(Checkpoint::open(base.str()));
    auto result = Adapter::open(adapter.str(), *checkpoint, kind);
    if (result) {
      opened = std::move(*result);
      return "no error";
    }
    std::string text = toString(result.takeError());
    size_t at = text.find(adapter.str());
    return at == 0 ? text.substr(adapter.str().size()) : text;
  }

  AdapterChange changeOf(StringRef tensor) { return opened->changeOf(tensor); }

  TemporaryDirectory base, adapter;
  Shapes model = {{"model.up.weight", {2, 3}}};
  std::unique_ptr<Adapter> opened;
};

/// The factors of a linear layer.
std::map<std::string, std::vector<int64_t>> factors(const std::string &module,
                                                    int64_t rank,
                                                    int64_t in = 3,
                                                    int64_t out = 2) {
  return {{module + ".lora_A.weight", {rank, in}},
          {module + ".lora_B.weight", {out, rank}}};
}
} // namespace

TEST_F(AdapterFile, Fits) {
  EXPECT_EQ(
      open("\"target_modules\": [\"up\"], \"r\": 2", factors("model.up", 2)),
      "no error");
  AdapterChange change = changeOf("model.up.weight");
  EXPECT_EQ(change.a, "base_model.model.model.up.lora_A.weight");
  EXPECT_EQ(change.rank, 2);
  EXPECT_EQ(change.scale, 4);
}

TEST_F(AdapterFile, IsForAnotherModel) {
  EXPECT_EQ(open("\"target_modules\": [\"h.0\"], \"r\": 2", factors("h.0", 2)),
            "/adapter_model.safetensors: tensor "
            "'base_model.model.h.0.lora_A.weight' is not for a module that "
            "adapter_config.json names and the model has");
}

TEST_F(AdapterFile, LacksATarget) {
  EXPECT_EQ(
      open("\"target_modules\": [\"up\"], \"r\": 2", factors("model.down", 2)),
      ": the tensor 'base_model.model.model.up.lora_A.weight' is "
      "missing, which adapter_config.json asks for");
}

TEST_F(AdapterFile, HasAnotherRank) {
  EXPECT_EQ(
      open("\"target_modules\": [\"up\"], \"r\": 3", factors("model.up", 2)),
      "/adapter_model.safetensors: tensor "
      "'base_model.model.model.up.lora_A.weight' has the shape [2, 3], "
      "the model and the rank ask for [3, 3]");
}

TEST_F(AdapterFile, LacksAParameter) {
  EXPECT_EQ(open("\"target_parameters\": [\"experts.down_proj\"], \"r\": 2",
                 factors("model.up", 2)),
            "/adapter_config.json: target_parameters names "
            "'experts.down_proj', which the model does not have");
}

TEST_F(AdapterFile, HasBiases) {
  Shapes tensors = factors("model.up", 2);
  tensors["model.up.lora_B.bias"] = {2};
  EXPECT_EQ(open("\"target_modules\": [\"up\"], \"r\": 2, \"lora_bias\": true",
                 tensors),
            "no error");
  EXPECT_EQ(opened->getBiases(), std::vector<std::string>{"model.up.bias"});
  AdapterChange change = changeOf("model.up.bias");
  EXPECT_EQ(change.b, "base_model.model.model.up.lora_B.bias");
  EXPECT_EQ(change.scale, 4);
}

TEST_F(AdapterFile, ATiedHeadIsAModule) {
  model = {{"model.embed_tokens.weight", {5, 3}}};
  AdaptedModel tied;
  tied.isTied = true;
  StringRef fields = "\"target_modules\": [\"lm_head\"], \"r\": 2";
  EXPECT_EQ(open(fields, factors("lm_head", 2, 3, 5), tied), "no error");
  EXPECT_TRUE(changeOf("model.embed_tokens.weight").isNone());
  EXPECT_EQ(changeOf("lm_head.weight").rank, 2);
  // Without the tie the model has none.
  EXPECT_NE(open(fields, factors("lm_head", 2, 3, 5)), "no error");
  // What is copied to be trained is one end alone.
  EXPECT_EQ(open(
                "\"target_modules\": [\"lm_head\"], \"r\": 2, "
                "\"modules_to_save\": [\"embed_tokens\"]",
                [] {
                  Shapes tensors = factors("lm_head", 2, 3, 5);
                  tensors["model.embed_tokens.weight"] = {5, 3};
                  return tensors;
                }(),
                tied),
            "no error");
  EXPECT_TRUE(changeOf("lm_head.weight").replacement.empty());
}

TEST_F(AdapterFile, KeepsATie) {
  model = {{"model.embed_tokens.weight", {5, 3}}};
  AdaptedModel tied;
  tied.isTied = true;
  Shapes tensors = factors("lm_head", 2, 3, 5);
  tensors["model.embed_tokens.lora_embedding_A"] = {2, 5};
  tensors["model.embed_tokens.lora_embedding_B"] = {3, 2};
  std::string fields = "\"target_modules\": [\"embed_tokens\"], \"r\": 2";
  EXPECT_NE(open(fields, tensors, tied), "no error");
  EXPECT_EQ(open(fields + ", \"ensure_weight_tying\": true", tensors, tied),
            "no error");
  EXPECT_EQ(changeOf("lm_head.weight").kind, AdapterChange::Linear);
}

TEST_F(AdapterFile, MoreTokens) {
  model = {{"model.embed_tokens.weight", {5, 3}}};
  AdaptedModel tied;
  tied.isTied = true;
  Shapes tensors = {{"model.embed_tokens.base_layer.weight", {7, 3}},
                    {"model.embed_tokens.lora_embedding_A", {2, 7}},
                    {"model.embed_tokens.lora_embedding_B", {3, 2}}};
  StringRef fields = "\"target_modules\": [\"embed_tokens\"], \"r\": 2";
  EXPECT_EQ(open(fields, tensors, tied), "no error");
  // The tensor under both ends is one.
  EXPECT_EQ(changeOf("lm_head.weight").replacement,
            "base_model.model.model.embed_tokens.base_layer.weight");
  EXPECT_TRUE(changeOf("lm_head.weight").b.empty());
  tensors["model.embed_tokens.base_layer.weight"] = {7, 4};
  EXPECT_EQ(open(fields, tensors, tied),
            "/adapter_model.safetensors: tensor "
            "'base_model.model.model.embed_tokens.base_layer.weight' has the "
            "shape [7, 4], the model and the rank ask for [7, 3]");
}

TEST_F(AdapterFile, ExpertsAreTwoParameters) {
  std::string block = "model.layers.0.block_sparse_moe.";
  model = {{block + "gate.weight", {2, 6}}};
  for (const char *expert : {"experts.0.", "experts.1."}) {
    model[block + expert + "w1.weight"] = {4, 6};
    model[block + expert + "w3.weight"] = {4, 6};
    model[block + expert + "w2.weight"] = {6, 4};
  }
  AdaptedModel mixtral{findArchitecture("MixtralForCausalLM")->layouts, false};
  StringRef fields =
      "\"r\": 3, \"target_modules\": [\"w1\"], \"target_parameters\": "
      "[\"gate.weight\", \"experts.down_proj\", \"experts.gate_up_proj\"]";
  std::string module = "model.layers.0.mlp.experts";
  Shapes tensors = factors("model.layers.0.mlp.gate", 3, 6, 2);
  // Each wraps the one before it.
  for (const auto &[name, shape] : factors(module + ".base_layer", 6, 6, 8))
    tensors[name] = shape;
  for (const auto &[name, shape] : factors(module, 6, 4, 6))
    tensors[name] = shape;
  EXPECT_EQ(open(fields, tensors, mixtral), "no error");
  AdapterChange up = changeOf(block + "experts.1.w3.weight");
  EXPECT_EQ(up.a, "base_model.model." + module + ".base_layer.lora_A.weight");
  EXPECT_EQ(up.expert, 1);
  EXPECT_EQ(up.firstRow, 4);
  EXPECT_EQ(up.rows, 8);
  EXPECT_EQ(changeOf(block + "experts.1.w1.weight").firstRow, 0);
  AdapterChange down = changeOf(block + "experts.0.w2.weight");
  EXPECT_EQ(down.a, "base_model.model." + module + ".lora_A.weight");
  EXPECT_EQ(changeOf(block + "gate.weight").rank, 3);
}

TEST_F(AdapterFile, ExpertsAreModulesOfOlderAdapters) {
  std::string experts = "model.layers.0.mlp.experts.";
  model = {{experts + "0.up_proj.weight", {2, 3}},
           {experts + "1.up_proj.weight", {2, 3}},
           {"model.layers.0.mlp.shared_expert.up_proj.weight", {2, 3}}};
  StringRef fields = "\"r\": 2, \"target_modules\": [\"up_proj\"]";
  Shapes tensors = factors("model.layers.0.mlp.shared_expert.up_proj", 2);
  EXPECT_EQ(open(fields, tensors), "no error");
  EXPECT_TRUE(changeOf(experts + "0.up_proj.weight").isNone());
  for (const auto &[name, shape] : factors(experts + "0.up_proj", 2))
    tensors[name] = shape;
  EXPECT_EQ(open(fields, tensors),
            ": the tensor 'base_model.model." + experts +
                "1.up_proj.lora_A.weight' is missing, which "
                "adapter_config.json asks for");
}

TEST_F(AdapterFile, IsAPickle) {
  base.write("model.safetensors", fileOf(model));
  adapter.write("adapter_config.json", with("\"target_modules\": [\"up\"]"));
  adapter.write("adapter_model.bin", "");
  auto checkpoint = valueOf(Checkpoint::open(base.str()));
  std::string text = message(Adapter::open(adapter.str(), *checkpoint));
  EXPECT_TRUE(StringRef(text).starts_with(
      adapter /
      "adapter_model.bin: is a pickle, which is not read; convert it: "
      "python3 -c '"))
      << text;
}

TEST_F(AdapterFile, IsNoModel) {
  adapter.write("adapter_config.json",
                with("\"base_model_name_or_path\": \"some/base\""));
  EXPECT_TRUE(isAdapterAlone(adapter.str()));
  std::string text = toString(suggestRecipe(adapter.str()));
  EXPECT_NE(text.find("get its base, 'some/base',"), std::string::npos) << text;
  EXPECT_NE(text.find("adapted = { adapter = \"" + adapter.str() + "\" }"),
            std::string::npos)
      << text;
  adapter.write("model.safetensors", "");
  EXPECT_FALSE(isAdapterAlone(adapter.str()));
}
