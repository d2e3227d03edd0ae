//===- FakeTokenizer.cpp - a tokenizer for the runtime's tests --*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles the tokenizer.json of these tests for FakeModel.cpp: id 0 to 255 are
// the bytes, 299 ends a text, and what somebody says in a conversation of the
// family 'zephyr'. Usage: fake-tokenizer tokenizer.json OUTPUT
//
//===----------------------------------------------------------------------===//

#include "lib/Tokenizer/Chat.h"
#include "lib/Tokenizer/Tokenizer.h"

#include "llvm/Support/raw_ostream.h"

int main(int count, char **arguments) {
  if (count != 3)
    return 1;
  llvm::ExitOnError orExit("fake-tokenizer: ");
  std::vector<uint8_t> tables =
      orExit(fpmoe::compileTokenizer(arguments[1], /*vocabularySize=*/300));
  fpmoe::ChatSource source;
  source.endToken = "<stop>";
  orExit(fpmoe::addChat(
      tables, source,
      orExit(fpmoe::ChatChoice::create("zephyr", "fake-tokenizer")), nullptr));
  std::error_code code;
  llvm::raw_fd_ostream stream(arguments[2], code);
  stream.write(reinterpret_cast<const char *>(tables.data()), tables.size());
  stream.close();
  return code || stream.has_error();
}
