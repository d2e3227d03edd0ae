//===- PromptTokenizer.h - Prompts of a recipe as tokens --------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TOOLS_FPMOE_COMPILE_PROMPTTOKENIZER_H
#define FPMOE_TOOLS_FPMOE_COMPILE_PROMPTTOKENIZER_H

#include "runtime/tokenizer/Tokenizer.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <memory>

namespace fpmoe {

/// Tokenises as mergekit does: the begin of sequence that tokenizer_config.json
/// names, then the prompt, and nothing else. Without that file, what
/// tokenizer.json puts around a text.
class PromptTokenizer {
public:
  static llvm::Expected<std::unique_ptr<PromptTokenizer>>
  open(llvm::StringRef directory, int64_t vocabularySize);

  llvm::Expected<std::vector<int64_t>> encode(llvm::StringRef prompt) const;
  /// What shorter prompts are filled up with: the begin of sequence, or its end
  /// where there is none.
  llvm::Expected<int64_t> getPadding() const;

private:
  llvm::Error readConfig();

  std::string path, configPath;
  bool hasConfig = false;
  std::string begin, end; ///< texts of tokens, or nothing
  std::vector<uint8_t> tables;
  Tokenizer tokenizer;
};

} // namespace fpmoe

#endif
