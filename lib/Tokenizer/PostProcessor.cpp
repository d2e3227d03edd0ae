//===- PostProcessor.cpp - read the post-processor --------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is put around a single text: a list of ids before it and one after it.
// Templates for pairs of texts do not matter to a language model.
//
//===----------------------------------------------------------------------===//
#include "lib/Tokenizer/Image.h"

using namespace llvm;

namespace fpmoe {

using namespace tokenizer_format;

/// More than any tokenizer in use has, by far.
static constexpr size_t kMostAround = 1024, kMostProcessors = 64;

/// The ids that `special_tokens` of a template gives for a name.
static bool readSpecialToken(JsonObject &specials, StringRef name,
                             const TokenizerImage &image, Problem &problem,
                             std::vector<uint32_t> &ids) {
  JsonObject token(specials.get(name), specials.at(name), problem);
  if (problem.found())
    return false;
  token.checkFields({"id", "ids", "tokens"});
  const json::Array &list = token.getArray("ids");
  for (const json::Value &value : list) {
    std::optional<int64_t> id = value.getAsInteger();
    if (!id || *id < 0 || *id >= static_cast<int64_t>(image.tokens.size()) ||
        image.tokens[*id].flags == 0)
      return problem.set(token.at("ids") + " has " +
                         (id ? "id " + Twine(*id) : describe(&value)) +
                         ", which no token has");
    ids.push_back(static_cast<uint32_t>(*id));
    if (ids.size() > kMostAround)
      return problem.set(token.at("ids") + " puts more than " +
                         Twine(kMostAround) + " tokens around a text");
  }
  return !problem.found();
}

static bool readTemplate(JsonObject &component, TokenizerImage &image,
                         Problem &problem) {
  component.checkFields({"type", "single", "pair", "special_tokens"});
  const json::Array &single = component.getArray("single");
  JsonObject specials(component.get("special_tokens"),
                      component.at("special_tokens"), problem);
  if (single.size() > kMostAround)
    return problem.set(component.at("single") + " has " + Twine(single.size()) +
                       " elements, the limit is " + Twine(kMostAround));
  std::vector<uint32_t> before, after;
  unsigned texts = 0;
  for (size_t i = 0; i != single.size() && !problem.found(); ++i) {
    std::string where = (component.at("single") + "[" + Twine(i) + "]").str();
    JsonObject piece(&single[i], where, problem);
    piece.checkFields({"Sequence", "SpecialToken"});
    bool isText = piece.get("Sequence");
    StringRef kind = isText ? "Sequence" : "SpecialToken";
    JsonObject content(piece.get(kind), piece.at(kind), problem);
    if (problem.found())
      return false;
    content.checkFields({"id", "type_id"});
    std::string id = content.getString("id");
    if (!isText) {
      readSpecialToken(specials, id, image, problem, texts ? after : before);
      continue;
    }
    ++texts;
    if (id != "A")
      return problem.set(content.at("id") +
                         " must be 'A' for a single text, "
                         "it is " +
                         quoted(id));
  }
  if (!problem.found() && texts != 1)
    return problem.set(component.at("single") +
                       " must have the text once, it "
                       "has it " +
                       Twine(texts) + " times");
  // A later template goes around what earlier ones made.
  image.prefix.insert(image.prefix.begin(), before.begin(), before.end());
  image.suffix.insert(image.suffix.end(), after.begin(), after.end());
  return !problem.found();
}

static bool readComponent(const json::Value *value, const Twine &where,
                          TokenizerImage &image, Problem &problem) {
  JsonObject component(value, where.str(), problem);
  if (problem.found())
    return false;
  std::string type = component.getString("type");
  if (problem.found())
    return false;
  if (type == "Sequence") {
    component.checkFields({"type", "processors"});
    const json::Array &list = component.getArray("processors");
    if (list.size() > kMostProcessors)
      return problem.set(component.at("processors") + " has " +
                         Twine(list.size()) + " elements, the limit is " +
                         Twine(kMostProcessors));
    for (size_t i = 0; i != list.size() && !problem.found(); ++i)
      readComponent(&list[i], component.at("processors") + "[" + Twine(i) + "]",
                    image, problem);
    return !problem.found();
  }
  if (type == "TemplateProcessing")
    return readTemplate(component, image, problem);
  if (type == "ByteLevel") // moves offsets in the text, not ids
    return component.checkFields(
        {"type", "add_prefix_space", "trim_offsets", "use_regex"});
  return problem.set(where + " type " + quoted(type) +
                     " is not supported (supported: Sequence, "
                     "TemplateProcessing, ByteLevel)");
}

bool readPostProcessor(const json::Object &file, TokenizerImage &image,
                       Problem &problem) {
  const json::Value *value = file.get("post_processor");
  if (!value || value->kind() == json::Value::Null)
    return true;
  return readComponent(value, "post_processor", image, problem);
}

} // namespace fpmoe
