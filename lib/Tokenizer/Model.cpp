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
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace llvm;

namespace fpmoe {

using namespace tokenizer_format;

/// Several times as long as any added token is: a search for the longest may
/// look that far at every place of a text.
static constexpr size_t kMostTokenBytes = 512;

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

/// Gives the id `idValue` to a token of the model.
static bool addToken(StringRef text, const json::Value &idValue,
                     int64_t vocabularySize, TokenizerImage &image,
                     Problem &problem) {
  std::string where = "model.vocab[" + quoted(text) + "]";
  std::optional<int64_t> id = idValue.getAsInteger();
  if (!id)
    return problem.set(where + " must be an integer, it is " +
                       describe(&idValue));
  int64_t limit = std::min(vocabularySize, kMostIds);
  if (*id < 0 || *id >= limit)
    return problem.set(
        where + " is id " + Twine(*id) + " for token " + quoted(text) +
        ", ids must be below " + Twine(limit) +
        (limit == vocabularySize ? ", the vocabulary size of the model" : ""));
  if (image.tokens.size() <= static_cast<size_t>(*id))
    image.tokens.resize(*id + 1);
  TokenImage &token = image.tokens[*id];
  if (token.flags)
    return problem.set("model.vocab gives id " + Twine(*id) + " to " +
                       quoted(std::min<StringRef>(text, token.text)) +
                       " and to " +
                       quoted(std::max<StringRef>(text, token.text)));
  token.text = text.str();
  token.flags = kInModel;
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

namespace {
/// Gives added tokens their ids as `tokenizers` does, which does not look at
/// those of the file: the id of the model's token of the same text, or else the
/// next one behind the model's tokens and the added ones before.
class AddedTokenReader {
public:
  AddedTokenReader(int64_t vocabularySize, TokenizerImage &image,
                   Problem &problem)
      : vocabularySize(vocabularySize), image(image), problem(problem),
        index(image) {
    next = count_if(image.tokens, [](const TokenImage &t) { return t.flags; });
  }

  bool read(const json::Array &tokens);

private:
  bool readToken(JsonObject &token, size_t place);
  bool addToken(StringRef text, uint8_t flags, int64_t id,
                const std::string &where);

  int64_t vocabularySize;
  TokenizerImage &image;
  Problem &problem;
  TokenIndex index;
  int64_t next;
  struct Seen {
    size_t place;
    uint8_t flags;
  };
  StringMap<Seen> seen;
  std::vector<std::string> others, beyond; // for warnings
};
} // namespace

bool AddedTokenReader::addToken(StringRef text, uint8_t flags, int64_t id,
                                const std::string &where) {
  if (id >= vocabularySize) {
    beyond.push_back(quoted(text) + " (id " + std::to_string(id) + ")");
    return true;
  }
  if (id >= kMostIds)
    return problem.set(where + " gets id " + Twine(id) +
                       ", ids must be below " + Twine(kMostIds));
  if (image.tokens.size() <= static_cast<size_t>(id))
    image.tokens.resize(id + 1);
  TokenImage &token = image.tokens[id];
  if (token.flags && token.text != text)
    return problem.set(where + " is " + quoted(text) + ", whose turn is id " +
                       Twine(id) + ", which model.vocab gives to " +
                       quoted(token.text));
  token.text = text.str();
  token.flags |= flags;
  image.added.push_back(static_cast<uint32_t>(id));
  return true;
}

bool AddedTokenReader::readToken(JsonObject &token, size_t place) {
  token.checkFields({"id", "content", "single_word", "lstrip", "rstrip",
                     "normalized", "special"});
  int64_t written = token.getInteger("id", UINT32_MAX);
  std::string text = token.getString("content");
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
  if (problem.found())
    return false;
  if (text.size() > kMostTokenBytes)
    return problem.set(token.at("content") + " has " + Twine(text.size()) +
                       " bytes, the limit is " + Twine(kMostTokenBytes));
  // As in `tokenizers`, an empty token and one that is there already, with the
  // same settings, are not counted.
  if (text.empty())
    return true;
  auto [entry, isNew] = seen.try_emplace(text, Seen{place, flags});
  if (!isNew && entry->second.flags == flags)
    return true;
  if (!isNew)
    return problem.set(token.place() + " is " + quoted(text) +
                       " as is added_tokens[" + Twine(entry->second.place) +
                       "], with other settings");
  uint32_t inModel = index.find(text);
  int64_t id = inModel == kNone ? next : inModel;
  next = std::max(next, id + 1);
  if (id != written)
    others.push_back(token.at("id") + " is " + std::to_string(written) +
                     " for " + quoted(text) + ", whose id is " +
                     std::to_string(id));
  return addToken(text, flags, id, token.place());
}

/// "a, b, c and 4 more".
static std::string listSome(ArrayRef<std::string> items) {
  size_t shown = std::min<size_t>(items.size(), 8);
  std::string text = join(items.take_front(shown), ", ");
  if (shown != items.size())
    text += " and " + std::to_string(items.size() - shown) + " more";
  return text;
}

bool AddedTokenReader::read(const json::Array &tokens) {
  for (size_t i = 0; i != tokens.size(); ++i) {
    JsonObject token(&tokens[i], ("added_tokens[" + Twine(i) + "]").str(),
                     problem);
    if (problem.found() || !readToken(token, i))
      return false;
  }
  if (!others.empty())
    image.warnings.push_back(
        listSome(others) +
        ": `tokenizers` counts added tokens on from the model's");
  if (!beyond.empty())
    image.warnings.push_back(
        "added_tokens " + listSome(beyond) +
        (beyond.size() == 1 ? " is" : " are") +
        " beyond the vocabulary of the model, " +
        std::to_string(vocabularySize) +
        ", and left out: such a text is encoded like any other");
  return true;
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
  return AddedTokenReader(vocabularySize, image, problem).read(*tokens);
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
    if (!addToken(entry.first, entry.second, vocabularySize, image, problem))
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
