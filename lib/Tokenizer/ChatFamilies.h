//===- ChatFamilies.h - the chat templates that are known -------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef FPMOE_LIB_TOKENIZER_CHATFAMILIES_H
#define FPMOE_LIB_TOKENIZER_CHATFAMILIES_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>

namespace fpmoe {

/// How the models of a family write conversations. In its texts, "{bos}" and
/// "{eos}" stand for the tokens that the model names so.
struct ChatFamily {
  llvm::StringLiteral name;
  uint32_t flags; ///< tokenizer_format::ChatFlags
  llvm::StringLiteral begin;
  /// What stands around a message.
  struct {
    llvm::StringLiteral before, after;
  } system, user, assistant;
  llvm::StringLiteral answer; ///< what the model goes on from
  /// Tokens without which a model is not of the family.
  llvm::ArrayRef<llvm::StringLiteral> markers;
  /// What models have for templates, as patterns of matchTemplate(). A first
  /// {{ bos_token }} is left out where the family begins with nothing.
  llvm::ArrayRef<llvm::StringLiteral> templates;
  llvm::StringLiteral preface = "";    ///< tokenizer_format::ChatText::Preface
  llvm::StringLiteral noThoughts = ""; ///< and NoThoughts
  /// Format of the day that stands behind the first of several $SYSTEM.
  llvm::StringLiteral day = "";
};

llvm::ArrayRef<ChatFamily> getChatFamilies();

} // namespace fpmoe

#endif // FPMOE_LIB_TOKENIZER_CHATFAMILIES_H
