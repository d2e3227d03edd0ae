//===- RegexTranslation.h - Oniguruma to PCRE2 ------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Hugging Face `tokenizers` runs the expressions of a tokenizer.json through
// Oniguruma in Ruby's syntax; the program runs them through PCRE2. Where the
// two read one text differently, it is rewritten or refused.
//
//===----------------------------------------------------------------------===//
#ifndef FPMOE_LIB_TOKENIZER_REGEXTRANSLATION_H
#define FPMOE_LIB_TOKENIZER_REGEXTRANSLATION_H

#include "llvm/ADT/StringRef.h"

#include <string>

namespace fpmoe {

/// Writes to `out` the PCRE2 expression with the meaning that `pattern` has for
/// Oniguruma. Returns false and says in `error` which construct is not
/// supported, and at which offset, what is malformed, or on which plain text
/// the expression goes back without end.
bool translateRegex(llvm::StringRef pattern, std::string &out,
                    std::string &error);

} // namespace fpmoe

#endif // FPMOE_LIB_TOKENIZER_REGEXTRANSLATION_H
