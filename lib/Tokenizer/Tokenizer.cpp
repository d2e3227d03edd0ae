//===- Tokenizer.cpp - compile a tokenizer.json -----------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads and parses the file, lets each part be read, and checks the written
// tables with the runtime's own loader before they go anywhere.
//
//===----------------------------------------------------------------------===//
#include "lib/Tokenizer/Tokenizer.h"
#include "lib/Checkpoint/Json.h"
#include "lib/Tokenizer/Gguf.h"
#include "lib/Tokenizer/Image.h"
#include "runtime/tokenizer/Tokenizer.h"

using namespace llvm;

namespace fpmoe {

/// Files above this are not read; the largest in use are near 35 MB and have
/// two million values, few of them objects: one for each added token. An object
/// takes kilobytes of memory, another value tens of bytes.
static constexpr uint64_t kMostBytes = 64 << 20;
static constexpr unsigned kMostValues = 4'000'000;
static constexpr size_t kMostObjects = 1 << 17;

static size_t countObjects(StringRef json) {
  size_t count = 0;
  bool inString = false;
  for (size_t i = 0; i < json.size(); ++i) {
    if (inString && json[i] == '\\')
      ++i;
    else if (json[i] == '"')
      inString = !inString;
    else
      count += json[i] == '{' && !inString;
  }
  return count;
}

/// `tokenizers` cuts and fills up texts by these fields; a program takes them
/// whole, one at a time.
static bool checkNoCutting(JsonObject &file, Problem &problem) {
  const char *const advice =
      ", which programs do not do; if training left it there, set it to null";
  if (!file.isNull("truncation"))
    return problem.set("truncation is set and cuts texts" + Twine(advice));
  if (file.isNull("padding"))
    return true;
  // To the length of the longest of one text: nothing is added.
  JsonObject padding(file.get("padding"), "padding", problem);
  const json::Value *strategy = padding.get("strategy");
  if (!problem.found() && (!padding.isNull("pad_to_multiple_of") || !strategy ||
                           strategy->getAsString() != "BatchLongest"))
    return problem.set("padding is set and fills up texts" + Twine(advice));
  return !problem.found();
}

static bool readFile(const json::Value &value, int64_t vocabularySize,
                     std::vector<uint8_t> &out, WarningHandler warn,
                     Problem &problem) {
  JsonObject file(&value, "", problem);
  file.checkFields({"version", "truncation", "padding", "added_tokens",
                    "normalizer", "pre_tokenizer", "post_processor", "decoder",
                    "model"});
  if (const json::Value *version = file.get("version");
      version && version->getAsString() != StringRef("1.0"))
    return problem.set("version must be '1.0', it is " +
                       (version->getAsString() ? quoted(*version->getAsString())
                                               : describe(version).str()));
  if (problem.found() || !checkNoCutting(file, problem))
    return false;

  TokenizerImage image;
  const json::Object &fields = file.fields();
  if (!readModel(fields, vocabularySize, image, problem) ||
      !readSteps(fields, image, problem) ||
      !readPostProcessor(fields, image, problem))
    return false;
  deriveTables(image);
  if (!writeTables(image, out))
    return problem.set("its tables pass 4 GiB");
  Tokenizer check;
  std::string error;
  if (!Tokenizer::create(out.data(), out.size(), check, error))
    return problem.set(error);
  if (warn)
    for (const std::string &warning : image.warnings)
      warn(problem.file() + ": " + warning);
  return true;
}

Expected<std::vector<uint8_t>> compileTokenizerText(StringRef json,
                                                    StringRef path,
                                                    int64_t vocabularySize,
                                                    WarningHandler warn) {
  if (json.size() > kMostBytes)
    return fileError(path, "is " + Twine(json.size()) +
                               " bytes long, the limit is " +
                               Twine(kMostBytes));
  if (size_t objects = countObjects(json); objects > kMostObjects)
    return fileError(path, "has " + Twine(objects) + " objects, the limit is " +
                               Twine(kMostObjects));
  JsonReader reader(json, path);
  unsigned budget = kMostValues;
  Expected<json::Value> value = reader.value(budget);
  if (!value)
    return value.takeError();
  if (Error e = reader.finish())
    return std::move(e);
  Problem problem(path);
  std::vector<uint8_t> tables;
  if (!readFile(*value, vocabularySize, tables, warn, problem))
    return createStringError(inconvertibleErrorCode(), problem.text());
  return tables;
}

Expected<std::vector<uint8_t>>
compileTokenizer(StringRef path, int64_t vocabularySize, WarningHandler warn) {
  Expected<std::string> text = readSmallFile(path.str(), kMostBytes);
  if (!text)
    return text.takeError();
  return compileTokenizerText(*text, path, vocabularySize, warn);
}

Expected<std::vector<uint8_t>>
compileGgufTokenizer(const GgufMetadata &metadata, int64_t vocabularySize,
                     WarningHandler warn) {
  Expected<std::string> json = makeTokenizerJson(metadata);
  if (!json)
    return json.takeError();
  return compileTokenizerText(*json, metadata.file() + ": tokenizer.ggml",
                              vocabularySize, warn);
}

} // namespace fpmoe
