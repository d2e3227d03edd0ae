//===- TokenLanguages.h - the language of every token ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model with an adapter for each language takes the language of each token.
// It is the one that the text before the token is in, as the tracker sees it.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CLI_TOKENLANGUAGES_H
#define FPMOE_RUNTIME_CLI_TOKENLANGUAGES_H

#include "include/fpmoe/runtime/abi.h"
#include "runtime/cli/Text.h"
#include "runtime/core/Session.h"
#include "runtime/language/LanguageTracker.h"

namespace fpmoe {

class TokenLanguages {
public:
  /// Of a text in the file `name`, if that is not empty.
  TokenLanguages(const Text &text, const std::string &name);

  /// The languages of the next tokens of the text, -1 where there is none.
  std::vector<int32_t> next(const std::vector<int32_t> &tokens);
  /// The same of tokens that may come next, or not.
  std::vector<int32_t> ahead(const std::vector<int32_t> &tokens) const;
  /// Fails where the text cannot be followed, as Text::Stream says.
  Status status() const { return stream.status(); }

  /// Tells the session the languages of the tokens that it is fed next.
  Status announce(Session &session, const std::vector<int32_t> &tokens);

private:
  LanguageTracker tracker;
  bool hasText;
  Text::Stream stream;
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CLI_TOKENLANGUAGES_H
