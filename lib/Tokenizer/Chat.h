//===- Chat.h - how a model's conversations are written ---------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finds a model's chat template, the family that it belongs to, and writes that
// beside the tables of the tokenizer. No template is run: one that is not of a
// family, token for token, is not known, and then the program has no chat.
//
//===----------------------------------------------------------------------===//
#ifndef FPMOE_LIB_TOKENIZER_CHAT_H
#define FPMOE_LIB_TOKENIZER_CHAT_H

#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fpmoe {

class GgufMetadata;

/// What a model says of its conversations.
struct ChatSource {
  std::string file;                 ///< for messages: where the template is
  std::optional<std::string> text;  ///< the template
  std::string beginToken, endToken; ///< texts of tokens, or nothing
};

/// From chat_template.jinja or tokenizer_config.json of a directory, or from a
/// GGUF file, which are not trusted. Of several templates, the one named
/// "default".
llvm::Expected<ChatSource> readChatSource(llvm::StringRef model);
llvm::Expected<ChatSource> readChatSource(const GgufMetadata &metadata);

/// What somebody chose: a family, or "none".
struct ChatChoice {
  /// Fails for other names. `place` is what gave it, for messages: an option of
  /// the command line, or a field of a file.
  static llvm::Expected<ChatChoice> create(llvm::StringRef name,
                                           llvm::StringRef place);

  std::string name, place;
};
/// "chatml, llama2, ... or none".
std::string listChatChoices();

/// Adds to the tables of a tokenizer how conversations are written: as
/// `choice` says, or as the model does without one. Where the model has no
/// template the tables stay as they are.
///
/// If the family of the model's template is not known, or its tokens are not
/// there, the program has no chat and `note` is told why. For a chosen family
/// that is an error.
llvm::Error addChat(std::vector<uint8_t> &tables, const ChatSource &source,
                    const std::optional<ChatChoice> &choice,
                    llvm::function_ref<void(const llvm::Twine &)> note);

/// The same for what readChatSource() reads. `tables` may be empty, for a model
/// without tokenizer.
llvm::Error addChat(std::vector<uint8_t> &tables, llvm::StringRef model,
                    const std::optional<ChatChoice> &choice,
                    llvm::function_ref<void(const llvm::Twine &)> note);

} // namespace fpmoe

#endif // FPMOE_LIB_TOKENIZER_CHAT_H
