//===- MixtureRecipe.cpp - reader of assembly recipes -----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One function a table of the file; what ties tables together is checked after
// them, in MixtureRecipeChecks.cpp. See MixtureRecipe.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Assembly/MixtureRecipe.h"

#include "lib/Checkpoint/Input.h"
#include "lib/Assembly/MixtureRecipeChecks.h"
#include "lib/Assembly/TomlTable.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace fpmoe {

static constexpr double maxFactor = 1e6;
static constexpr int64_t maxExperts = 1024;
static constexpr size_t maxParts = 4096;

std::vector<ExpertSpec> MixtureRecipe::getRouterRows() const {
  std::vector<ExpertSpec> rows;
  for (ExpertSpec::Level level : {ExpertSpec::Token, ExpertSpec::Segment}) {
    copy_if(experts, std::back_inserter(rows),
            [&](const ExpertSpec &expert) { return expert.level == level; });
    if (layout == MultiPLMoe && level == ExpertSpec::Token)
      rows.push_back(*shared);
  }
  return rows;
}

int64_t MixtureRecipe::countExperts(ExpertSpec::Level level) const {
  return count_if(
      experts, [&](const ExpertSpec &expert) { return expert.level == level; });
}

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
  Error shared(const toml::table &table);
  Error levels(TomlTable &keys);
  Error expertKeys(TomlTable &keys, ExpertSpec &spec);
  Error gate(const toml::table &table, GateSpec &spec);
  Error merge(const toml::table &table);
  Error mergeInput(const toml::node &node);
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
  if (!spec.adapters.empty() && spec.of.empty())
    spec.of = recipe.base;
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
    if (std::string fault = checkExpertName(name); !fault.empty())
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
  unsigned level = spec.level;
  if (recipe.layout == MixtureRecipe::MultiPLMoe)
    if (Error e = keys.choice("level", {"token", "segment"}, level))
      return e;
  spec.level = static_cast<ExpertSpec::Level>(level);
  if (spec.part.empty())
    spec.part = spec.name;
  if (std::string fault = checkExpertName(spec.name); !fault.empty())
    return recipe.errorAt(spec.name, fault);
  for (const ExpertSpec &other : recipe.experts)
    if (other.name.text == spec.name.text && other.level == spec.level)
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
  if (std::string fault = checkExpertName(spec.name); !fault.empty())
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

Error RecipeParser::gate(const toml::table &table, GateSpec &spec) {
  TomlTable keys = read(table);
  unsigned method = spec.method;
  spec.place = locate("", table.source());
  if (Error e = keys.choice(
          "method",
          {"zeros", "random", "part", "cheap_embed", "hidden", "hidden_avg"},
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
  spec.name = locate("shared", table.source());
  if (Error e = expertKeys(keys, spec))
    return e;
  if (spec.part.empty())
    return recipe.errorAt(spec.name, "[shared_expert] has no 'part'");
  // On two levels, its row is one of the router's.
  if (recipe.layout != MixtureRecipe::MultiPLMoe)
    if (Error e = keys.inner("gate", [&](const toml::table &inner) {
          return gate(inner, recipe.sharedGate);
        }))
      return e;
  recipe.shared = std::move(spec);
  return keys.finish();
}

Error RecipeParser::levels(TomlTable &keys) {
  LevelSpec &spec = recipe.levels;
  if (Error e =
          keys.integer("segment_length", spec.segment, 2, maxPrefillTokens))
    return e;
  int64_t maxPerSegment = 0;
  if (Error e = keys.integer("max_experts_per_segment", maxPerSegment, 1,
                             maxLevelExperts))
    return e;
  if (maxPerSegment)
    spec.maxExperts = maxPerSegment;
  struct {
    StringLiteral key;
    double &value;
  } reals[] = {{"segment_capacity", spec.capacity},
               {"token_weight", spec.tokenWeight},
               {"segment_weight", spec.segmentWeight}};
  for (auto &field : reals)
    if (Error e = keys.real(field.key, field.value, 1 / maxFactor, maxFactor))
      return e;
  return Error::success();
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
  if (Error e = keys.choice(
          "layout",
          {"dense", "qwen2_moe", "qwen3_moe", "mixtral", "multipl_moe"}, layout,
          &recipe.layoutPlace))
    return e;
  recipe.layout = static_cast<MixtureRecipe::Layout>(layout);
  if (Error e = keys.integer("experts_per_token", recipe.expertsPerToken, 1,
                             maxExperts))
    return e;
  if (Error e = keys.boolean("normalize", recipe.normalizeTopK))
    return e;
  if (recipe.layout == MixtureRecipe::MultiPLMoe)
    if (Error e = levels(keys))
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
  if (Error e = keys.inner(
          "gate", [&](const toml::table &t) { return gate(t, recipe.gate); }))
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
  // One table says how both are made, unless the shared expert has its own.
  if (recipe.shared && !recipe.sharedGate.isGiven())
    recipe.sharedGate = recipe.gate;
  return Error::success();
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
  if (Error e = checkMixtureRecipe(parser.recipe))
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
