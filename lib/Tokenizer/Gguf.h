//===- Gguf.h - the tokenizer of a GGUF file --------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A GGUF file lists tokens and merges, and only names the rules that cut a text
// into words. This writes the tokenizer.json that says the same, so that there
// is one road from tokenizers to tables.
//
//===----------------------------------------------------------------------===//
#ifndef FPMOE_LIB_TOKENIZER_GGUF_H
#define FPMOE_LIB_TOKENIZER_GGUF_H

#include "lib/Checkpoint/Gguf.h"

#include "llvm/Support/JSON.h"

namespace fpmoe {

/// The tokenizer.json of the metadata's `tokenizer.ggml.*`: model gpt2
/// (byte-level BPE) or llama (SentencePiece BPE, whose merges follow from the
/// scores of the tokens). Errors name file and key: a model or `pre` that is
/// not supported, token texts that are double or no UTF-8, lists of different
/// lengths, ids outside the list.
llvm::Expected<std::string> makeTokenizerJson(const GgufMetadata &metadata);

/// Whether the file has one: `tokenizer.ggml.model` is there and not "none".
bool hasTokenizer(const GgufMetadata &metadata);

/// How byte-level BPE cuts words, by `tokenizer.ggml.pre`.
struct PreTokenizer {
  /// Members of a sequence before ByteLevel, which uses no expression then.
  llvm::json::Array steps;
  bool isNFC = false;
  /// A word that is a token is taken whole.
  bool ignoreMerges = false;
  /// Whether a text starts with the token for beginnings, by default.
  bool addBos = false;
};

/// Nothing for a name that is not supported.
std::optional<PreTokenizer> findPreTokenizer(llvm::StringRef name);
/// "default, deepseek-coder, ...".
std::string listPreTokenizers();

} // namespace fpmoe

#endif // FPMOE_LIB_TOKENIZER_GGUF_H
