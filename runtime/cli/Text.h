//===- Text.h - text and token ids ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The program's tokenizer, for commands that also have to do without one, and
// the readers of files with text and with ids.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CLI_TEXT_H
#define FPMOE_RUNTIME_CLI_TEXT_H

#include "runtime/core/Status.h"
#include "runtime/tokenizer/ChatTemplate.h"

#include <memory>
#include <string>
#include <vector>

namespace fpmoe {

/// The longest file with text or ids, in bytes.
constexpr size_t maxTextFile = 64 << 20;

/// Reads a whole file of at most maxTextFile bytes, "-" being the standard
/// input. Does not wait for somebody to write to a FIFO. The error names it.
Status readFile(const std::string &path, std::string &content);

/// Reads ids separated by white space, each in the vocabulary. The error
/// gives the place of the first bad one in `name`.
Status parseIds(const std::string &content, const std::string &name,
                std::vector<int32_t> &ids);

class Text {
public:
  /// Opens the tokenizer of the program, when it has one.
  Status open();
  bool hasTokenizer() const { return tokenizer != nullptr; }

  /// Appends the ids of `text`. Refuses text that is not UTF-8 with the offset
  /// of its first bad byte; `name` says whose text it is.
  Status encode(const std::string &text, const std::string &name,
                std::vector<int32_t> &ids) const;

  /// The same of a part of a text: nothing is put around it, and texts of
  /// special tokens in it are text like any other.
  Status encodePart(const std::string &text, const std::string &name,
                    std::vector<int32_t> &ids) const;

  /// The same of either kind: `addsSpecial` puts around it what a text has.
  Status encode(const std::string &text, const std::string &name,
                bool addsSpecial, bool parsesSpecial,
                std::vector<int32_t> &ids) const;

  /// The token that the vocabulary spells like this, or -1.
  int32_t token(const std::string &name) const {
    return tokenizer ? tokenizer->tokenToId(name) : -1;
  }
  /// The special token that the vocabulary spells like this, or -1.
  int32_t specialToken(const std::string &name) const;

  /// How conversations are written. The text outlives it.
  ChatTemplate chatTemplate() const { return ChatTemplate(tokenizer.get()); }

  /// Returns the text of one token, with U+FFFD for incomplete characters; as
  /// the vocabulary spells it if it cannot be decoded.
  std::string describe(int32_t token) const;

  /// Turns tokens into text as they come, whole characters at a time. Writes
  /// ids when there is no tokenizer or `asIds` is set.
  class Stream {
  public:
    Stream(const Text &text, bool asIds);
    /// Another text that begins as this one, as far as it is known.
    Stream(const Stream &other);
    std::string push(int32_t token);
    /// Takes a token whose text is not wanted, though it bears on the next.
    void skip(int32_t token);
    std::string finish();
    /// Fails where the tokenizer cannot decode this text; none comes after.
    Status status() const;

  private:
    std::unique_ptr<StreamDecoder> decoder;
    bool first = true;
  };

private:
  std::unique_ptr<Tokenizer> tokenizer;
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CLI_TEXT_H
