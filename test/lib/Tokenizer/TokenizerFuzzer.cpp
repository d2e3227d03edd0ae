//===- TokenizerFuzzer.cpp - fuzz the tokenizer.json reader -----*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The input is taken for a tokenizer.json. What compiles must load, encode a
// fixed text and decode it again without a fault of memory or arithmetic.
//
//===----------------------------------------------------------------------===//
#include "lib/Tokenizer/Tokenizer.h"
#include "runtime/tokenizer/Tokenizer.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace fpmoe;
  auto tables = compileTokenizerText(
      llvm::StringRef(reinterpret_cast<const char *>(data), size),
      "tokenizer.json", 1 << 16);
  if (!tables) {
    llvm::consumeError(tables.takeError());
    return 0;
  }
  Tokenizer tokenizer;
  std::string error;
  if (!Tokenizer::create(tables->data(), tables->size(), tokenizer, error))
    std::abort(); // the compiler has loaded these tables already
  for (std::string_view text :
       {"let  caf\u00e9 = f(12, '\u4e2d\u6587')\r\n\n <s>e\u0301 \u2581x",
        "\xff\xe2\x82 a", ""}) {
    std::vector<int32_t> ids;
    std::string decoded;
    if (!tokenizer.encode(text, true, ids, error)) {
      if (error.empty())
        std::abort();
      continue;
    }
    tokenizer.decode(ids, false, decoded, error);
    StreamDecoder stream(tokenizer, true);
    std::string streamed;
    for (int32_t id : ids)
      streamed += stream.push(id);
    streamed += stream.flush();
    size_t badOffset;
    if (!isValidUtf8(streamed, badOffset))
      std::abort();
  }
  return 0;
}
