//===- Tokenizer.cpp - text to token ids and back ---------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The order of encoding: added tokens in the text as it is, the normalizer on
// what lies between, added tokens in the normalized text, the pre-tokenizer,
// byte-pair encoding of each word.
//
//===----------------------------------------------------------------------===//
#include "runtime/tokenizer/Tokenizer.h"
#include "runtime/tokenizer/TokenizerTables.h"

namespace fpmoe {

using namespace tokenizer_format;

Tokenizer::Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer &&) noexcept = default;
Tokenizer &Tokenizer::operator=(Tokenizer &&) noexcept = default;
Tokenizer::~Tokenizer() = default;

bool Tokenizer::create(const uint8_t *blob, size_t bytes, Tokenizer &out,
                       std::string &error) {
  auto tables = std::make_unique<TokenizerTables>();
  if (!tables->load(blob, bytes, error))
    return false;
  out.tables = std::move(tables);
  return true;
}

static std::string toValidUtf8(std::string_view text) {
  std::string out;
  appendLossy(text, /*final=*/true, out);
  return out;
}

bool Tokenizer::encodeText(std::string_view utf8, const Markup &markup,
                           std::vector<int32_t> &ids,
                           std::string &error) const {
  // `text` gathers the normalized parts; texts of added tokens are left out.
  const size_t most = mostBytesFrom(utf8.size());
  std::string text, normalized;
  std::vector<Piece> parts, pieces;
  tables->splitAtTokens(tables->rawTokens, utf8, 0, /*first=*/true, markup,
                        /*origin=*/0, parts);
  // A normalizer moves what is behind.
  const Markup inNormalized =
      tables->normalizer.empty() ? markup : markup.withoutPlaces();
  for (const Piece &part : parts) {
    if (part.id != kNone) {
      pieces.push_back(part);
      continue;
    }
    size_t begin = text.size();
    if (!tables->normalize(utf8.substr(part.begin, part.end - part.begin),
                           /*first=*/0, most - begin, normalized, error))
      return false;
    text += normalized;
    tables->splitAtTokens(tables->normalizedTokens,
                          std::string_view(text).substr(begin), begin,
                          part.first, inNormalized, part.begin, pieces);
  }
  if (!tables->preTokenize(most, text, pieces, error))
    return false;
  tables->encodePieces(text, pieces, ids);
  return true;
}

bool Tokenizer::encode(std::string_view utf8, bool addSpecialTokens,
                       std::vector<int32_t> &ids, std::string &error,
                       bool parsesSpecialTokens) const {
  std::string valid;
  size_t badOffset;
  if (!isValidUtf8(utf8, badOffset)) {
    valid = toValidUtf8(utf8);
    utf8 = valid;
  }
  ids.clear();
  auto addAll = [&](const Section &section) {
    for (size_t i = 0; addSpecialTokens && i != section.count; ++i)
      ids.push_back(static_cast<int32_t>(tables->word(section, i)));
  };
  addAll(tables->header.prefix);
  if (!encodeText(utf8, Markup(parsesSpecialTokens), ids, error))
    return false;
  addAll(tables->header.suffix);
  return true;
}

bool Tokenizer::encode(const std::vector<TextPart> &parts,
                       std::vector<int32_t> &ids, std::string &error) const {
  std::vector<TextPart> valid = parts;
  std::string text;
  for (TextPart &part : valid) {
    part.text = toValidUtf8(part.text);
    text += part.text;
  }
  ids.clear();
  return encodeText(text, Markup(valid), ids, error);
}

int32_t Tokenizer::tokenToId(std::string_view token) const {
  return static_cast<int32_t>(tables->findToken(token, /*model=*/false));
}

std::string_view Tokenizer::idToToken(int32_t id) const {
  return tables->tokenText(static_cast<uint32_t>(id));
}

bool Tokenizer::isSpecial(int32_t id) const {
  return tables->tokenFlags(static_cast<uint32_t>(id)) & kSpecial;
}

int32_t Tokenizer::idCount() const {
  return static_cast<int32_t>(tables->header.idCount);
}

const ChatForm *Tokenizer::chatForm() const {
  return tables->chat ? &*tables->chat : nullptr;
}

} // namespace fpmoe
