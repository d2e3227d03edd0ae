//===- TokenLanguages.cpp - the language of every token ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See TokenLanguages.h. Without a tokenizer there is no text to follow.
//
//===----------------------------------------------------------------------===//

#include "runtime/cli/TokenLanguages.h"

using namespace fpmoe;

static std::vector<std::string> languageNames() {
  const char *const *first = fpmoe_model.language_names;
  return std::vector<std::string>(first, first + fpmoe_model.languages);
}

TokenLanguages::TokenLanguages(const Text &text, const std::string &name)
    : tracker(languageNames()), hasText(text.hasTokenizer()),
      stream(text, /*asIds=*/false) {
  tracker.setFile(name);
}

std::vector<int32_t> TokenLanguages::next(const std::vector<int32_t> &tokens) {
  std::vector<int32_t> languages;
  for (int32_t token : tokens) {
    languages.push_back(tracker.language());
    if (hasText)
      tracker.push(stream.push(token));
  }
  return languages;
}

std::vector<int32_t>
TokenLanguages::ahead(const std::vector<int32_t> &tokens) const {
  return TokenLanguages(*this).next(tokens);
}

Status TokenLanguages::announce(Session &session,
                                const std::vector<int32_t> &tokens) {
  session.setLanguages(session.position(), next(tokens));
  return status();
}
