//===- GgufTokenizerFuzzer.cpp - fuzz target --------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Metadata becomes a tokenizer that works, or gives an error.
//
//===----------------------------------------------------------------------===//
#include "lib/Tokenizer/Gguf.h"
#include "lib/Tokenizer/Tokenizer.h"
#include "runtime/tokenizer/Tokenizer.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace fpmoe;
  llvm::StringRef bytes(reinterpret_cast<const char *>(data), size);
  auto file = parseGguf(bytes, "file");
  if (!file) {
    llvm::consumeError(file.takeError());
    return 0;
  }
  auto tables = compileGgufTokenizer(file->metadata, 1 << 16);
  if (!tables) {
    if (!llvm::StringRef(toString(tables.takeError())).starts_with("file: "))
      std::abort();
    return 0;
  }
  Tokenizer tokenizer;
  std::string error;
  if (!Tokenizer::create(tables->data(), tables->size(), tokenizer, error))
    std::abort(); // the compiler has loaded these tables already
  std::vector<int32_t> ids;
  std::string text;
  if (tokenizer.encode("ab \u2581<s>a", true, ids, error))
    tokenizer.decode(ids, false, text, error);
  return 0;
}
