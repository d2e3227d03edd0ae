//===- MixtureRecipeTest.cpp - tests of the reader of recipes ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A recipe with every key, and every way to get one wrong, with its position.
//
//===----------------------------------------------------------------------===//

#include "lib/Assembly/MixtureRecipe.h"

#include "test/lib/Checkpoint/Support.h"

using namespace fpmoe;
using namespace fpmoe::test;
using namespace llvm;

static constexpr StringLiteral whole = R"(name = "mixture"
base = "base"
layout = "qwen2_moe"
experts_per_token = 2
normalize = false
dtype = "bf16"

[parts]
base = "parts/base"
haskell = { path = "/parts/haskell" }
ocaml = { of = "base", adapter = "adapters/ocaml", scale = 0.5 }
scala = { adapter = ["a", "b"] }

[[experts]]
name = "haskell"
scale = 0.5
prompts = ["main = do"]
negative_prompts = ["let rec"]

[[experts]]
name = "caml"
part = "ocaml"
prompts = ["let rec"]

[shared_expert]
part = "base"
scale = 2
gate = { method = "zeros" }

[gate]
method = "cheap_embed"

[merge]
method = "ties"
normalize = false
lambda = 0.5
parts = [
  { part = "haskell", weight = 0.3, density = 0.2 },
  { part = "ocaml" },
]

[compile]
languages = ["caml"]
)";

static std::string fault(const std::string &text) {
  return message(parseMixtureRecipe(text, "r.toml"));
}

/// The message for the whole recipe with `from` in the place of `to`.
static std::string faultWith(StringRef from, StringRef to) {
  auto [head, tail] = StringRef(whole).split(from);
  EXPECT_LT(head.size(), whole.size()) << from.str();
  return fault((head + to + tail).str());
}

TEST(MixtureRecipe, ReadsEveryKey) {
  auto recipe = valueOf(parseMixtureRecipe(whole, "dir/r.toml"));
  EXPECT_EQ(recipe.name, "mixture");
  EXPECT_EQ(recipe.layout, MixtureRecipe::Qwen2Moe);
  EXPECT_EQ(recipe.expertsPerToken, 2);
  EXPECT_FALSE(recipe.normalizeTopK);
  EXPECT_EQ(recipe.dtype, "bf16");
  ASSERT_EQ(recipe.parts.size(), 4u);
  EXPECT_EQ(recipe.findPart("base")->path.text, "dir/parts/base");
  EXPECT_EQ(recipe.findPart("haskell")->path.text, "/parts/haskell");
  const PartSpec *ocaml = recipe.findPart("ocaml");
  EXPECT_EQ(ocaml->of.text, "base");
  ASSERT_EQ(ocaml->adapters.size(), 1u);
  EXPECT_EQ(ocaml->adapters[0].text, "dir/adapters/ocaml");
  EXPECT_EQ(ocaml->scale, 0.5);
  const PartSpec *scala = recipe.findPart("scala");
  EXPECT_EQ(scala->of.text, "base");
  EXPECT_EQ(scala->adapters.size(), 2u);
  ASSERT_EQ(recipe.experts.size(), 2u);
  EXPECT_EQ(recipe.experts[0].part.text, "haskell");
  EXPECT_EQ(recipe.experts[0].scale, 0.5);
  EXPECT_EQ(recipe.experts[0].negativePrompts,
            std::vector<std::string>{"let rec"});
  EXPECT_EQ(recipe.experts[1].name.text, "caml");
  EXPECT_EQ(recipe.experts[1].part.text, "ocaml");
  EXPECT_EQ(recipe.shared->scale, 2);
  EXPECT_EQ(recipe.gate.method, GateSpec::CheapEmbed);
  EXPECT_EQ(recipe.sharedGate.method, GateSpec::Zeros);
  EXPECT_EQ(recipe.merge.method, MergeSpec::Ties);
  EXPECT_FALSE(recipe.merge.normalize);
  EXPECT_EQ(recipe.merge.lambda, 0.5);
  ASSERT_EQ(recipe.merge.inputs.size(), 2u);
  EXPECT_EQ(recipe.merge.inputs[0].weight, 0.3);
  EXPECT_EQ(recipe.merge.inputs[0].density, 0.2);
  EXPECT_EQ(recipe.merge.inputs[1].weight, 1);
  EXPECT_EQ(recipe.merge.inputs[1].density, 1);
  EXPECT_EQ(recipe.options.languages, std::vector<std::string>{"caml"});
}

TEST(MixtureRecipe, TakesDefaults) {
  auto recipe = valueOf(parseMixtureRecipe("base = \"b\"\n[parts]\nb = \"x\"\n",
                                           "dir/small.toml"));
  EXPECT_EQ(recipe.name, "small");
  EXPECT_EQ(recipe.layout, MixtureRecipe::Dense);
  EXPECT_EQ(recipe.merge.method, MergeSpec::Base);
}

TEST(MixtureRecipe, TellsWhereSyntaxIsWrong) {
  EXPECT_EQ(fault("base = \n").substr(0, 10), "r.toml:1:8");
}

TEST(MixtureRecipe, RefusesUnknownKeys) {
  EXPECT_EQ(
      faultWith("dtype =", "dtpye ="),
      "r.toml:6:1: unknown key 'dtpye', known here are 'name', 'base', "
      "'layout', 'experts_per_token', 'normalize', 'dtype', 'parts', "
      "'experts', 'languages', 'shared_adapter', 'gate', 'shared_expert', "
      "'merge', 'compile'");
  EXPECT_EQ(faultWith("scale = 0.5 }", "weight = 0.5 }"),
            "r.toml:11:52: unknown key 'weight', known here are 'adapter', "
            "'path', 'of', 'scale'");
  EXPECT_EQ(faultWith("languages =", "language ="),
            "r.toml:43:1: unknown key 'language', known here are 'weights', "
            "'target', 'cpu', 'gpu', 'cache', 'languages', "
            "'prefill_tokens', 'context', 'rope_scaling', 'chat_template', 'static' and 'weights_file'");
}

TEST(MixtureRecipe, RefusesUnknownMethods) {
  EXPECT_EQ(faultWith("method = \"ties\"", "method = \"slerp\""),
            "r.toml:34:10: 'method' is 'slerp', known are 'linear', "
            "'task_arithmetic', 'ties', 'peft_ties'");
  EXPECT_EQ(faultWith("\"cheap_embed\"", "\"cheap\""),
            "r.toml:31:10: 'method' is 'cheap', known are 'zeros', 'random', "
            "'part', 'cheap_embed', 'hidden', 'hidden_avg'");
  EXPECT_EQ(faultWith("\"qwen2_moe\"", "\"gpt\""),
            "r.toml:3:10: 'layout' is 'gpt', known are 'dense', 'qwen2_moe', "
            "'qwen3_moe', 'mixtral', 'multipl_moe'");
}

TEST(MixtureRecipe, MethodsThatNeedPrompts) {
  for (StringRef method : {"cheap_embed", "hidden", "hidden_avg"}) {
    std::string text = whole.str();
    text.replace(text.find("cheap_embed"), StringRef("cheap_embed").size(),
                 method.str());
    EXPECT_TRUE(
        valueOf(parseMixtureRecipe(text, "r.toml")).gate.needsPrompts());
    text.erase(text.find("prompts = [\"let rec\"]\n\n[shared"),
               StringRef("prompts = [\"let rec\"]").size());
    EXPECT_EQ(fault(text), "r.toml:21:8: the expert 'caml' has no 'prompts', "
                           "which the gate is made of");
  }
}

TEST(MixtureRecipe, RefusesMissingParts) {
  EXPECT_EQ(faultWith("part = \"ocaml\"\nprompts", "part = \"rust\"\nprompts"),
            "r.toml:22:8: the part of an expert is 'rust', which is not among "
            "[parts]");
  EXPECT_EQ(faultWith("base = \"base\"\nlayout", "base = \"bsae\"\nlayout"),
            "r.toml:2:8: the base is 'bsae', which is not among [parts]");
  EXPECT_EQ(faultWith("{ part = \"ocaml\" }", "{ part = \"rust\" }"),
            "r.toml:39:12: a part to merge is 'rust', which is not among "
            "[parts]");
  EXPECT_EQ(faultWith("\"cheap_embed\"", "\"part\"\npart = \"rust\""),
            "r.toml:32:8: the gate's part is 'rust', which is not among "
            "[parts]");
  EXPECT_EQ(faultWith("\"cheap_embed\"", "\"part\"\npart = \"scala\""),
            "r.toml:32:8: the gate's part is the adapter 'scala', it must be a "
            "checkpoint");
  EXPECT_EQ(faultWith("of = \"base\"", "of = \"scala\""),
            "r.toml:11:16: the part 'ocaml' is an adapter of 'scala', which is "
            "no checkpoint itself");
}

TEST(MixtureRecipe, RefusesWrongNumbers) {
  EXPECT_EQ(faultWith("density = 0.2", "density = 0"),
            "r.toml:38:47: 'density' must be above 0 and at most 1, it is 0");
  EXPECT_EQ(faultWith("density = 0.2", "density = 1.5"),
            "r.toml:38:47: 'density' must be above 0 and at most 1, it is 1.5");
  EXPECT_EQ(faultWith("density = 0.2", "density = nan"),
            "r.toml:38:47: 'density' must be above 0 and at most 1, it is nan");
  EXPECT_EQ(faultWith("weight = 0.3", "weight = \"a\""),
            "r.toml:38:32: 'weight' must be a number");
  EXPECT_EQ(faultWith("token = 2", "token = 3"),
            "r.toml:3:10: experts_per_token is 3, it must be at most the "
            "number of experts, 2");
  EXPECT_EQ(faultWith("token = 2", "token = 0"),
            "r.toml:4:21: 'experts_per_token' must be between 1 and 1024, it "
            "is 0");
}

TEST(MixtureRecipe, RefusesTwoExpertsOfOneName) {
  EXPECT_EQ(faultWith("\"caml\"", "\"haskell\""),
            "r.toml:21:8: there are two experts named 'haskell'");
}

TEST(MixtureRecipe, RefusesALanguageWithoutExpert) {
  EXPECT_EQ(faultWith("[\"caml\"]", "[\"caml\", \"rust\"]"),
            "r.toml:43:22: there is no expert for the language 'rust'");
}

TEST(MixtureRecipe, RefusesTablesThatDoNotGoTogether) {
  EXPECT_EQ(faultWith("layout = \"qwen2_moe\"", "layout = \"mixtral\""),
            "r.toml:25:1: only the layouts 'qwen2_moe' and 'multipl_moe' have "
            "a shared expert");
  EXPECT_EQ(faultWith("layout = \"qwen2_moe\"", ""),
            "r.toml:2:8: [[experts]] need a 'layout'");
  EXPECT_EQ(faultWith("prompts = [\"let rec\"]\n\n[shared", "\n\n[shared"),
            "r.toml:21:8: the expert 'caml' has no 'prompts', which the gate "
            "is made of");
  EXPECT_EQ(faultWith("{ path = \"/parts/haskell\" }", "{ }"),
            "r.toml:10:1: the part 'haskell' must have either 'path' or "
            "'adapter'");
  EXPECT_EQ(faultWith("\"ties\"\nnormalize = false", "\"linear\""),
            "r.toml:37:37: unknown key 'density', known here are 'part', "
            "'weight'");
}

static constexpr StringLiteral twoLevels = R"(base = "base"
layout = "multipl_moe"
segment_length = 32
max_experts_per_segment = 1

[parts]
base = "parts/base"
haskell = "parts/haskell"

[[experts]]
name = "haskell"
level = "segment"

[[experts]]
name = "haskell"

[[experts]]
name = "other"
part = "base"

[shared_expert]
part = "base"

[gate]
method = "zeros"
)";

static std::string levelFault(StringRef from, StringRef to) {
  auto [head, tail] = StringRef(twoLevels).split(from);
  EXPECT_LT(head.size(), twoLevels.size()) << from.str();
  return fault((head + to + tail).str());
}

TEST(MixtureRecipe, ReadsTwoLevels) {
  auto recipe = valueOf(parseMixtureRecipe(twoLevels, "r.toml"));
  EXPECT_EQ(recipe.layout, MixtureRecipe::MultiPLMoe);
  EXPECT_EQ(recipe.levels.segment, 32);
  EXPECT_EQ(recipe.levels.maxExperts, 1);
  EXPECT_EQ(recipe.levels.capacity, 1);
  EXPECT_EQ(recipe.levels.tokenWeight, 0.7);
  EXPECT_EQ(recipe.levels.segmentWeight, 0.3);
  EXPECT_EQ(recipe.countExperts(ExpertSpec::Token), 2);
  EXPECT_EQ(recipe.countExperts(ExpertSpec::Segment), 1);
  std::vector<std::string> names;
  for (const ExpertSpec &row : recipe.getRouterRows())
    names.push_back(row.name.text);
  EXPECT_EQ(names, (std::vector<std::string>{"haskell", "other", "shared",
                                             "haskell"}));
}

TEST(MixtureRecipe, RefusesWrongLevels) {
  EXPECT_EQ(levelFault("\"segment\"", "\"sentence\""),
            "r.toml:12:9: 'level' is 'sentence', known are 'token', 'segment'");
  EXPECT_EQ(levelFault("level = \"segment\"", ""),
            "r.toml:15:8: there are two experts named 'haskell'");
  EXPECT_EQ(
      levelFault("level = \"segment\"", "level = \"segment\"\ncopies = 2"),
      "r.toml:13:1: unknown key 'copies', known here are 'name', 'part', "
      "'scale', 'prompts', 'negative_prompts', 'level'");
  EXPECT_EQ(levelFault("name = \"haskell\"\nlevel = \"segment\"",
                       "name = \"third\"\npart = \"base\""),
            "r.toml:2:10: the layout 'multipl_moe' needs [[experts]] with "
            "level = \"segment\"");
  EXPECT_EQ(levelFault("[[experts]]\nname = \"haskell\"\n\n[[experts]]\nname = "
                       "\"other\"\npart = \"base\"\n",
                       ""),
            "r.toml:2:10: the layout 'multipl_moe' needs [[experts]] with "
            "level = \"token\"");
  EXPECT_EQ(levelFault("[shared_expert]\npart = \"base\"\n", ""),
            "r.toml:2:10: the layout 'multipl_moe' needs a [shared_expert]");
  EXPECT_EQ(levelFault("\"other\"", "\"shared\""),
            "r.toml:18:8: on the token level, 'shared' is the name of the "
            "shared expert");
  EXPECT_EQ(
      levelFault("part = \"base\"\n\n[gate]",
                 "part = \"base\"\ngate = { method = \"zeros\" }\n\n[gate]"),
      "r.toml:23:1: unknown key 'gate', known here are 'part', 'scale', "
      "'prompts', 'negative_prompts'");
}

TEST(MixtureRecipe, RefusesWrongNumbersOfLevels) {
  EXPECT_EQ(levelFault("segment_length = 32", "segment_length = 1"),
            "r.toml:3:18: 'segment_length' must be between 2 and 65536, it is "
            "1");
  EXPECT_EQ(levelFault("per_segment = 1", "per_segment = 2"),
            "r.toml:2:10: max_experts_per_segment is 2, it must be at most the "
            "number of experts of the level 'segment', 1");
  EXPECT_EQ(levelFault("segment_length = 32", "token_weight = 0"),
            "r.toml:3:16: 'token_weight' must be above 1e-06 and at most "
            "1e+06, it is 0");
  EXPECT_EQ(levelFault("segment_length = 32", "experts_per_token = 3"),
            "r.toml:2:10: experts_per_token is 3, it must be at most the "
            "number of experts of the level 'token', 2");
  EXPECT_EQ(levelFault("segment_length = 32", "normalize = false"),
            "r.toml:2:10: the layout 'multipl_moe' always normalises; "
            "'normalize' is false");
}

TEST(MixtureRecipe, RefusesLevelsOfOtherLayouts) {
  EXPECT_EQ(faultWith("dtype =", "segment_length ="),
            "r.toml:6:1: unknown key 'segment_length', known here are 'name', "
            "'base', 'layout', 'experts_per_token', 'normalize', 'dtype', "
            "'parts', 'experts', 'languages', 'shared_adapter', 'gate', "
            "'shared_expert', 'merge', 'compile'");
  EXPECT_EQ(faultWith("part = \"ocaml\"\nprompts",
                      "part = \"ocaml\"\nlevel = \"token\"\nprompts"),
            "r.toml:23:1: unknown key 'level', known here are 'name', 'part', "
            "'scale', 'prompts', 'negative_prompts'");
}
