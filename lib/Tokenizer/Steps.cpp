//===- Steps.cpp - read normalizer, pre-tokenizer, decoder ------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each component becomes one step or a few. A type or a field that is not
// supported is refused by name, with the list of what is.
//
//===----------------------------------------------------------------------===//
#include "lib/Tokenizer/Image.h"
#include "lib/Tokenizer/RegexTranslation.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;

namespace fpmoe {

using namespace tokenizer_format;

/// More than any tokenizer in use has, by far: steps, and bytes of a text that
/// is looked for or put in.
static constexpr size_t kMostSteps = 64, kMostTextBytes = 1024;

/// The expression of GPT-2, which the ByteLevel pre-tokenizer implies.
static constexpr StringLiteral kByteLevelRegex =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|"
    "\\s+(?!\\S)|\\s+";

namespace {
class StepReader {
public:
  StepReader(TokenizerImage &image, Problem &problem)
      : image(image), problem(problem) {}

  using Reader = bool (StepReader::*)(JsonObject &, StringRef);

  /// Reads a component, or the members of a Sequence.
  bool read(const json::Value *value, const Twine &where, StringRef members,
            std::vector<StepImage> &steps, Reader reader, StringRef supported);

  bool normalizer(JsonObject &component, StringRef type);
  bool preTokenizer(JsonObject &component, StringRef type);
  bool decoder(JsonObject &component, StringRef type);

private:
  /// A text of at most kMostTextBytes.
  std::string readText(JsonObject &component, StringRef key);
  bool readPattern(JsonObject &component, StepImage &step);
  bool readReplace(JsonObject &component);
  bool readSplit(JsonObject &component);
  bool readMetaspace(JsonObject &component, bool preTokenizer);
  bool addRegex(JsonObject &component, StringRef regex);
  bool add(StepImage step) {
    steps->push_back(std::move(step));
    return !problem.found();
  }

  TokenizerImage &image;
  Problem &problem;
  std::vector<StepImage> *steps = nullptr;
};
} // namespace

bool StepReader::read(const json::Value *value, const Twine &where,
                      StringRef members, std::vector<StepImage> &into,
                      Reader reader, StringRef supported) {
  if (!value || value->kind() == json::Value::Null)
    return true;
  JsonObject component(value, where.str(), problem);
  std::string type = problem.found() ? "" : component.getString("type");
  if (problem.found())
    return false;
  if (type == "Sequence") {
    component.checkFields({"type", members});
    const json::Array &list = component.getArray(members);
    for (size_t i = 0; i != list.size() && !problem.found(); ++i)
      read(&list[i], component.at(members) + "[" + Twine(i) + "]", members,
           into, reader, supported);
    return !problem.found();
  }
  if (into.size() >= kMostSteps)
    return problem.set(where + " is beyond the " + Twine(kMostSteps) +
                       " components that are supported");
  steps = &into;
  if ((this->*reader)(component, type))
    return true;
  return problem.set(where + " type " + quoted(type) +
                     " is not supported (supported: Sequence, " + supported +
                     ")");
}

std::string StepReader::readText(JsonObject &component, StringRef key) {
  std::string text = component.getString(key);
  if (text.size() > kMostTextBytes)
    problem.set(component.at(key) + " has " + Twine(text.size()) +
                " bytes, the limit is " + Twine(kMostTextBytes));
  return text;
}

bool StepReader::readPattern(JsonObject &component, StepImage &step) {
  JsonObject pattern(component.get("pattern"), component.at("pattern"),
                     problem);
  if (problem.found())
    return false;
  pattern.checkFields({"String", "Regex"});
  if (pattern.fields().size() != 1)
    return problem.set(pattern.place() +
                       " must have one field, String or "
                       "Regex; it has " +
                       Twine(pattern.fields().size()));
  if (pattern.get("String")) {
    step.pattern = readText(pattern, "String");
    if (!problem.found() && step.pattern.empty())
      problem.set(pattern.at("String") + " is empty");
    return !problem.found();
  }
  std::string regex = pattern.getString("Regex"), error;
  step.flags |= kRegex;
  if (!problem.found() && !translateRegex(regex, step.pattern, error))
    problem.set(pattern.at("Regex") + " " + quoted(regex) + ": " + error);
  return !problem.found();
}

bool StepReader::readReplace(JsonObject &component) {
  component.checkFields({"type", "pattern", "content"});
  StepImage step = {StepKind::Replace};
  readPattern(component, step);
  step.content = readText(component, "content");
  return add(std::move(step));
}

bool StepReader::readSplit(JsonObject &component) {
  component.checkFields({"type", "pattern", "behavior", "invert"});
  StepImage step = {StepKind::Split};
  readPattern(component, step);
  std::string behavior = component.getString("behavior");
  bool invert = component.getBool("invert");
  if (!problem.found() && behavior != "Isolated" && behavior != "Removed")
    return problem.set(component.at("behavior") + " " + quoted(behavior) +
                       " is not supported (supported: Isolated, Removed)");
  if (behavior == "Removed")
    step.flags |= invert ? kRemoveRest : kRemoveMatches;
  return add(std::move(step));
}

bool StepReader::readMetaspace(JsonObject &component, bool preTokenizer) {
  component.checkFields({"type", "replacement", "str_rep", "prepend_scheme",
                         "split", "add_prefix_space"});
  StepImage step = {StepKind::Metaspace};
  step.content = component.getCharacter("replacement");
  std::string scheme = component.get("prepend_scheme")
                           ? component.getString("prepend_scheme")
                           : "always";
  step.number = scheme == "never" ? 0 : scheme == "first" ? 1 : 2;
  if (!problem.found() && step.number == 2 && scheme != "always")
    return problem.set(component.at("prepend_scheme") + " " + quoted(scheme) +
                       " is not supported (supported: never, first, always)");
  // The older name; false in it means never.
  if (!component.isNull("add_prefix_space") &&
      !component.getBool("add_prefix_space") && !problem.found()) {
    if (component.get("prepend_scheme") && step.number != 0)
      return problem.set(component.at("add_prefix_space") +
                         " is false, but prepend_scheme is " + quoted(scheme));
    step.number = 0;
  }
  bool split = component.isNull("split") || component.getBool("split");
  if (preTokenizer && split)
    step.flags |= kCutWords;
  return add(std::move(step));
}

bool StepReader::addRegex(JsonObject &component, StringRef regex) {
  StepImage step = {StepKind::Split, kRegex};
  std::string error;
  if (!translateRegex(regex, step.pattern, error))
    return problem.set(component.place() + ": " + error);
  return add(std::move(step));
}

bool StepReader::normalizer(JsonObject &component, StringRef type) {
  if (type == "NFC") {
    component.checkFields({"type"});
    return add({StepKind::NFC});
  }
  if (type == "Prepend") {
    component.checkFields({"type", "prepend"});
    StepImage step = {StepKind::Prepend};
    step.content = readText(component, "prepend");
    return add(std::move(step));
  }
  return type == "Replace" && readReplace(component);
}

bool StepReader::preTokenizer(JsonObject &component, StringRef type) {
  // ByteLevel changes the alphabet of the words; only the model comes after.
  if (image.flags & kByteLevel)
    return problem.set(component.place() + " type " + quoted(type) +
                       " comes after ByteLevel, which must be the last");
  if (type == "Split")
    return readSplit(component);
  if (type == "Metaspace")
    return readMetaspace(component, /*preTokenizer=*/true);
  if (type == "Digits") {
    component.checkFields({"type", "individual_digits"});
    bool individual = component.getBool("individual_digits");
    return addRegex(component, individual ? "\\p{N}" : "\\p{N}+");
  }
  if (type != "ByteLevel")
    return false;
  component.checkFields(
      {"type", "add_prefix_space", "trim_offsets", "use_regex"});
  if (component.getBool("add_prefix_space"))
    add({StepKind::PrefixSpace});
  if (component.getBool("use_regex", true))
    addRegex(component, kByteLevelRegex);
  image.flags |= kByteLevel;
  return !problem.found();
}

bool StepReader::decoder(JsonObject &component, StringRef type) {
  if (type == "Replace")
    return readReplace(component);
  if (type == "Metaspace")
    return readMetaspace(component, /*preTokenizer=*/false);
  if (type == "ByteFallback" || type == "Fuse") {
    component.checkFields({"type"});
    return add({type == "Fuse" ? StepKind::Fuse : StepKind::ByteFallback});
  }
  if (type == "ByteLevel") {
    component.checkFields(
        {"type", "add_prefix_space", "trim_offsets", "use_regex"});
    return add({StepKind::ByteLevel});
  }
  if (type != "Strip")
    return false;
  component.checkFields({"type", "content", "start", "stop"});
  StepImage step = {StepKind::Strip};
  step.content = component.getCharacter("content");
  step.number = component.getInteger("start", UINT32_MAX);
  step.number2 = component.getInteger("stop", UINT32_MAX);
  return add(std::move(step));
}

bool readSteps(const json::Object &file, TokenizerImage &image,
               Problem &problem) {
  StepReader reader(image, problem);
  reader.read(file.get("normalizer"), "normalizer", "normalizers",
              image.normalizer, &StepReader::normalizer,
              "NFC, Prepend, Replace");
  reader.read(file.get("pre_tokenizer"), "pre_tokenizer", "pretokenizers",
              image.preTokenizer, &StepReader::preTokenizer,
              "Split, Digits, ByteLevel, Metaspace");
  reader.read(file.get("decoder"), "decoder", "decoders", image.decoder,
              &StepReader::decoder,
              "ByteLevel, Replace, ByteFallback, Fuse, Strip, Metaspace");
  const json::Value *decoder = file.get("decoder");
  if (!decoder || decoder->kind() == json::Value::Null)
    image.decoder.push_back({StepKind::Join, 0, 0, 0, "", " "});
  return !problem.found();
}

} // namespace fpmoe
