//===- TemplateTokens.h - a chat template in a plain form -------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Chat templates are programs in Jinja. None is run here: templates of which
// the tokens are the same write the same, and that is all that is asked of
// them.
//
//===----------------------------------------------------------------------===//
#ifndef FPMOE_LIB_TOKENIZER_TEMPLATETOKENS_H
#define FPMOE_LIB_TOKENIZER_TEMPLATETOKENS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <optional>
#include <string>
#include <vector>

namespace fpmoe {

struct TemplateToken {
  enum Kind {
    Written, ///< text of the output, wherever it stood
    Print,   ///< begins an expression that is written
    Block,   ///< begins a statement
    Word,    ///< a name, number or sign of either
    String   ///< a string in either, without quotes
  };
  Kind kind;
  std::string text;

  bool is(Kind other, llvm::StringRef what) const {
    return kind == other && text == what;
  }
  bool operator==(const TemplateToken &other) const {
    return kind == other.kind && text == other.text;
  }
};

/// The tokens of a template, as `transformers` sets Jinja up. White space,
/// comments, kinds of quotes and what errors say are gone; `x.name` reads
/// x['name'], `x.strip()` reads x | trim, and of a + b both are written by
/// themselves. Nothing for what does not end, or has characters that the
/// families' templates do not have.
std::optional<std::vector<TemplateToken>> readTemplate(llvm::StringRef text);

/// Whether a template is that of a pattern. In a pattern, "..." alone stands
/// for all that is in a branch or a macro, and each "$SYSTEM" for a text; these
/// go to `system`.
bool matchTemplate(llvm::ArrayRef<TemplateToken> pattern,
                   llvm::ArrayRef<TemplateToken> tokens,
                   std::vector<std::string> &system);

} // namespace fpmoe

#endif // FPMOE_LIB_TOKENIZER_TEMPLATETOKENS_H
