//===- Tokenizer.h - text to token ids and back -----------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The tokenizer of a compiled program: byte-pair encoding over the tables that
// lib/Tokenizer made from a tokenizer.json. Ids are those of Hugging Face
// `tokenizers` for the same file.
//
//===----------------------------------------------------------------------===//
#ifndef FPMOE_RUNTIME_TOKENIZER_TOKENIZER_H
#define FPMOE_RUNTIME_TOKENIZER_TOKENIZER_H

#include "runtime/tokenizer/Utf8.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fpmoe {

class Markup;
struct ChatForm;
struct TokenizerTables;

/// A part of a text. Texts of special tokens in markup become these tokens, and
/// are text like any other elsewhere.
struct TextPart {
  std::string text;
  bool isMarkup;
};

/// Immutable after `create`; all const members may be called from several
/// threads at once.
class Tokenizer {
public:
  Tokenizer();
  Tokenizer(Tokenizer &&) noexcept;
  Tokenizer &operator=(Tokenizer &&) noexcept;
  ~Tokenizer();

  /// Reads `blob` (tokenizer_format.h), which must outlive `out`. Returns false
  /// and sets `error` if it is of another version or its offsets are wrong.
  static bool create(const uint8_t *blob, size_t bytes, Tokenizer &out,
                     std::string &error);

  /// Sets `ids` to those of `utf8`. Texts of added tokens in it become these
  /// tokens; with `addSpecialTokens` also what the post-processor puts around a
  /// text (begin of sequence). Without `parsesSpecialTokens`, texts of special
  /// tokens are encoded as any other text. Bytes that are not UTF-8 count as U+FFFD: to
  /// refuse them, call isValidUtf8 before.
  ///
  /// Returns false and says why in `error` where a step of the tokenizer fails
  /// on this text: a pattern goes back over it without end, or the text grows
  /// without end. Time grows as n log n at most for n bytes without a word
  /// boundary, else as n; patterns that take longer fail.
  bool encode(std::string_view utf8, bool addSpecialTokens,
              std::vector<int32_t> &ids, std::string &error,
              bool parsesSpecialTokens = true) const;

  /// The same of parts that follow each other, with nothing put around them.
  bool encode(const std::vector<TextPart> &parts, std::vector<int32_t> &ids,
              std::string &error) const;

  /// Sets `text` to that of `ids`; unknown ids give nothing. Always UTF-8:
  /// bytes that form no character become U+FFFD. Fails as `encode` does.
  bool decode(const std::vector<int32_t> &ids, bool skipSpecialTokens,
              std::string &text, std::string &error) const;

  /// The id of a token by its text as the vocabulary spells it, or -1.
  int32_t tokenToId(std::string_view token) const;

  /// The token as the vocabulary spells it (not decoded); empty if unknown.
  std::string_view idToToken(int32_t id) const;

  /// Whether decode(skipSpecialTokens) leaves `id` out.
  bool isSpecial(int32_t id) const;

  /// One more than the largest id.
  int32_t idCount() const;

  /// How conversations are written; null if the tables say nothing of it.
  const ChatForm *chatForm() const;

private:
  friend class StreamDecoder;
  /// Ids alone, of a text that is UTF-8.
  bool encodeText(std::string_view utf8, const Markup &markup,
                  std::vector<int32_t> &ids, std::string &error) const;

  std::unique_ptr<TokenizerTables> tables;
};

/// Decodes tokens as they come. All output together is that of
/// Tokenizer::decode, but for one case: in a run of <0xXX> tokens that is not
/// UTF-8 as a whole, the good characters at its start have been given already.
class StreamDecoder {
public:
  /// `tokenizer` must outlive the decoder.
  StreamDecoder(const Tokenizer &tokenizer, bool skipSpecialTokens);

  /// The text that `id` completes: whole characters, often none. Nothing after
  /// an error.
  std::string push(int32_t id);

  /// The rest, U+FFFD for an unfinished character. The decoder is then at the
  /// start of a new text, unless there was an error.
  std::string flush();

  /// Why a step failed on this text, as Tokenizer::encode says; else empty.
  const std::string &error() const { return problem; }

private:
  friend class Tokenizer;

  struct Stage {
    std::string pending;   // bytes without a complete character, or all text
    size_t stripped = 0;   // characters taken off the start
    bool started = false;  // a token was seen
    bool stripping = true; // only stripped characters were seen
  };

  void run(size_t index, std::string token, std::string &out);
  void finish(size_t index, std::string &out);
  bool replace(size_t index, std::string &token);
  bool fits(size_t index, size_t size);

  const TokenizerTables *tables;
  bool skipSpecialTokens;
  bool eager = true; // give characters as soon as they are complete
  std::vector<Stage> stages;
  size_t taken = 0; // bytes of the tokens of this text
  size_t given = 0; // bytes of their text
  std::string problem;
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_TOKENIZER_TOKENIZER_H
