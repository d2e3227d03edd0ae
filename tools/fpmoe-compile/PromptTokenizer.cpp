//===- PromptTokenizer.cpp - Prompts of a recipe as tokens ----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/fpmoe-compile/PromptTokenizer.h"
#include "lib/Checkpoint/Input.h"
#include "lib/Checkpoint/Json.h"
#include "lib/Tokenizer/Tokenizer.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;
using namespace fpmoe;

static std::string pathIn(StringRef directory, StringRef name) {
  SmallString<256> path(directory);
  sys::path::append(path, name);
  return std::string(path);
}

Expected<std::unique_ptr<PromptTokenizer>>
PromptTokenizer::open(StringRef directory, int64_t vocabularySize) {
  auto result = std::make_unique<PromptTokenizer>();
  result->path = pathIn(directory, "tokenizer.json");
  Expected<std::vector<uint8_t>> tables =
      compileTokenizer(result->path, vocabularySize);
  if (!tables)
    return tables.takeError();
  result->tables = std::move(*tables);
  std::string problem;
  if (!Tokenizer::create(result->tables.data(), result->tables.size(),
                         result->tokenizer, problem))
    return fileError(result->path, problem);
  result->configPath = pathIn(directory, "tokenizer_config.json");
  result->hasConfig = findFile(directory, "tokenizer_config.json").has_value();
  if (result->hasConfig)
    if (Error e = result->readConfig())
      return std::move(e);
  return result;
}

/// A token is its text, or an object that holds it.
static std::string textOf(const json::Value *token) {
  if (token && token->getAsObject())
    token = token->getAsObject()->get("content");
  std::optional<StringRef> text = token ? token->getAsString() : std::nullopt;
  return text.value_or("").str();
}

Error PromptTokenizer::readConfig() {
  Expected<std::string> text = readSmallFile(configPath, maxConfigFile);
  if (!text)
    return text.takeError();
  Expected<json::Object> config = parseJsonObject(*text, configPath);
  if (!config)
    return config.takeError();
  begin = textOf(config->get("bos_token"));
  end = textOf(config->get("eos_token"));
  for (StringRef token : {begin, end})
    if (!token.empty() && tokenizer.tokenToId(token) < 0)
      return fileError(configPath, "the token " + quoted(token) +
                                       " is not in tokenizer.json");
  return Error::success();
}

Expected<std::vector<int64_t>> PromptTokenizer::encode(StringRef prompt) const {
  std::vector<int32_t> ids;
  std::string problem;
  if (!tokenizer.encode(begin + prompt.str(), /*addSpecialTokens=*/!hasConfig,
                        ids, problem))
    return fileError(path, "cannot encode the prompt " + quoted(prompt) + ": " +
                               problem);
  return std::vector<int64_t>(ids.begin(), ids.end());
}

Expected<int64_t> PromptTokenizer::getPadding() const {
  StringRef token = begin.empty() ? end : begin;
  if (token.empty())
    return fileError(configPath, "has neither a bos_token nor an eos_token to "
                                 "fill up the shorter prompts with");
  return tokenizer.tokenToId(token);
}
