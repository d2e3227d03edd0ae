//===- LanguageTracker.h - which language a text is in ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Follows a text as it is written and says in which of some languages the code
// at its end is. What it goes by, line by line:
//
//  - Markdown fences: after a line ```haskell the text is Haskell, after the
//    line ``` that ends it it is what it was before. A fence with a language
//    that is not known is none.
//  - Names of files in a comment of their own, `// src/Main.hs` or
//    `# file: tool.py`, and `#!/usr/bin/env python`: from there on, inside a
//    fence that names no language until its end.
//  - The pragma `{-# LANGUAGE ...`, in the same way.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_LANGUAGE_LANGUAGETRACKER_H
#define FPMOE_RUNTIME_LANGUAGE_LANGUAGETRACKER_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fpmoe {

class LanguageTracker {
public:
  /// Of languages with these names. A name is that of a language or one of its
  /// short forms (`hs`, `py`), in any case; other names stand for themselves.
  explicit LanguageTracker(std::vector<std::string> names);

  /// Number of the language that the next character is in, or -1.
  int32_t language() const { return inFence ? fenceLanguage : textLanguage; }

  /// Takes the next part of the text, which may end anywhere.
  void push(std::string_view text);

  /// Takes the name of the file that the text is of, as a hint.
  void setFile(std::string_view name);

  /// Number of the language with this name or short form, or -1.
  int32_t find(std::string_view name) const;

private:
  void endLine();
  bool takeFence(std::string_view line);
  int32_t findHint(std::string_view line) const;
  int32_t findFile(std::string_view path) const;

  std::vector<std::string> names;
  /// Of each name, the row of the table of languages, or -1.
  std::vector<int> rows;
  int32_t textLanguage = -1, fenceLanguage = -1;
  bool inFence = false;
  /// Whether the fence was opened without a language, so that hints count.
  bool openFence = false;
  char fenceCharacter = 0;
  size_t fenceLength = 0;
  /// The line so far; what a line can say stands at its beginning.
  std::string line;
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_LANGUAGE_LANGUAGETRACKER_H
