//===- TemplateTokensFuzzer.cpp - fuzz the chat template reader -*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The input is taken for a chat template, which is read and compared with the
// patterns of all families.
//
//===----------------------------------------------------------------------===//
#include "lib/Tokenizer/ChatFamilies.h"
#include "lib/Tokenizer/TemplateTokens.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace fpmoe;
  llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  std::optional<std::vector<TemplateToken>> tokens = readTemplate(text);
  if (!tokens)
    return 0;
  std::vector<std::string> system;
  for (const ChatFamily &family : getChatFamilies())
    for (llvm::StringRef pattern : family.templates)
      matchTemplate(*readTemplate(pattern), *tokens, system);
  // A template is that of itself, unless it has the marks of a pattern.
  if (text.contains("...") || text.contains("$SYSTEM"))
    return 0;
  if (!matchTemplate(*tokens, *tokens, system))
    std::abort();
  return 0;
}
