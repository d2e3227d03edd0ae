//===- TokenizerTables.h - the tables of a tokenizer ------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The blob with its offsets checked, and what is built from it at start:
// compiled patterns and the tries of added tokens. Private to this folder.
//
//===----------------------------------------------------------------------===//
#ifndef FPMOE_RUNTIME_TOKENIZER_TOKENIZERTABLES_H
#define FPMOE_RUNTIME_TOKENIZER_TOKENIZERTABLES_H

#include "fpmoe/runtime/tokenizer_format.h"
#include "runtime/tokenizer/ChatTemplate.h"
#include "runtime/tokenizer/Regex.h"

#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fpmoe {

/// A pattern of a step: a regular expression or a plain text.
struct Pattern {
  bool isRegex = false;
  Regex regex;
  std::string_view literal; // not empty

  /// Calls `visit(begin, end)` for each match, until it returns false. Returns
  /// why the search gave up, or null.
  template <typename Visitor>
  const char *forEach(Regex::Finder *finder, std::string_view text,
                      Visitor visit) const {
    if (isRegex) {
      finder->start(text);
      for (size_t begin, end; finder->next(begin, end) && visit(begin, end);)
        ;
      return finder->failure();
    }
    for (size_t at = 0; (at = text.find(literal, at)) != std::string_view::npos;
         at += literal.size())
      if (!visit(at, at + literal.size()))
        break;
    return nullptr;
  }
};

/// A step with its references resolved.
struct LoadedStep {
  tokenizer_format::StepKind kind;
  uint32_t flags;
  uint32_t number;
  uint32_t number2;
  Pattern pattern;
  std::string_view content;
};

/// Steps may make a text this many times as long, and some bytes longer: a few
/// that replace one character by two double it each.
constexpr size_t kMostGrowth = 8, kMoreBytes = 64 << 10;
constexpr size_t mostBytesFrom(size_t size) {
  return size * kMostGrowth + kMoreBytes;
}

inline constexpr char kGrowthError[] = "makes the text too many times as long";

/// "step 2 of the PART WHAT".
std::string stepError(const char *part, size_t index, const std::string &what);

/// `text` with each match of the step's pattern replaced by its content.
/// Returns false and says why in `error` if the pattern gives up, or `out`
/// would become longer than `most`.
bool replaceMatches(const LoadedStep &step, std::string_view text, size_t most,
                    std::string &out, std::string &error);

/// Finds the texts of added tokens: the leftmost match, the longest of those.
class TokenTrie {
public:
  /// Refuses what would need too many nodes.
  bool insert(std::string_view text, uint32_t id);

  /// The longest text that starts at `text[at]`: its end, or 0 for none.
  size_t longestAt(std::string_view text, size_t at, uint32_t &id) const;

  /// Whether a text may start with this byte.
  bool mayStart(char byte) const {
    return first[static_cast<unsigned char>(byte)];
  }
  bool empty() const { return nodes.size() == 1; }

  /// Sixteen times what the largest sets of added tokens need.
  static constexpr size_t kMostNodes = 1 << 20;

private:
  struct Node {
    std::vector<std::pair<char, uint32_t>> children; // sorted
    uint32_t id = tokenizer_format::kNone;
  };
  std::vector<Node> nodes = std::vector<Node>(1);
  bool first[256] = {};
};

/// A part of the text on its way to ids: [begin, end) of a buffer.
struct Piece {
  size_t begin;
  size_t end;
  uint32_t id; // of an added token, or kNone: still text
  bool first;  // starts where the whole text starts
};

/// Where in a text those of special tokens are these tokens.
class Markup {
public:
  /// Everywhere or nowhere.
  explicit Markup(bool isAll) : isAll(isAll) {}
  /// In each part that is markup, with those beside it.
  explicit Markup(const std::vector<TextPart> &parts);

  bool contains(size_t begin, size_t end) const;
  /// That of a text whose offsets are not those of this one: places are lost.
  Markup withoutPlaces() const { return Markup(isAll); }

private:
  bool isAll = false;
  std::vector<std::pair<size_t, size_t>> ranges; // ascending, apart
};

/// Words seen while encoding one text, and the ids they became.
class WordCache;

struct TokenizerTables {
  const uint8_t *blob = nullptr;
  tokenizer_format::Header header = {};
  std::vector<LoadedStep> normalizer;
  std::vector<LoadedStep> preTokenizer;
  std::vector<LoadedStep> decoder;
  std::optional<ChatForm> chat;
  TokenTrie rawTokens;        // matched in the text as it is
  TokenTrie normalizedTokens; // matched after the normalizer
  // Normalized tokens that the normalizer changes, sorted by id: they are
  // decoded as what it makes of them.
  std::vector<std::pair<uint32_t, std::string>> normalizedTexts;
  uint32_t asciiIds[128]; // ids of the ASCII characters, or kNone

  bool load(const uint8_t *bytes, size_t size, std::string &error);

  uint32_t word(const tokenizer_format::Section &section, size_t index) const {
    uint32_t value;
    std::memcpy(&value, blob + section.offset + index * sizeof(value),
                sizeof(value));
    return value;
  }
  uint8_t tokenFlags(uint32_t id) const {
    return id < header.idCount ? blob[header.tokenFlags.offset + id] : 0;
  }
  std::string_view tokenText(uint32_t id) const;

  /// What the decoder starts from.
  std::string_view textToDecode(uint32_t id) const;

  /// The id of a text, or kNone. `model`: added tokens do not count.
  uint32_t findToken(std::string_view text, bool model) const;

  /// The merge of a pair; false if there is none.
  bool findMerge(uint32_t left, uint32_t right, uint32_t &rank,
                 uint32_t &result) const;

  /// Runs `text` through the normalizer's steps from `first` on. Returns false
  /// and says why in `error` if one fails, or the text gets longer than `most`.
  bool normalize(std::string_view text, size_t first, size_t most,
                 std::string &out, std::string &error) const;

  /// Cuts `text` into added tokens of `trie` and the text between them. Special
  /// ones are text outside of `markup`, in which `text` begins at `origin`.
  void splitAtTokens(const TokenTrie &trie, std::string_view text,
                     size_t textBegin, bool first, const Markup &markup,
                     size_t origin, std::vector<Piece> &pieces) const;

  /// Applies all pre-tokenizer steps to the pieces of `text`. Fails as
  /// `normalize` does.
  bool preTokenize(size_t most, std::string &text, std::vector<Piece> &pieces,
                   std::string &error) const;

  /// Appends the ids of one word.
  void encodeWord(std::string_view word, WordCache &cache,
                  std::vector<int32_t> &ids) const;

  /// Appends the ids of all pieces.
  void encodePieces(std::string_view text, const std::vector<Piece> &pieces,
                    std::vector<int32_t> &ids) const;

private:
  bool loadSteps(const tokenizer_format::Section &section,
                 std::vector<LoadedStep> &steps, std::string &error);
  bool loadChat(std::string &error);
  bool loadText(const tokenizer_format::Section &section,
                std::string_view &out) const;
  bool loadAddedTokens(std::string &error);
  bool checkGrowth(std::string &error) const;
  void startSymbols(std::string_view word,
                    std::vector<uint32_t> &symbols) const;
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_TOKENIZER_TOKENIZERTABLES_H
