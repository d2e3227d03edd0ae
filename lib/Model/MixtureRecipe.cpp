//===- MixtureRecipe.cpp - reader of assembly recipes -----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One function a table of the file; what ties tables together is checked after
// them. See MixtureRecipe.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Model/MixtureRecipe.h"

#include "lib/Model/Input.h"
#include "lib/Model/TomlTable.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace fpmoe {

static constexpr double maxFactor = 1e6;
static constexpr int64_t maxExperts = 1024;
static constexpr size_t maxParts = 4096;

const PartSpec *MixtureRecipe::findPart(StringRef wanted) const {
  auto found = find_if(parts, [&](const PartSpec &part) {
    return StringRef(part.name) == wanted;
  });
  return found == parts.end() ? nullptr : &*found;
}

Error MixtureRecipe::errorAt(const Located &place, const Twine &what) const {
  return fileError(
      (fileName + ":" + Twine(place.line) + ":" + Twine(place.column)).str(),
      what);
}

static Located locate(StringRef text, const toml::source_region &region) {
  return {text.str(), region.begin.line, region.begin.column};
}

namespace {
/// Fills a MixtureRecipe, table by table.
class RecipeParser {
public:
  explicit RecipeParser(StringRef fileName) {
    recipe.fileName = fileName.str();
  }

  Error top(const toml::table &table);
  MixtureRecipe recipe;

private:
  TomlTable read(const toml::table &table) {
    return TomlTable(table, recipe.fileName);
  }
  void resolve(Located &path) const;
  Error parts(const toml::table &table);
  Error part(Located name, const toml::node &node);
  Error expert(const toml::node &node);
  Error language(const toml::node &node);
  Error checkAdapter(const Located &name) const;
  Error shared(const toml::table &table);
  Error expertKeys(TomlTable &keys, ExpertSpec &spec);
  Error gate(const toml::table &table, GateSpec &spec);
  Error merge(const toml::table &table);
  Error mergeInput(const toml::node &node);

  Error check();
  Error checkPart(const Located &name, StringRef what) const;
  Error checkGate(const GateSpec &gate) const;
  Error checkPrompts() const;

  bool hasGate = false, hasSharedGate = false;
  Located sharedPlace;
};
} // namespace

/// Paths are relative to the directory of the recipe.
void RecipeParser::resolve(Located &path) const {
  if (sys::path::is_absolute(path.text))
    return;
  SmallString<256> full(sys::path::parent_path(recipe.fileName));
  sys::path::append(full, path.text);
  path.text = std::string(full);
}

Error RecipeParser::part(Located name, const toml::node &node) {
  toml::table empty;
  TomlTable none = read(empty);
  PartSpec spec;
  spec.name = name;
  if (node.is_string()) {
    Expected<Located> path = none.readString(node, name.text);
    if (!path)
      return path.takeError();
    spec.path = *path;
  } else if (const toml::table *table = node.as_table()) {
    TomlTable keys = read(*table);
    const toml::node *adapter = keys.get("adapter");
    if (adapter && adapter->is_array()) {
      if (Error e = keys.strings("adapter", spec.adapters))
        return e;
    } else if (adapter) {
      spec.adapters.emplace_back();
      if (Error e = keys.string("adapter", spec.adapters.back()))
        return e;
    }
    if (Error e = keys.string("path", spec.path))
      return e;
    if (Error e = keys.string("of", spec.of))
      return e;
    if (Error e = keys.real("scale", spec.scale, -maxFactor, maxFactor))
      return e;
    if (Error e = keys.finish())
      return e;
    if (spec.path.empty() == spec.adapters.empty())
      return recipe.errorAt(name, "the part " + quoted(name) +
                                      " must have either 'path' or 'adapter'");
    if (!spec.path.empty() && (!spec.of.empty() || keys.get("scale")))
      return recipe.errorAt(name, "the part " + quoted(name) +
                                      " has no adapter that 'of' and 'scale' "
                                      "could belong to");
  } else {
    return none.wrong(node, name, "the path of a checkpoint or a table");
  }
  if (!spec.path.empty())
    resolve(spec.path);
  for (Located &adapter : spec.adapters)
    resolve(adapter);
  recipe.parts.push_back(std::move(spec));
  return Error::success();
}

Error RecipeParser::parts(const toml::table &table) {
  if (table.size() > maxParts)
    return recipe.errorAt(locate("", table.source()),
                          "there are " + Twine(table.size()) +
                              " parts, the limit is " + Twine(maxParts));
  for (auto &&[key, node] : table) {
    Located name = locate(key.str(), key.source());
    if (std::string fault = checkExpertNames(name.text); !fault.empty())
      return recipe.errorAt(name, "as the name of a part: " + fault);
    if (Error e = part(name, node))
      return e;
  }
  return Error::success();
}

Error RecipeParser::expertKeys(TomlTable &keys, ExpertSpec &spec) {
  std::vector<Located> prompts, negative;
  if (Error e = keys.string("part", spec.part))
    return e;
  if (Error e = keys.real("scale", spec.scale, -maxFactor, maxFactor))
    return e;
  if (Error e = keys.strings("prompts", prompts))
    return e;
  if (Error e = keys.strings("negative_prompts", negative))
    return e;
  for (Located &prompt : prompts)
    spec.prompts.push_back(std::move(prompt.text));
  for (Located &prompt : negative)
    spec.negativePrompts.push_back(std::move(prompt.text));
  return Error::success();
}

Error RecipeParser::expert(const toml::node &node) {
  if (!node.is_table())
    return recipe.errorAt(locate("", node.source()),
                          "'experts' must be an array of tables: [[experts]]");
  TomlTable keys = read(*node.as_table());
  ExpertSpec spec;
  if (Error e = keys.required("name", spec.name))
    return e;
  if (Error e = expertKeys(keys, spec))
    return e;
  if (spec.part.empty())
    spec.part = spec.name;
  if (std::string fault = checkExpertNames(spec.name.text); !fault.empty())
    return recipe.errorAt(spec.name, fault);
  for (const ExpertSpec &other : recipe.experts)
    if (other.name.text == spec.name.text)
      return recipe.errorAt(spec.name,
                            "there are two experts named " + quoted(spec.name));
  if (static_cast<int64_t>(recipe.experts.size()) == maxExperts)
    return recipe.errorAt(spec.name, "there are more than " +
                                         Twine(maxExperts) + " experts");
  recipe.experts.push_back(std::move(spec));
  return keys.finish();
}

Error RecipeParser::language(const toml::node &node) {
  if (!node.is_table())
    return recipe.errorAt(
        locate("", node.source()),
        "'languages' must be an array of tables: [[languages]]");
  TomlTable keys = read(*node.as_table());
  LanguageSpec spec;
  if (Error e = keys.required("name", spec.name))
    return e;
  if (Error e = keys.string("part", spec.part))
    return e;
  if (spec.part.empty())
    spec.part = spec.name;
  if (std::string fault = checkExpertNames(spec.name.text); !fault.empty())
    return recipe.errorAt(spec.name, fault);
  for (const LanguageSpec &other : recipe.languages)
    if (other.name.text == spec.name.text)
      return recipe.errorAt(spec.name, "there are two languages named " +
                                           quoted(spec.name));
  if (static_cast<int64_t>(recipe.languages.size()) == maxExperts)
    return recipe.errorAt(spec.name, "there are more than " +
                                         Twine(maxExperts) + " languages");
  recipe.languages.push_back(std::move(spec));
  return keys.finish();
}

/// That a part is one adapter on the base.
Error RecipeParser::checkAdapter(const Located &name) const {
  if (Error e = checkPart(name, "an adapter"))
    return e;
  const PartSpec &part = *recipe.findPart(name);
  if (part.adapters.size() == 1 && part.of.text == recipe.base.text)
    return Error::success();
  return recipe.errorAt(name, "the part " + quoted(name) +
                                  " must be one adapter on the base to be kept "
                                  "as a low-rank path");
}

Error RecipeParser::gate(const toml::table &table, GateSpec &spec) {
  TomlTable keys = read(table);
  unsigned method = spec.method;
  spec.place = locate("", table.source());
  if (Error e =
          keys.choice("method", {"zeros", "random", "part", "cheap_embed"},
                      method, &spec.place))
    return e;
  spec.method = static_cast<GateSpec::Method>(method);
  int64_t seed = 0;
  if (spec.method == GateSpec::Random) {
    if (Error e = keys.integer("seed", seed, 0, INT64_MAX))
      return e;
    if (Error e = keys.real("stddev", spec.stddev, 0, maxFactor))
      return e;
  }
  spec.seed = seed;
  if (spec.method == GateSpec::Part)
    if (Error e = keys.required("part", spec.part))
      return e;
  return keys.finish();
}

Error RecipeParser::shared(const toml::table &table) {
  TomlTable keys = read(table);
  ExpertSpec spec;
  sharedPlace = spec.name = locate("shared_expert", table.source());
  if (Error e = expertKeys(keys, spec))
    return e;
  if (spec.part.empty())
    return recipe.errorAt(spec.name, "[shared_expert] has no 'part'");
  if (Error e = keys.inner("gate", [&](const toml::table &inner) {
        hasSharedGate = true;
        return gate(inner, recipe.sharedGate);
      }))
    return e;
  recipe.shared = std::move(spec);
  return keys.finish();
}

Error RecipeParser::mergeInput(const toml::node &node) {
  if (!node.is_table())
    return recipe.errorAt(locate("", node.source()),
                          "'parts' of [merge] must be tables such as "
                          "{ part = \"NAME\", weight = 0.5 }");
  TomlTable keys = read(*node.as_table());
  MergeInput input;
  bool isTies = recipe.merge.method == MergeSpec::Ties ||
                recipe.merge.method == MergeSpec::PeftTies;
  if (Error e = keys.required("part", input.part))
    return e;
  if (Error e = keys.real("weight", input.weight, -maxFactor, maxFactor))
    return e;
  if (isTies)
    if (Error e = keys.real("density", input.density, 0, 1))
      return e;
  recipe.merge.inputs.push_back(std::move(input));
  return keys.finish();
}

Error RecipeParser::merge(const toml::table &table) {
  TomlTable keys = read(table);
  MergeSpec &spec = recipe.merge;
  unsigned method = 0;
  if (!table.contains("method"))
    return recipe.errorAt(locate("", table.source()),
                          "[merge] has no 'method'");
  if (Error e = keys.choice(
          "method", {"linear", "task_arithmetic", "ties", "peft_ties"}, method))
    return e;
  spec.method = static_cast<MergeSpec::Method>(MergeSpec::Linear + method);
  // As mergekit's defaults are.
  spec.normalize =
      spec.method == MergeSpec::Linear || spec.method == MergeSpec::Ties;
  if (spec.method != MergeSpec::PeftTies)
    if (Error e = keys.boolean("normalize", spec.normalize))
      return e;
  if (spec.method != MergeSpec::Linear)
    if (Error e = keys.real("lambda", spec.lambda, -maxFactor, maxFactor))
      return e;
  if (Error e = keys.array("parts", "tables", [&](const toml::node &node) {
        return mergeInput(node);
      }))
    return e;
  if (spec.inputs.empty())
    return recipe.errorAt(locate("", table.source()), "[merge] has no 'parts'");
  double sum = 0;
  for (const MergeInput &input : spec.inputs)
    sum += input.weight;
  if (spec.method == MergeSpec::Linear && spec.normalize && sum == 0)
    return recipe.errorAt(locate("", table.source()),
                          "the weights of [merge] sum to zero, which a "
                          "normalised merge divides by");
  return keys.finish();
}

Error RecipeParser::checkPart(const Located &name, StringRef what) const {
  if (recipe.findPart(name))
    return Error::success();
  return recipe.errorAt(name, what + " is " + quoted(name) +
                                  ", which is not among [parts]");
}

Error RecipeParser::checkGate(const GateSpec &gate) const {
  if (gate.method != GateSpec::Part)
    return Error::success();
  if (Error e = checkPart(gate.part, "the gate's part"))
    return e;
  if (recipe.findPart(gate.part)->path.empty())
    return recipe.errorAt(gate.part, "the gate's part is the adapter " +
                                         quoted(gate.part) +
                                         ", it must be a checkpoint");
  return Error::success();
}

Error RecipeParser::checkPrompts() const {
  for (const ExpertSpec &expert : recipe.experts)
    if (recipe.gate.needsPrompts() && expert.prompts.empty())
      return recipe.errorAt(expert.name, "the expert " + quoted(expert.name) +
                                             " has no 'prompts', which the "
                                             "gate is made of");
  if (recipe.shared && recipe.sharedGate.needsPrompts() &&
      recipe.shared->prompts.empty())
    return recipe.errorAt(sharedPlace, "[shared_expert] has no 'prompts', "
                                       "which its gate is made of");
  return Error::success();
}

Error RecipeParser::check() {
  if (Error e = checkPart(recipe.base, "the base"))
    return e;
  for (PartSpec &part : recipe.parts) {
    if (part.adapters.empty())
      continue;
    if (part.of.empty())
      part.of = recipe.base;
    if (Error e = checkPart(part.of, "the checkpoint of an adapter"))
      return e;
    if (recipe.findPart(part.of)->path.empty())
      return recipe.errorAt(
          part.of, "the part " + quoted(part.name) + " is an adapter of " +
                       quoted(part.of) + ", which is no checkpoint itself");
  }
  for (const ExpertSpec &expert : recipe.experts)
    if (Error e = checkPart(expert.part, "the part of an expert"))
      return e;
  if (recipe.shared)
    if (Error e = checkPart(recipe.shared->part, "the part"))
      return e;
  for (const LanguageSpec &language : recipe.languages)
    if (Error e = checkAdapter(language.part))
      return e;
  if (!recipe.sharedAdapter.empty()) {
    if (recipe.languages.empty())
      return recipe.errorAt(recipe.sharedAdapter,
                            "'shared_adapter' needs [[languages]]");
    if (Error e = checkAdapter(recipe.sharedAdapter))
      return e;
  }
  if (!recipe.languages.empty() && recipe.layout != MixtureRecipe::Dense)
    return recipe.errorAt(recipe.layoutPlace,
                          "[[languages]] are adapters on a base without a "
                          "'layout'");
  for (const MergeInput &input : recipe.merge.inputs)
    if (Error e = checkPart(input.part, "a part to merge"))
      return e;
  if (Error e = checkGate(recipe.gate))
    return e;
  if (Error e = checkGate(recipe.sharedGate))
    return e;
  if (Error e = checkPrompts())
    return e;
  if (recipe.expertsPerToken > static_cast<int64_t>(recipe.experts.size()) &&
      !recipe.experts.empty())
    return recipe.errorAt(recipe.layoutPlace,
                          "experts_per_token is " +
                              Twine(recipe.expertsPerToken) +
                              ", it must be at most the number of experts, " +
                              Twine(recipe.experts.size()));
  return Error::success();
}

Error RecipeParser::top(const toml::table &table) {
  TomlTable keys = read(table);
  Located name, dtype;
  unsigned layout = 0;
  if (Error e = keys.string("name", name))
    return e;
  recipe.name =
      name.empty() ? sys::path::stem(sys::path::filename(recipe.fileName)).str()
                   : name.text;
  if (Error e = keys.required("base", recipe.base))
    return e;
  recipe.layoutPlace = recipe.base;
  if (Error e =
          keys.choice("layout", {"dense", "qwen2_moe", "qwen3_moe", "mixtral"},
                      layout, &recipe.layoutPlace))
    return e;
  recipe.layout = static_cast<MixtureRecipe::Layout>(layout);
  if (Error e = keys.integer("experts_per_token", recipe.expertsPerToken, 1,
                             maxExperts))
    return e;
  if (Error e = keys.boolean("normalize", recipe.normalizeTopK))
    return e;
  unsigned format = 0;
  if (Error e = keys.choice("dtype", {"f32", "bf16"}, format, &dtype))
    return e;
  recipe.dtype = dtype.text;
  if (!table.contains("parts"))
    return recipe.errorAt(recipe.base, "there are no [parts]");
  if (Error e =
          keys.inner("parts", [&](const toml::table &t) { return parts(t); }))
    return e;
  if (Error e = keys.array("experts", "tables", [&](const toml::node &node) {
        return expert(node);
      }))
    return e;
  if (Error e = keys.array("languages", "tables", [&](const toml::node &node) {
        return language(node);
      }))
    return e;
  if (Error e = keys.string("shared_adapter", recipe.sharedAdapter))
    return e;
  if (Error e = keys.inner("gate", [&](const toml::table &t) {
        hasGate = true;
        return gate(t, recipe.gate);
      }))
    return e;
  if (Error e = keys.inner("shared_expert",
                           [&](const toml::table &t) { return shared(t); }))
    return e;
  if (Error e =
          keys.inner("merge", [&](const toml::table &t) { return merge(t); }))
    return e;
  keys.get("compile");
  if (Error e = keys.finish())
    return e;

  bool isMixture = recipe.layout != MixtureRecipe::Dense;
  if (isMixture == recipe.experts.empty())
    return recipe.errorAt(recipe.layoutPlace,
                          isMixture ? "the layout needs [[experts]]"
                                    : "[[experts]] need a 'layout'");
  if ((recipe.layout == MixtureRecipe::Qwen2Moe) != recipe.shared.has_value())
    return recipe.errorAt(
        recipe.shared ? sharedPlace : recipe.layoutPlace,
        recipe.shared ? "only the layout 'qwen2_moe' has a shared expert"
                      : "the layout 'qwen2_moe' needs a [shared_expert]");
  if (isMixture != hasGate)
    return recipe.errorAt(hasGate ? recipe.gate.place : recipe.layoutPlace,
                          hasGate ? "[gate] needs [[experts]]"
                                  : "the layout needs a [gate]");
  // One table says how both are made, unless the shared expert has its own.
  if (recipe.shared && !hasSharedGate)
    recipe.sharedGate = recipe.gate;
  return check();
}

/// `[compile] languages` must be names of experts; says where one is not.
static Error checkLanguages(const toml::table &table,
                            const MixtureRecipe &recipe) {
  const auto *compile = table["compile"].as_table();
  const auto *languages = compile ? compile->get("languages") : nullptr;
  if (!languages || !languages->is_array())
    return Error::success();
  for (const toml::node &node : *languages->as_array()) {
    const auto *language = node.as_string();
    if (!language ||
        any_of(recipe.experts,
               [&](const ExpertSpec &expert) {
                 return expert.name.text == language->get();
               }) ||
        any_of(recipe.languages, [&](const LanguageSpec &each) {
          return each.name.text == language->get();
        }))
      continue;
    return recipe.errorAt(locate("", node.source()),
                          "there is no expert for the language " +
                              quoted(language->get()));
  }
  return Error::success();
}

Expected<MixtureRecipe> parseMixtureRecipe(StringRef text, StringRef fileName) {
  Expected<FileOptions> options = parseCompileOptions(text, fileName);
  if (!options)
    return options.takeError();
  toml::parse_result result =
      toml::parse(std::string_view(text.data(), text.size()));
  RecipeParser parser(fileName);
  if (Error e = parser.top(result.table()))
    return e;
  if (Error e = checkLanguages(result.table(), parser.recipe))
    return e;
  parser.recipe.options = std::move(*options);
  return std::move(parser.recipe);
}

Expected<MixtureRecipe> readMixtureRecipe(const std::string &path) {
  Expected<std::string> text = readSmallFile(path, maxConfigFile);
  if (!text)
    return text.takeError();
  return parseMixtureRecipe(*text, path);
}

} // namespace fpmoe
