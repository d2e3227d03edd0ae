//===- Tokenizer.h - compile a tokenizer.json -------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The compiler's side of the tokenizer: reads the tokenizer.json of a Hugging
// Face checkpoint and writes the tables that ship inside the program.
//
//===----------------------------------------------------------------------===//
#ifndef FPMOE_LIB_TOKENIZER_TOKENIZER_H
#define FPMOE_LIB_TOKENIZER_TOKENIZER_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <vector>

namespace fpmoe {

class GgufMetadata;

/// Takes what a user should know of a tokenizer that compiles all the same.
using WarningHandler = llvm::function_ref<void(const llvm::Twine &)>;

/// The tables (tokenizer_format.h) of the tokenizer.json at `path`, for a model
/// with logits for `vocabularySize` ids. The file is not trusted. An error
/// names the file, the field and the values: what cannot be read, a component
/// or field that is not supported and would change the result, an id that is
/// negative, double or not below `vocabularySize`, a merge of missing tokens, a
/// pattern that goes back over a plain text without end, steps that make a text
/// longer and longer, more of anything than any tokenizer has.
///
/// Added tokens get their ids as `tokenizers` gives them, whatever the file
/// says. Those that are then not below `vocabularySize` are left out. `warn` is
/// told of both, in a line that names the file.
///
/// `truncation` and `padding` must be null, unless they change nothing for one
/// text. The template for pairs of texts is ignored.
///
/// PCRE2 and utf8proc of Debian 12 know Unicode 14: characters that joined
/// later are of no class to a regular expression, and words may be cut
/// differently there.
llvm::Expected<std::vector<uint8_t>>
compileTokenizer(llvm::StringRef path, int64_t vocabularySize,
                 WarningHandler warn = nullptr);

/// The same for the contents of a file; `path` is only for messages.
llvm::Expected<std::vector<uint8_t>>
compileTokenizerText(llvm::StringRef json, llvm::StringRef path,
                     int64_t vocabularySize, WarningHandler warn = nullptr);

/// The same for the `tokenizer.ggml.*` of a GGUF file (lib/Tokenizer/Gguf.h).
llvm::Expected<std::vector<uint8_t>>
compileGgufTokenizer(const GgufMetadata &metadata, int64_t vocabularySize,
                     WarningHandler warn = nullptr);

} // namespace fpmoe

#endif // FPMOE_LIB_TOKENIZER_TOKENIZER_H
