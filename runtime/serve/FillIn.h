//===- FillIn.h - prompts for the middle of a text ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Models that fill in the middle were trained with the text before and behind
// it between special tokens, which differ from family to family. Which ones a
// model has is found in its vocabulary.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_SERVE_FILLIN_H
#define FPMOE_RUNTIME_SERVE_FILLIN_H

#include "runtime/cli/Text.h"

namespace fpmoe {

/// Another file of the project that the text is of.
struct FillInFile {
  std::string name, text;
};

class FillIn {
public:
  explicit FillIn(const Text &text);

  /// Whether the vocabulary has tokens for it.
  bool isPossible() const { return family != nullptr; }
  /// "Qwen2.5-Coder", for people.
  const char *familyName() const;
  /// Tokens that end the middle, beside those that end any text.
  const std::vector<int32_t> &ends() const { return stops; }

  /// The prompt that the middle follows. Texts of special tokens in the parts
  /// are text like any other. Of the prefix the beginning, and of the suffix
  /// the end, is left out where there would be more than `most` tokens; 3 of 4
  /// are the prefix's then. `files` come first, if the family knows such.
  Status encode(const std::string &prefix, const std::string &suffix,
                const std::vector<FillInFile> &files, int64_t most,
                std::vector<int32_t> &ids) const;

private:
  struct Family;
  static const Family families[];

  const Text &text;
  const Family *family = nullptr;
  int32_t before = -1, behind = -1, middle = -1, file = -1;
  std::vector<int32_t> stops;
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_SERVE_FILLIN_H
