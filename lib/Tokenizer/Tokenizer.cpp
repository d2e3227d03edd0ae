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
#include "lib/Tokenizer/Gguf.h"
#include "lib/Tokenizer/Image.h"
#include "runtime/tokenizer/Tokenizer.h"

#include "llvm/Support/MemoryBuffer.h"

using namespace llvm;

namespace fpmoe {

/// Files above this are not parsed; the largest in use are near 35 MB.
static constexpr uint64_t kMostBytes = 64 << 20;

/// LLVM's parser recurses once per bracket, so that a file of brackets alone
/// would exhaust the stack.
static constexpr unsigned kMostDepth = 64;

static unsigned nestingDepth(StringRef json) {
  unsigned depth = 0, deepest = 0;
  bool inString = false;
  for (size_t i = 0; i < json.size(); ++i) {
    char c = json[i];
    if (inString) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        inString = false;
    } else if (c == '"') {
      inString = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if ((c == ']' || c == '}') && depth != 0) {
      --depth;
    }
  }
  return deepest;
}

/// Writes the \uD8xx\uDCxx pairs in a JSON text as the characters they mean:
/// LLVM's parser gets those from U+20000 up wrong, and takes half a pair for
/// U+FFFD. Returns false at half a pair, whose offset goes to `at`.
static bool decodePairs(StringRef json, std::string &out, size_t &at) {
  auto unit = [&](size_t i) {
    uint32_t value;
    if (json.substr(i, 2) != "\\u" || json.size() < i + 6 ||
        json.substr(i + 2, 4).getAsInteger(16, value))
      return uint32_t(0);
    return value;
  };
  size_t done = 0;
  for (at = json.find('\\'); at < json.size();) {
    uint32_t high = unit(at), low = unit(at + 6);
    if (high < 0xd800 || high > 0xdfff) {
      at = json.find('\\', at + 2); // also steps over an escaped backslash
      continue;
    }
    if (high >= 0xdc00 || low < 0xdc00 || low > 0xdfff)
      return false;
    out += json.slice(done, at);
    appendCharacter(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00), out);
    done = at + 12;
    at = json.find('\\', done);
  }
  out += json.substr(done);
  return true;
}

static bool readFile(StringRef text, int64_t vocabularySize,
                     std::vector<uint8_t> &out, Problem &problem) {
  if (text.size() > kMostBytes)
    return problem.set(Twine(text.size()) + " bytes, at most " +
                       Twine(kMostBytes) + " are read");
  if (unsigned depth = nestingDepth(text); depth > kMostDepth)
    return problem.set("brackets are nested " + Twine(depth) +
                       " deep, at most " + Twine(kMostDepth) + " are read");
  std::string decoded;
  if (size_t at; !decodePairs(text, decoded, at))
    return problem.set("half a surrogate pair at byte " + Twine(at));
  Expected<json::Value> value = json::parse(decoded);
  if (!value)
    return problem.set(toString(value.takeError()));
  JsonObject file(&*value, "", problem);
  file.checkFields({"version", "truncation", "padding", "added_tokens",
                    "normalizer", "pre_tokenizer", "post_processor", "decoder",
                    "model"});
  if (const json::Value *version = file.get("version");
      version && version->getAsString() != StringRef("1.0"))
    return problem.set("version must be '1.0', it is " +
                       (version->getAsString() ? quoted(*version->getAsString())
                                               : describe(version).str()));
  if (problem.found())
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
  return true;
}

Expected<std::vector<uint8_t>>
compileTokenizerText(StringRef json, StringRef path, int64_t vocabularySize) {
  Problem problem(path);
  std::vector<uint8_t> tables;
  if (!readFile(json, vocabularySize, tables, problem))
    return createStringError(inconvertibleErrorCode(), problem.text());
  return tables;
}

Expected<std::vector<uint8_t>> compileTokenizer(StringRef path,
                                                int64_t vocabularySize) {
  ErrorOr<std::unique_ptr<MemoryBuffer>> file = MemoryBuffer::getFile(path);
  if (!file)
    return createStringError(file.getError(),
                             path + ": " + file.getError().message());
  return compileTokenizerText((*file)->getBuffer(), path, vocabularySize);
}

Expected<std::vector<uint8_t>>
compileGgufTokenizer(const GgufMetadata &metadata, int64_t vocabularySize) {
  Expected<std::string> json = makeTokenizerJson(metadata);
  if (!json)
    return json.takeError();
  return compileTokenizerText(*json, metadata.file() + ": tokenizer.ggml",
                              vocabularySize);
}

} // namespace fpmoe
