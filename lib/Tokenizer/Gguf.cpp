//===- Gguf.cpp - the tokenizer of a GGUF file ------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Checks the lists of the metadata against each other, then writes each part
// of a tokenizer.json. See Gguf.h.
//
//===----------------------------------------------------------------------===//
#include "lib/Tokenizer/Gguf.h"

#include "lib/Checkpoint/Input.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

#include <cmath>

using namespace llvm;

namespace fpmoe {

static constexpr StringLiteral modelKey = "tokenizer.ggml.model";
static constexpr StringLiteral tokensKey = "tokenizer.ggml.tokens";
static constexpr StringLiteral typesKey = "tokenizer.ggml.token_type";
static constexpr StringLiteral scoresKey = "tokenizer.ggml.scores";
static constexpr StringLiteral mergesKey = "tokenizer.ggml.merges";
static constexpr StringLiteral preKey = "tokenizer.ggml.pre";
static constexpr StringLiteral metaspace = "\xe2\x96\x81";

/// Every way to cut a token is looked at, which takes quadratic time, and may
/// find as many merges. All of them together have at most this many bytes.
static constexpr size_t mostBytesToCut = 512;
static constexpr size_t mostBytesOfMerges = 64 << 20;

namespace {
/// Kinds of tokens, with the numbers of the format.
enum TokenType {
  kNormal = 1,
  kUnknown,
  kControl,
  kUserDefined,
  kUnused,
  kByte,
};

class TokenizerWriter {
public:
  explicit TokenizerWriter(const GgufMetadata &metadata)
      : metadata(metadata), model{{"type", "BPE"}} {}

  Expected<std::string> run();

private:
  Error readTokens();
  Error byteLevel();
  Error sentencePiece();
  Error listedMerges();
  Error mergesByScore();
  Error postProcessor();
  /// The value of an optional flag.
  Error readFlag(StringRef key, bool &flag);
  /// The id that a key names, if it is there.
  Error readId(StringRef key, std::optional<int64_t> &id);

  std::string element(StringRef key, uint64_t i) const {
    return (key + "[" + Twine(i) + "]").str();
  }

  const GgufMetadata &metadata;
  std::vector<StringRef> tokens;
  std::vector<int> types;
  /// Ids of the texts that are in use.
  StringMap<int64_t> ids;
  bool addBos = false;
  json::Object file, model;
};
} // namespace

Error TokenizerWriter::readFlag(StringRef key, bool &flag) {
  if (!metadata.has(key))
    return Error::success();
  return metadata.getBool(key).moveInto(flag);
}

Error TokenizerWriter::readId(StringRef key, std::optional<int64_t> &id) {
  if (!metadata.has(key))
    return Error::success();
  Expected<int64_t> value = metadata.getInteger(key);
  if (!value)
    return value.takeError();
  if (*value < 0 || *value >= static_cast<int64_t>(tokens.size()))
    return metadata.error(key, "is " + Twine(*value) + ", there are " +
                                   Twine(tokens.size()) + " tokens");
  id = *value;
  return Error::success();
}

Error TokenizerWriter::readTokens() {
  Expected<const GgufValue *> texts =
      metadata.getArray(tokensKey, GgufType::String);
  if (!texts)
    return texts.takeError();
  const GgufValue *kinds = nullptr;
  if (metadata.has(typesKey)) {
    if (Error e = metadata.getArray(typesKey, GgufType::I32).moveInto(kinds))
      return e;
    if (kinds->count != (*texts)->count)
      return metadata.error(typesKey, "has " + Twine(kinds->count) +
                                          " elements, " + tokensKey + " has " +
                                          Twine((*texts)->count));
  }
  json::Object vocabulary;
  json::Array added;
  for (uint64_t id = 0; id != (*texts)->count; ++id) {
    StringRef text = *(*texts)->string(id);
    int64_t type = kinds ? *kinds->integer(id) : int64_t(kNormal);
    if (type < kNormal || type > kByte)
      return metadata.error(element(typesKey, id),
                            "is " + Twine(type) + ", types are 1 to 6");
    // Nothing is ever such a token: padding to a round number of rows.
    if (text.empty())
      type = kUnused;
    tokens.push_back(text);
    types.push_back(type);
    if (type == kUnused)
      continue;
    if (!json::isUTF8(text))
      return metadata.error(element(tokensKey, id),
                            quoted(text) + " is not valid UTF-8");
    auto [place, isNew] = ids.try_emplace(text, id);
    if (!isNew)
      return metadata.error(element(tokensKey, id), "is " + quoted(text) +
                                                        ", as is element " +
                                                        Twine(place->second));
    vocabulary[text] = static_cast<int64_t>(id);
    if (type == kUnknown || type == kControl || type == kUserDefined)
      added.push_back(json::Object{{"id", static_cast<int64_t>(id)},
                                   {"content", text},
                                   {"single_word", false},
                                   {"lstrip", false},
                                   {"rstrip", false},
                                   {"normalized", false},
                                   {"special", type != kUserDefined}});
  }
  model["vocab"] = std::move(vocabulary);
  file["added_tokens"] = std::move(added);
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Byte-level BPE
//===----------------------------------------------------------------------===//

Error TokenizerWriter::listedMerges() {
  Expected<const GgufValue *> merges =
      metadata.getArray(mergesKey, GgufType::String);
  if (!merges)
    return merges.takeError();
  json::Array pairs;
  for (uint64_t i = 0; i != (*merges)->count; ++i) {
    StringRef text = *(*merges)->string(i);
    size_t space = text.find(' ', 1);
    if (space == StringRef::npos || space + 1 == text.size())
      return metadata.error(element(mergesKey, i),
                            "is " + quoted(text) +
                                ", it must be two tokens with a space between");
    StringRef left = text.take_front(space), right = text.substr(space + 1);
    for (StringRef part : {left, right})
      if (!ids.contains(part))
        return metadata.error(element(mergesKey, i),
                              "is " + quoted(text) + ", but " + quoted(part) +
                                  " is no token");
    pairs.push_back(json::Array{left, right});
  }
  model["merges"] = std::move(pairs);
  return Error::success();
}

Error TokenizerWriter::byteLevel() {
  StringRef name = "default";
  if (metadata.has(preKey))
    if (Error e = metadata.getString(preKey).moveInto(name))
      return e;
  std::optional<PreTokenizer> words = findPreTokenizer(name);
  if (!words)
    return metadata.error(preKey, "is " + quoted(name) +
                                      ", which is not supported (supported: " +
                                      listPreTokenizers() + ")");
  addBos = words->addBos;
  model["ignore_merges"] = words->ignoreMerges;
  if (words->isNFC)
    file["normalizer"] = json::Object{{"type", "NFC"}};
  json::Object byteLevel{{"type", "ByteLevel"},
                         {"add_prefix_space", false},
                         {"trim_offsets", false},
                         {"use_regex", false}};
  file["decoder"] = json::Object(byteLevel);
  words->steps.push_back(std::move(byteLevel));
  file["pre_tokenizer"] = json::Object{
      {"type", "Sequence"}, {"pretokenizers", std::move(words->steps)}};
  return listedMerges();
}

//===----------------------------------------------------------------------===//
// SentencePiece BPE
//===----------------------------------------------------------------------===//

/// Two tokens merge into a third wherever one is both their texts; the higher
/// its score, the earlier. Of merges into the same token the one with the
/// longer left part comes first, as `tokenizers` orders them.
Error TokenizerWriter::mergesByScore() {
  Expected<const GgufValue *> scores =
      metadata.getArray(scoresKey, GgufType::F32);
  if (!scores)
    return scores.takeError();
  if ((*scores)->count != tokens.size())
    return metadata.error(scoresKey, "has " + Twine((*scores)->count) +
                                         " elements, " + tokensKey + " has " +
                                         Twine(tokens.size()));
  struct Merge {
    double score;
    StringRef left, right;
  };
  std::vector<Merge> merges;
  size_t mergeBytes = 0;
  auto isPiece = [&](StringRef text) {
    auto entry = ids.find(text);
    return entry != ids.end() && types[entry->second] == kNormal;
  };
  for (const auto &[id, text] : enumerate(tokens)) {
    if (types[id] != kNormal)
      continue;
    double score = *(*scores)->real(id);
    if (!std::isfinite(score))
      return metadata.error(element(scoresKey, id), "is not a finite number");
    if (text.size() > mostBytesToCut)
      return metadata.error(element(tokensKey, id),
                            "has " + Twine(text.size()) +
                                " bytes, the limit is " +
                                Twine(mostBytesToCut));
    for (size_t cut = 1; cut < text.size(); ++cut) {
      StringRef left = text.take_front(cut), right = text.drop_front(cut);
      if (!isPiece(left) || !isPiece(right))
        continue;
      merges.push_back({score, left, right});
      mergeBytes += text.size();
    }
    if (mergeBytes > mostBytesOfMerges)
      return metadata.error(tokensKey,
                            "can be put together of each other in so many ways "
                            "that these have more than " +
                                Twine(mostBytesOfMerges) + " bytes");
  }
  llvm::stable_sort(merges, [](const Merge &a, const Merge &b) {
    return std::make_tuple(-a.score, -int64_t(a.left.size()),
                           -int64_t(a.right.size())) <
           std::make_tuple(-b.score, -int64_t(b.left.size()),
                           -int64_t(b.right.size()));
  });
  json::Array pairs;
  for (const Merge &merge : merges)
    pairs.push_back(json::Array{merge.left, merge.right});
  model["merges"] = std::move(pairs);
  return Error::success();
}

Error TokenizerWriter::sentencePiece() {
  bool prefix = true, trims = false;
  if (Error e = readFlag("tokenizer.ggml.add_space_prefix", prefix))
    return e;
  if (Error e = readFlag("tokenizer.ggml.remove_extra_whitespaces", trims))
    return e;
  for (StringRef key : {"tokenizer.ggml.remove_extra_whitespaces",
                        "tokenizer.ggml.precompiled_charsmap"}) {
    const GgufValue *value = metadata.find(key);
    if (value && (trims || (value->isArray && value->count)))
      return metadata.error(key, "is " + value->describe() +
                                     ", which is not supported");
  }
  addBos = true;
  std::optional<int64_t> unknown;
  if (Error e = readId("tokenizer.ggml.unknown_token_id", unknown))
    return e;
  if (unknown && types[*unknown] != kUnused)
    model["unk_token"] = tokens[*unknown];
  model["fuse_unk"] = true;
  model["byte_fallback"] = is_contained(types, int(kByte));

  auto replace = [](StringRef from, StringRef to) {
    return json::Object{{"type", "Replace"},
                        {"pattern", json::Object{{"String", from}}},
                        {"content", to}};
  };
  json::Array normalizers, decoders;
  if (prefix)
    normalizers.push_back(
        json::Object{{"type", "Prepend"}, {"prepend", metaspace}});
  normalizers.push_back(replace(" ", metaspace));
  decoders.push_back(replace(metaspace, " "));
  decoders.push_back(json::Object{{"type", "ByteFallback"}});
  decoders.push_back(json::Object{{"type", "Fuse"}});
  if (prefix)
    decoders.push_back(json::Object{
        {"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  file["normalizer"] = json::Object{{"type", "Sequence"},
                                    {"normalizers", std::move(normalizers)}};
  file["decoder"] =
      json::Object{{"type", "Sequence"}, {"decoders", std::move(decoders)}};
  return mergesByScore();
}

//===----------------------------------------------------------------------===//

/// The tokens that go around every text.
Error TokenizerWriter::postProcessor() {
  json::Array single;
  json::Object specials;
  auto add = [&](StringRef flagKey, StringRef idKey, bool flag) -> Error {
    std::optional<int64_t> id;
    if (Error e = readId(idKey, id))
      return e;
    if (Error e = readFlag(flagKey, flag))
      return e;
    if (!flag)
      return Error::success();
    if (!id)
      return metadata.error(flagKey,
                            "asks for a token, but there is no " + idKey);
    StringRef text = tokens[*id];
    if (types[*id] == kUnused)
      return metadata.error(idKey,
                            "is " + Twine(*id) + ", which is an unused token");
    single.push_back(json::Object{
        {"SpecialToken", json::Object{{"id", text}, {"type_id", 0}}}});
    specials[text] = json::Object{
        {"id", text}, {"ids", json::Array{*id}}, {"tokens", json::Array{text}}};
    return Error::success();
  };
  if (Error e = add("tokenizer.ggml.add_bos_token",
                    "tokenizer.ggml.bos_token_id", addBos))
    return e;
  single.push_back(
      json::Object{{"Sequence", json::Object{{"id", "A"}, {"type_id", 0}}}});
  if (Error e = add("tokenizer.ggml.add_eos_token",
                    "tokenizer.ggml.eos_token_id", false))
    return e;
  if (single.size() > 1)
    file["post_processor"] =
        json::Object{{"type", "TemplateProcessing"},
                     {"single", std::move(single)},
                     {"pair", json::Array()},
                     {"special_tokens", std::move(specials)}};
  return Error::success();
}

Expected<std::string> TokenizerWriter::run() {
  Expected<StringRef> name = metadata.getString(modelKey);
  if (!name)
    return name.takeError();
  if (*name != "gpt2" && *name != "llama")
    return metadata.error(modelKey,
                          "is " + quoted(*name) +
                              ", which is not supported (supported: gpt2, "
                              "llama)");
  if (Error e = readTokens())
    return std::move(e);
  if (Error e = *name == "gpt2" ? byteLevel() : sentencePiece())
    return std::move(e);
  if (Error e = postProcessor())
    return std::move(e);
  file["version"] = "1.0";
  file["model"] = std::move(model);
  std::string text;
  raw_string_ostream(text) << json::Value(std::move(file));
  return text;
}

bool hasTokenizer(const GgufMetadata &metadata) {
  const GgufValue *model = metadata.find(modelKey);
  return model && (model->isArray || model->string() != StringRef("none"));
}

Expected<std::string> makeTokenizerJson(const GgufMetadata &metadata) {
  return TokenizerWriter(metadata).run();
}

} // namespace fpmoe
