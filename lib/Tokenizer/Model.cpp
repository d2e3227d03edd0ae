//===- Model.cpp - read the BPE model ---------------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Vocabulary, merges and added tokens of a tokenizer.json. Every merge must
// name tokens of the vocabulary, and every id must belong to one text.
//
//===----------------------------------------------------------------------===//
#include "lib/Tokenizer/Image.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace llvm;

namespace fpmoe {

using namespace tokenizer_format;

TokenIndex::TokenIndex(const TokenizerImage &image) : image(image) {
  size_t count = count_if(
      image.tokens, [](const TokenImage &t) { return t.flags & kInModel; });
  slots.assign(NextPowerOf2(2 * count + 1), kNone);
  for (uint32_t id = 0; id != image.tokens.size(); ++id) {
    const TokenImage &token = image.tokens[id];
    if (!(token.flags & kInModel))
      continue;
    size_t slot = hashText(token.text.data(), token.text.size());
    while (slots[slot & (slots.size() - 1)] != kNone)
      ++slot;
    slots[slot & (slots.size() - 1)] = id;
  }
}

uint32_t TokenIndex::find(StringRef text) const {
  for (size_t slot = hashText(text.data(), text.size());; ++slot) {
    uint32_t id = slots[slot & (slots.size() - 1)];
    if (id == kNone || image.tokens[id].text == text)
      return id;
  }
}

/// Gives `id` to `text`; `where` says which field asks for it.
static bool addToken(StringRef text, const json::Value *idValue,
                     const Twine &where, int64_t vocabularySize, uint8_t flags,
                     TokenizerImage &image, Problem &problem) {
  std::optional<int64_t> id = idValue ? idValue->getAsInteger() : std::nullopt;
  if (!id)
    return problem.set(where + " must be an integer, it is " +
                       describe(idValue));
  int64_t limit = std::min(vocabularySize, kMostIds);
  if (*id < 0 || *id >= limit)
    return problem.set(
        where + " is id " + Twine(*id) + " for token " + quoted(text) +
        ", ids must be below " + Twine(limit) +
        (limit == vocabularySize ? ", the vocabulary size of the model" : ""));
  if (image.tokens.size() <= static_cast<size_t>(*id))
    image.tokens.resize(*id + 1);
  TokenImage &token = image.tokens[*id];
  if ((token.flags & kInModel) && flags == kInModel)
    return problem.set("model.vocab gives id " + Twine(*id) + " to " +
                       quoted(std::min<StringRef>(text, token.text)) +
                       " and to " +
                       quoted(std::max<StringRef>(text, token.text)));
  if (token.flags && (token.text != text || (token.flags & flags)))
    return problem.set(where + " gives id " + Twine(*id) + " to token " +
                       quoted(text) + ", which token " + quoted(token.text) +
                       " has already");
  token.text = text.str();
  token.flags |= flags;
  return true;
}

static bool readMerge(const json::Value &value, const Twine &where,
                      const TokenIndex &index, uint32_t rank,
                      TokenizerImage &image, Problem &problem) {
  StringRef left, right;
  if (std::optional<StringRef> text = value.getAsString()) {
    std::tie(left, right) = text->split(' ');
    if (text->count(' ') != 1)
      return problem.set(where +
                         " must be two tokens with a space between, it "
                         "is " +
                         quoted(*text));
  } else {
    const json::Array *pair = value.getAsArray();
    std::optional<StringRef> first, second;
    if (pair && pair->size() == 2) {
      first = (*pair)[0].getAsString();
      second = (*pair)[1].getAsString();
    }
    if (!first || !second)
      return problem.set(
          where + " must be a string or an array of two strings, it is " +
          (pair ? "an array of " + Twine(pair->size()) : describe(&value)));
    left = *first;
    right = *second;
  }
  std::string joined = (left + right).str();
  const StringRef texts[] = {left, right, joined};
  uint32_t ids[3];
  for (unsigned i = 0; i != 3; ++i) {
    ids[i] = index.find(texts[i]);
    if (ids[i] == kNone)
      return problem.set(where + " joins " + quoted(left) + " and " +
                         quoted(right) + ", but " + quoted(texts[i]) +
                         " is not in model.vocab");
  }
  image.merges.push_back({ids[0], ids[1], rank, ids[2]});
  return true;
}

/// A field that must be null or empty, because the feature is not supported.
static bool mustBeUnset(JsonObject &model, StringRef key, Problem &problem) {
  const json::Value *value = model.get(key);
  if (model.isNull(key) || value->getAsString() == StringRef(""))
    return true;
  if (std::optional<double> number = value->getAsNumber();
      number && *number == 0)
    return true;
  return problem.set(model.at(key) + " is not supported, it must be null");
}

static bool readAddedTokens(const json::Object &file, int64_t vocabularySize,
                            TokenizerImage &image, Problem &problem) {
  const json::Value *value = file.get("added_tokens");
  if (!value || value->kind() == json::Value::Null)
    return true;
  const json::Array *tokens = value->getAsArray();
  if (!tokens)
    return problem.set("added_tokens must be an array, it is " +
                       describe(value));
  TokenIndex index(image);
  StringMap<uint32_t> seen;
  for (size_t i = 0; i != tokens->size(); ++i) {
    std::string where = ("added_tokens[" + Twine(i) + "]").str();
    JsonObject token(&(*tokens)[i], where, problem);
    token.checkFields({"id", "content", "single_word", "lstrip", "rstrip",
                       "normalized", "special"});
    std::string text = token.getString("content");
    if (problem.found())
      return false;
    if (text.empty())
      return problem.set(where + ".content is empty");
    bool special = token.getBool("special", false);
    uint8_t flags = special ? kAdded | kSpecial : kAdded;
    auto addFlag = [&](StringRef key, bool byDefault, TokenFlags flag) {
      if (token.getBool(key, byDefault))
        flags |= flag;
    };
    addFlag("lstrip", false, kLeftStrip);
    addFlag("rstrip", false, kRightStrip);
    addFlag("single_word", false, kSingleWord);
    addFlag("normalized", !special, kNormalized);
    if (problem.found() || !addToken(text, token.get("id"), where + ".id",
                                     vocabularySize, flags, image, problem))
      return false;
    uint32_t id = static_cast<uint32_t>(*token.get("id")->getAsInteger());
    uint32_t inModel = index.find(text);
    if (inModel != kNone && inModel != id)
      return problem.set(where + ".id is " + Twine(id) + ", but " +
                         quoted(text) + " has id " + Twine(inModel) +
                         " in model.vocab");
    if (auto [place, fresh] = seen.try_emplace(text, id); !fresh)
      return problem.set(where + " is " + quoted(text) + ", which has id " +
                         Twine(place->second) + " already");
    image.added.push_back(id);
  }
  return true;
}

bool readModel(const json::Object &file, int64_t vocabularySize,
               TokenizerImage &image, Problem &problem) {
  JsonObject model(file.get("model"), "model", problem);
  if (problem.found())
    return false;
  std::string type = model.getString("type");
  if (problem.found())
    return false;
  if (type != "BPE")
    return problem.set("model type " + quoted(type) +
                       " is not supported (supported: BPE)");
  model.checkFields({"type", "dropout", "unk_token",
                     "continuing_subword_prefix", "end_of_word_suffix",
                     "fuse_unk", "byte_fallback", "ignore_merges", "vocab",
                     "merges"});
  mustBeUnset(model, "dropout", problem);
  mustBeUnset(model, "continuing_subword_prefix", problem);
  mustBeUnset(model, "end_of_word_suffix", problem);
  auto addFlag = [&](StringRef key, HeaderFlags flag) {
    if (model.getBool(key, false))
      image.flags |= flag;
  };
  addFlag("fuse_unk", kFuseUnknown);
  addFlag("byte_fallback", kByteFallback);
  addFlag("ignore_merges", kIgnoreMerges);
  JsonObject vocabulary(model.get("vocab"), "model.vocab", problem);
  if (problem.found())
    return false;
  for (const auto &entry : vocabulary.fields()) {
    StringRef text = entry.first;
    if (!addToken(text, &entry.second, "model.vocab[" + quoted(text) + "]",
                  vocabularySize, kInModel, image, problem))
      return false;
  }
  if (image.tokens.empty())
    return problem.set("model.vocab is empty");

  TokenIndex index(image);
  const json::Array &merges = model.getArray("merges");
  image.merges.reserve(merges.size());
  for (size_t i = 0; i != merges.size(); ++i)
    if (!readMerge(merges[i], "model.merges[" + Twine(i) + "]", index,
                   static_cast<uint32_t>(i), image, problem))
      return false;
  if (!model.isNull("unk_token")) {
    std::string unknown = model.getString("unk_token");
    image.unknown = index.find(unknown);
    if (!problem.found() && image.unknown == kNone)
      return problem.set("model.unk_token " + quoted(unknown) +
                         " is not in model.vocab");
  }
  return !problem.found() &&
         readAddedTokens(file, vocabularySize, image, problem);
}

} // namespace fpmoe
