//===- ChatTemplate.h - conversations as prompts ----------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Models that were trained on conversations know them in one form each, which
// the compiler found in the model's files. Prompts have the ids that
// `apply_chat_template` of `transformers` gives, but texts of special tokens in
// a message stay text.
//
//===----------------------------------------------------------------------===//
#ifndef FPMOE_RUNTIME_TOKENIZER_CHATTEMPLATE_H
#define FPMOE_RUNTIME_TOKENIZER_CHATTEMPLATE_H

#include "fpmoe/runtime/tokenizer_format.h"
#include "runtime/tokenizer/Tokenizer.h"

#include <optional>

namespace fpmoe {

struct ChatMessage {
  std::string role; ///< "system", "user" or "assistant"
  std::string content;
  /// What the assistant thought, where the content does not say it.
  std::optional<std::string> thoughts;
};

struct Day {
  int year, month, day; ///< from 1 on
  /// By the clock and in the time zone of this machine.
  static Day today();
};

/// What a prompt says besides the messages.
struct ChatOptions {
  Day day = Day::today();
  bool thinks = true; ///< where the model can be told not to
};

/// tokenizer_format::Chat with its references resolved.
struct ChatForm {
  uint32_t flags = 0;
  std::string_view texts[tokenizer_format::kChatTexts];

  std::string_view operator[](tokenizer_format::ChatText text) const {
    return texts[static_cast<uint32_t>(text)];
  }
  bool has(uint32_t flag) const { return flags & flag; }
};

class ChatTemplate {
public:
  /// The one in the tables of a tokenizer, which outlives it; null: none.
  explicit ChatTemplate(const Tokenizer *tokenizer);

  bool isKnown() const { return !family().empty(); }
  /// "llama3"; empty if the model has none that is known.
  std::string family() const;
  /// Why there is none, for people.
  std::string problem() const;
  /// Tokens that end what the assistant says.
  const std::vector<int32_t> &ends() const { return stops; }
  /// Whether the assistant can be asked to think, or not to.
  bool canThink(bool thinks) const;

  /// The prompt that the assistant's answer follows. Returns false for what the
  /// family has no form for, with the reason in `error` and in `place` the
  /// message that it is about.
  bool encode(const std::vector<ChatMessage> &messages,
              const ChatOptions &options, std::vector<int32_t> &ids,
              std::string &error, size_t &place) const;

private:
  bool check(const std::vector<ChatMessage> &messages, std::string &error,
             size_t &place) const;
  std::vector<TextPart> write(const std::vector<ChatMessage> &messages,
                              const ChatOptions &options) const;

  const Tokenizer *tokenizer;
  const ChatForm *form = nullptr;
  std::vector<int32_t> stops;
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_TOKENIZER_CHATTEMPLATE_H
