//===- MixtureRecipeChecks.cpp - what ties a recipe's tables ----*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Assembly/MixtureRecipeChecks.h"

#include "lib/Checkpoint/Input.h"

using namespace llvm;

namespace fpmoe {

namespace {
class RecipeChecks {
public:
  explicit RecipeChecks(const MixtureRecipe &recipe) : recipe(recipe) {}

  Error layout() const;
  Error parts() const;
  Error languages() const;
  Error gates() const;
  Error counts() const;

private:
  Error levels() const;
  Error part(const Located &name, StringRef what) const;
  Error adapter(const Located &name) const;
  Error gate(const GateSpec &gate) const;
  Error prompts() const;

  const MixtureRecipe &recipe;
};
} // namespace

Error RecipeChecks::layout() const {
  bool isMixture = recipe.layout != MixtureRecipe::Dense;
  if (isMixture == recipe.experts.empty())
    return recipe.errorAt(recipe.layoutPlace,
                          isMixture ? "the layout needs [[experts]]"
                                    : "[[experts]] need a 'layout'");
  bool isMultiPL = recipe.layout == MixtureRecipe::MultiPLMoe;
  bool hasShared = isMultiPL || recipe.layout == MixtureRecipe::Qwen2Moe;
  if (recipe.shared && !hasShared)
    return recipe.errorAt(recipe.shared->name,
                          "only the layouts 'qwen2_moe' and 'multipl_moe' have "
                          "a shared expert");
  if (!recipe.shared && hasShared)
    return recipe.errorAt(recipe.layoutPlace, "the layout " +
                                                  quoted(recipe.layoutPlace) +
                                                  " needs a [shared_expert]");
  bool hasGate = recipe.gate.isGiven();
  if (isMixture != hasGate)
    return recipe.errorAt(hasGate ? recipe.gate.place : recipe.layoutPlace,
                          hasGate ? "[gate] needs [[experts]]"
                                  : "the layout needs a [gate]");
  return isMultiPL ? levels() : Error::success();
}

Error RecipeChecks::levels() const {
  for (auto [level, name] : {std::pair(ExpertSpec::Token, "token"),
                             std::pair(ExpertSpec::Segment, "segment")}) {
    int64_t count = recipe.countExperts(level);
    if (count == 0)
      return recipe.errorAt(recipe.layoutPlace,
                            "the layout 'multipl_moe' needs [[experts]] with "
                            "level = \"" +
                                Twine(name) + "\"");
    if (count > maxLevelExperts)
      return recipe.errorAt(recipe.layoutPlace, "there are " + Twine(count) +
                                                    " experts of the level '" +
                                                    name + "', the limit is " +
                                                    Twine(maxLevelExperts));
  }
  for (const ExpertSpec &expert : recipe.experts)
    if (expert.level == ExpertSpec::Token && expert.name.text == "shared")
      return recipe.errorAt(expert.name, "on the token level, 'shared' is the "
                                         "name of the shared expert");
  int64_t ofSegments = recipe.countExperts(ExpertSpec::Segment);
  if (recipe.levels.maxExperts.value_or(0) > ofSegments)
    return recipe.errorAt(recipe.layoutPlace,
                          "max_experts_per_segment is " +
                              Twine(*recipe.levels.maxExperts) +
                              ", it must be at most the number of experts of "
                              "the level 'segment', " +
                              Twine(ofSegments));
  if (!recipe.normalizeTopK)
    return recipe.errorAt(recipe.layoutPlace,
                          "the layout 'multipl_moe' always normalises; "
                          "'normalize' is false");
  return Error::success();
}

Error RecipeChecks::part(const Located &name, StringRef what) const {
  if (recipe.findPart(name))
    return Error::success();
  return recipe.errorAt(name, what + " is " + quoted(name) +
                                  ", which is not among [parts]");
}

Error RecipeChecks::parts() const {
  if (Error e = part(recipe.base, "the base"))
    return e;
  for (const PartSpec &spec : recipe.parts) {
    if (spec.adapters.empty())
      continue;
    if (Error e = part(spec.of, "the checkpoint of an adapter"))
      return e;
    if (recipe.findPart(spec.of)->path.empty())
      return recipe.errorAt(
          spec.of, "the part " + quoted(spec.name) + " is an adapter of " +
                       quoted(spec.of) + ", which is no checkpoint itself");
  }
  for (const ExpertSpec &expert : recipe.experts)
    if (Error e = part(expert.part, "the part of an expert"))
      return e;
  if (recipe.shared)
    if (Error e = part(recipe.shared->part, "the part"))
      return e;
  for (const MergeInput &input : recipe.merge.inputs)
    if (Error e = part(input.part, "a part to merge"))
      return e;
  return Error::success();
}

/// That a part is one adapter on the base.
Error RecipeChecks::adapter(const Located &name) const {
  if (Error e = part(name, "an adapter"))
    return e;
  const PartSpec &spec = *recipe.findPart(name);
  if (spec.adapters.size() == 1 && spec.of.text == recipe.base.text)
    return Error::success();
  return recipe.errorAt(name, "the part " + quoted(name) +
                                  " must be one adapter on the base to be kept "
                                  "as a low-rank path");
}

Error RecipeChecks::languages() const {
  for (const LanguageSpec &language : recipe.languages)
    if (Error e = adapter(language.part))
      return e;
  if (!recipe.sharedAdapter.empty()) {
    if (recipe.languages.empty())
      return recipe.errorAt(recipe.sharedAdapter,
                            "'shared_adapter' needs [[languages]]");
    if (Error e = adapter(recipe.sharedAdapter))
      return e;
  }
  if (!recipe.languages.empty() && recipe.layout != MixtureRecipe::Dense)
    return recipe.errorAt(recipe.layoutPlace,
                          "[[languages]] are adapters on a base without a "
                          "'layout'");
  return Error::success();
}

Error RecipeChecks::gate(const GateSpec &gate) const {
  if (gate.method != GateSpec::Part)
    return Error::success();
  if (Error e = part(gate.part, "the gate's part"))
    return e;
  if (recipe.findPart(gate.part)->path.empty())
    return recipe.errorAt(gate.part, "the gate's part is the adapter " +
                                         quoted(gate.part) +
                                         ", it must be a checkpoint");
  return Error::success();
}

Error RecipeChecks::prompts() const {
  for (const ExpertSpec &expert : recipe.experts)
    if (recipe.gate.needsPrompts() && expert.prompts.empty())
      return recipe.errorAt(expert.name, "the expert " + quoted(expert.name) +
                                             " has no 'prompts', which the "
                                             "gate is made of");
  if (recipe.shared && recipe.sharedGate.needsPrompts() &&
      recipe.shared->prompts.empty())
    return recipe.errorAt(recipe.shared->name,
                          "[shared_expert] has no 'prompts', "
                          "which its gate is made of");
  return Error::success();
}

Error RecipeChecks::gates() const {
  if (Error e = gate(recipe.gate))
    return e;
  if (Error e = gate(recipe.sharedGate))
    return e;
  return prompts();
}

Error RecipeChecks::counts() const {
  int64_t count = recipe.countExperts(ExpertSpec::Token);
  if (recipe.expertsPerToken > count && !recipe.experts.empty())
    return recipe.errorAt(recipe.layoutPlace,
                          "experts_per_token is " +
                              Twine(recipe.expertsPerToken) +
                              ", it must be at most the number of experts" +
                              (recipe.layout == MixtureRecipe::MultiPLMoe
                                   ? " of the level 'token', "
                                   : ", ") +
                              Twine(count));
  return Error::success();
}

Error checkMixtureRecipe(const MixtureRecipe &recipe) {
  RecipeChecks checks(recipe);
  for (auto check :
       {&RecipeChecks::layout, &RecipeChecks::parts, &RecipeChecks::languages,
        &RecipeChecks::gates, &RecipeChecks::counts})
    if (Error e = (checks.*check)())
      return e;
  return Error::success();
}

} // namespace fpmoe
