//===- MustEncode.h - encode and decode in tests ----------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For texts that no step of the tokenizer may fail on.
//
//===----------------------------------------------------------------------===//
#ifndef FPMOE_TEST_RUNTIME_TOKENIZER_MUSTENCODE_H
#define FPMOE_TEST_RUNTIME_TOKENIZER_MUSTENCODE_H

#include "runtime/tokenizer/Tokenizer.h"

#include <gtest/gtest.h>

namespace fpmoe {

inline std::vector<int32_t> mustEncode(const Tokenizer &tokenizer,
                                       std::string_view text,
                                       bool addSpecialTokens) {
  std::vector<int32_t> ids;
  std::string error;
  EXPECT_TRUE(tokenizer.encode(text, addSpecialTokens, ids, error)) << error;
  return ids;
}

inline std::string mustDecode(const Tokenizer &tokenizer,
                              const std::vector<int32_t> &ids,
                              bool skipSpecialTokens) {
  std::string text, error;
  EXPECT_TRUE(tokenizer.decode(ids, skipSpecialTokens, text, error)) << error;
  return text;
}

} // namespace fpmoe

#endif // FPMOE_TEST_RUNTIME_TOKENIZER_MUSTENCODE_H
