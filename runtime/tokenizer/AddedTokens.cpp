//===- AddedTokens.cpp - find added tokens in a text ------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Added tokens win over everything else: the text is cut at them before any
// other step. Of several that start at one place the longest is taken.
//
//===----------------------------------------------------------------------===//
#include "runtime/tokenizer/TokenizerTables.h"
#include "runtime/tokenizer/Utf8.h"

#include <algorithm>

namespace fpmoe {

using namespace tokenizer_format;

bool TokenTrie::insert(std::string_view text, uint32_t id) {
  if (text.empty())
    return true;
  if (text.size() > kMostNodes - nodes.size())
    return false;
  first[static_cast<unsigned char>(text[0])] = true;
  uint32_t node = 0;
  for (char byte : text) {
    auto &children = nodes[node].children;
    auto place = std::lower_bound(
        children.begin(), children.end(), byte,
        [](const auto &child, char key) { return child.first < key; });
    if (place != children.end() && place->first == byte) {
      node = place->second;
      continue;
    }
    uint32_t fresh = static_cast<uint32_t>(nodes.size());
    children.insert(place, {byte, fresh});
    nodes.emplace_back(); // invalidates `children`
    node = fresh;
  }
  // Two tokens can have one normalized text; the first of them counts.
  if (nodes[node].id == kNone)
    nodes[node].id = id;
  return true;
}

size_t TokenTrie::longestAt(std::string_view text, size_t at,
                            uint32_t &id) const {
  size_t end = 0;
  uint32_t node = 0;
  while (true) {
    if (nodes[node].id != kNone) {
      id = nodes[node].id;
      end = at;
    }
    if (at == text.size())
      return end;
    const auto &children = nodes[node].children;
    auto place = std::lower_bound(
        children.begin(), children.end(), text[at],
        [](const auto &child, char key) { return child.first < key; });
    if (place == children.end() || place->first != text[at])
      return end;
    node = place->second;
    ++at;
  }
}

Markup::Markup(const std::vector<TextPart> &parts) {
  size_t end = 0;
  for (const TextPart &part : parts) {
    size_t begin = end;
    end += part.text.size();
    if (!part.isMarkup)
      continue;
    if (!ranges.empty() && ranges.back().second == begin)
      ranges.back().second = end;
    else
      ranges.emplace_back(begin, end);
  }
}

bool Markup::contains(size_t begin, size_t end) const {
  auto after = std::upper_bound(
      ranges.begin(), ranges.end(), begin,
      [](size_t place, const auto &range) { return place < range.first; });
  return isAll || (after != ranges.begin() && end <= std::prev(after)->second);
}

/// The start of the character before `at`, which is not 0.
static size_t previousCharacter(std::string_view text, size_t at) {
  do
    --at;
  while (at != 0 && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80);
  return at;
}

void TokenizerTables::splitAtTokens(const TokenTrie &trie,
                                    std::string_view text, size_t textBegin,
                                    bool first, const Markup &markup,
                                    size_t origin,
                                    std::vector<Piece> &pieces) const {
  size_t done = 0;     // everything before is in `pieces`
  size_t stripped = 0; // the white space before ends here
  auto addText = [&](size_t begin, size_t end) {
    if (begin < end)
      pieces.push_back(
          {textBegin + begin, textBegin + end, kNone, first && begin == 0});
  };
  for (size_t at = 0; at < text.size() && !trie.empty();) {
    uint32_t id;
    size_t matchEnd =
        trie.mayStart(text[at]) ? trie.longestAt(text, at, id) : 0;
    if (matchEnd == 0) {
      ++at;
      continue;
    }
    size_t begin = at, end = matchEnd;
    at = matchEnd;
    uint8_t flags = tokenFlags(id);
    if ((flags & kSpecial) && !markup.contains(origin + begin, origin + end))
      continue;
    if (flags & kSingleWord) {
      bool joinsLeft =
          begin != 0 && isWordCharacter(decodeCharacter(
                            text.substr(previousCharacter(text, begin))));
      bool joinsRight = end != text.size() &&
                        isWordCharacter(decodeCharacter(text.substr(end)));
      if (joinsLeft || joinsRight)
        continue;
    }
    if (flags & kLeftStrip) {
      while (begin > done) {
        size_t previous = previousCharacter(text, begin);
        if (!isWhitespace(decodeCharacter(text.substr(previous))))
          break;
        begin = previous;
      }
      begin = std::max(begin, done);
    }
    if (flags & kRightStrip) {
      end = std::max(end, stripped);
      while (end != text.size() &&
             isWhitespace(decodeCharacter(text.substr(end))))
        end += characterSize(text[end]);
      stripped = end;
    }
    addText(done, begin);
    pieces.push_back({textBegin + begin, textBegin + end, id, false});
    done = end;
  }
  addText(done, text.size());
}

} // namespace fpmoe
