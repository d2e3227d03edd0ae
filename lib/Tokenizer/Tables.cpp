//===- Tables.cpp - write the tables of a tokenizer -------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Lays out the blob of tokenizer_format.h: the header, then the sections, each
// at a multiple of eight bytes, with hash tables that are at most half full.
//
//===----------------------------------------------------------------------===//
#include "lib/Tokenizer/Image.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"

#include <cstring>
#include <type_traits>

using namespace llvm;

namespace fpmoe {

using namespace tokenizer_format;

static constexpr StringLiteral kMetaspace = "\xe2\x96\x81";

void deriveTables(TokenizerImage &image) {
  TokenIndex index(image);
  if (image.flags & kByteLevel)
    for (unsigned byte = 0; byte != 256; ++byte) {
      char text[4], *end = text;
      ConvertCodePointToUTF8(byteToCharacter(byte), end);
      image.byteTokens.push_back(index.find(StringRef(text, end - text)));
    }
  if (image.flags & kByteFallback)
    for (unsigned byte = 0; byte != 256; ++byte)
      image.fallback.push_back(
          index.find("<0x" + utohexstr(byte, false, 2) + ">"));

  // Cutting before U+2581 is exact if no merge crosses such a cut, if whole
  // words are never looked up, and if U+2581 ends a run of unknown characters.
  if ((image.flags & (kByteLevel | kIgnoreMerges)) ||
      index.find(kMetaspace) == kNone)
    return;
  for (const Merge &merge : image.merges)
    if (StringRef(image.tokens[merge.right].text).starts_with(kMetaspace) &&
        !StringRef(image.tokens[merge.left].text).ends_with(kMetaspace))
      return;
  image.flags |= kCutAtMetaspace;
}

namespace {
/// Appends sections to a blob.
class Writer {
public:
  explicit Writer(std::vector<uint8_t> &out) : out(out) {
    out.assign(sizeof(Header), 0);
  }

  Section bytes(const void *data, size_t size, size_t count) {
    out.resize(alignTo(out.size(), 8));
    Section section = {static_cast<uint32_t>(out.size()),
                       static_cast<uint32_t>(count)};
    auto *begin = static_cast<const uint8_t *>(data);
    out.insert(out.end(), begin, begin + size);
    return section;
  }

  template <typename T> Section array(const std::vector<T> &values) {
    static_assert(std::is_trivially_copyable_v<T>);
    return bytes(values.data(), values.size() * sizeof(T), values.size());
  }

private:
  std::vector<uint8_t> &out;
};
} // namespace

static std::vector<uint32_t> vocabularySlots(const TokenizerImage &image) {
  size_t count = 0;
  for (const TokenImage &token : image.tokens)
    count += token.flags != 0;
  std::vector<uint32_t> slots(NextPowerOf2(2 * count + 1), kNone);
  for (uint32_t id = 0; id != image.tokens.size(); ++id) {
    const TokenImage &token = image.tokens[id];
    if (token.flags == 0)
      continue;
    size_t slot = hashText(token.text.data(), token.text.size());
    while (slots[slot & (slots.size() - 1)] != kNone)
      ++slot;
    slots[slot & (slots.size() - 1)] = id;
  }
  return slots;
}

static std::vector<Merge> mergeSlots(const TokenizerImage &image) {
  std::vector<Merge> slots(NextPowerOf2(2 * image.merges.size() + 1),
                           Merge{kNone, kNone, 0, 0});
  for (const Merge &merge : image.merges) {
    for (size_t i = hashPair(merge.left, merge.right);; ++i) {
      Merge &slot = slots[i & (slots.size() - 1)];
      bool same = slot.left == merge.left && slot.right == merge.right;
      if (slot.left != kNone && !same)
        continue;
      slot = merge; // of two merges of one pair the last counts
      break;
    }
  }
  return slots;
}

bool writeTables(const TokenizerImage &image, std::vector<uint8_t> &out) {
  static_assert(endianness::native == endianness::little,
                "the tables are little-endian");
  Writer writer(out);
  Header header = {};
  header.magic = kMagic;
  header.version = kVersion;
  header.flags = image.flags;
  header.idCount = static_cast<uint32_t>(image.tokens.size());
  header.unknown = image.unknown;

  std::string text;
  std::vector<uint32_t> ends = {0};
  std::vector<uint8_t> flags;
  for (const TokenImage &token : image.tokens) {
    text += token.text;
    ends.push_back(static_cast<uint32_t>(text.size()));
    flags.push_back(token.flags);
  }
  header.text = writer.bytes(text.data(), text.size(), text.size());
  header.textEnds = writer.array(ends);
  header.tokenFlags = writer.array(flags);
  header.vocabulary = writer.array(vocabularySlots(image));
  header.merges = writer.array(mergeSlots(image));
  header.byteTokens = writer.array(image.byteTokens);
  header.fallback = writer.array(image.fallback);
  header.added = writer.array(image.added);
  header.prefix = writer.array(image.prefix);
  header.suffix = writer.array(image.suffix);

  auto addSteps = [&](const std::vector<StepImage> &steps) {
    std::vector<Step> written;
    for (const StepImage &step : steps) {
      auto addText = [&](const std::string &part) {
        return writer.bytes(part.data(), part.size(), part.size());
      };
      written.push_back({step.kind, step.flags, step.number, step.number2,
                         addText(step.pattern), addText(step.content)});
    }
    return writer.array(written);
  };
  header.normalizer = addSteps(image.normalizer);
  header.preTokenizer = addSteps(image.preTokenizer);
  header.decoder = addSteps(image.decoder);

  if (out.size() > UINT32_MAX)
    return false;
  header.size = static_cast<uint32_t>(out.size());
  std::memcpy(out.data(), &header, sizeof(header));
  return true;
}

} // namespace fpmoe
