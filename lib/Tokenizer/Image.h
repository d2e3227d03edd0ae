//===- Image.h - a tokenizer in memory --------------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the readers of a tokenizer.json fill in, and the writer of the tables
// takes: the tokens, the merges and the steps.
//
//===----------------------------------------------------------------------===//
#ifndef FPMOE_LIB_TOKENIZER_IMAGE_H
#define FPMOE_LIB_TOKENIZER_IMAGE_H

#include "fpmoe/runtime/tokenizer_format.h"
#include "lib/Tokenizer/JsonReader.h"

#include <cstdint>
#include <string>
#include <vector>

namespace fpmoe {

/// Ids above this are refused whatever the size of the model's vocabulary, so
/// that a small file cannot ask for large tables.
constexpr int64_t kMostIds = 1 << 21;

struct StepImage {
  tokenizer_format::StepKind kind;
  uint32_t flags = 0;
  uint32_t number = 0;
  uint32_t number2 = 0;
  std::string pattern = {};
  std::string content = {};
};

struct TokenImage {
  std::string text;
  uint8_t flags = 0; // 0: no token has this id
};

struct TokenizerImage {
  uint32_t flags = 0;
  uint32_t unknown = tokenizer_format::kNone;
  std::vector<TokenImage> tokens; // by id
  std::vector<tokenizer_format::Merge> merges;
  std::vector<uint32_t> byteTokens;
  std::vector<uint32_t> fallback;
  std::vector<uint32_t> added;
  std::vector<StepImage> normalizer;
  std::vector<StepImage> preTokenizer;
  std::vector<StepImage> decoder;
  std::vector<uint32_t> prefix;
  std::vector<uint32_t> suffix;
  std::vector<std::string> warnings;
};

// The readers: one part of the file each. They return false after a problem.

/// `model` and `added_tokens`. Ids must be below `vocabularySize`.
bool readModel(const llvm::json::Object &file, int64_t vocabularySize,
               TokenizerImage &image, Problem &problem);

/// `normalizer`, `pre_tokenizer` and `decoder`. Sets kByteLevel.
bool readSteps(const llvm::json::Object &file, TokenizerImage &image,
               Problem &problem);

/// `post_processor`. Needs the tokens.
bool readPostProcessor(const llvm::json::Object &file, TokenizerImage &image,
                       Problem &problem);

/// Fills byteTokens and fallback, and decides kCutAtMetaspace. Comes last.
void deriveTables(TokenizerImage &image);

/// The blob of tokenizer_format.h; false if it would pass 4 GiB.
bool writeTables(const TokenizerImage &image, std::vector<uint8_t> &out);

/// The id of each token of the model, by its text.
class TokenIndex {
public:
  explicit TokenIndex(const TokenizerImage &image);
  /// kNone if the model has no such token.
  uint32_t find(llvm::StringRef text) const;

private:
  const TokenizerImage &image;
  std::vector<uint32_t> slots;
};

} // namespace fpmoe

#endif // FPMOE_LIB_TOKENIZER_IMAGE_H
