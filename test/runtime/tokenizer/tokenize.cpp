//===- tokenize.cpp - tokenize texts from the command line ------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Prints the ids of texts and the texts of ids, for compare.py to compare with
// Hugging Face `tokenizers`. Fails if decoding token by token gives another
// text than decoding all at once.
//
//   fpmoe-tokenize-test TOKENIZER.json|MODEL.gguf
//                       [--special | --decode | --time] < INPUT
//
// The input is a list of texts, each ended by a NUL byte. For each, one line of
// ids is printed, and one with the bytes of its decoded text in hexadecimal.
//   --special  adds begin-of-sequence tokens and the like
//   --decode   the input is lists of ids; prints the second line only
//   --time     prints only the speed of encoding all texts
//
//===----------------------------------------------------------------------===//
#include "lib/Checkpoint/Gguf.h"
#include "lib/Tokenizer/Tokenizer.h"
#include "runtime/tokenizer/Tokenizer.h"

#include <chrono>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <iterator>
#include <sstream>

using namespace fpmoe;

/// Whether a run of byte tokens keeps the two ways of decoding apart.
static bool sameButForByteRuns(const std::string &whole,
                               const std::string &streamed) {
  return whole == streamed ||
         (whole.find("\xef\xbf\xbd") != std::string::npos &&
          streamed.find("\xef\xbf\xbd") != std::string::npos);
}

/// Prints the bytes of the text of `ids`; false if the two decoders disagree.
static bool printDecoded(const Tokenizer &tokenizer,
                         const std::vector<int32_t> &ids) {
  std::string whole, error;
  if (!tokenizer.decode(ids, /*skipSpecialTokens=*/true, whole, error))
    return false;
  StreamDecoder stream(tokenizer, /*skipSpecialTokens=*/true);
  std::string streamed;
  for (int32_t id : ids) {
    streamed += stream.push(id);
    size_t badOffset;
    if (!isValidUtf8(streamed, badOffset))
      return false;
  }
  streamed += stream.flush();
  for (char byte : whole)
    std::printf("%02x", static_cast<unsigned char>(byte));
  std::putchar('\n');
  return sameButForByteRuns(whole, streamed);
}

static llvm::Expected<std::vector<uint8_t>> compileAny(const char *path) {
  constexpr int64_t anySize = 1 << 21;
  if (!isGgufPath(path))
    return compileTokenizer(path, anySize);
  auto file = readGguf(path);
  if (!file)
    return file.takeError();
  return compileGgufTokenizer(file->metadata, anySize);
}

static int fail(const std::string &message) {
  std::fprintf(stderr, "error: %s\n", message.c_str());
  return 1;
}

int main(int argc, char **argv) {
  bool special = false, time = false, decode = false;
  const char *path = nullptr;
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--special"))
      special = true;
    else if (!std::strcmp(argv[i], "--decode"))
      decode = true;
    else if (!std::strcmp(argv[i], "--time"))
      time = true;
    else
      path = argv[i];
  }
  if (!path)
    return std::fprintf(stderr, "usage: %s TOKENIZER.json < TEXTS\n", argv[0]),
           2;
  auto tables = compileAny(path);
  if (!tables)
    return fail(llvm::toString(tables.takeError()));
  Tokenizer tokenizer;
  std::string error;
  if (!Tokenizer::create(tables->data(), tables->size(), tokenizer, error))
    return fail(error);

  std::string input{std::istreambuf_iterator<char>(std::cin), {}};
  size_t bytes = 0, tokens = 0;
  auto start = std::chrono::steady_clock::now();
  for (size_t begin = 0; begin < input.size();) {
    size_t end = std::min(input.find('\0', begin), input.size());
    std::string_view text(input.data() + begin, end - begin);
    begin = end + 1;
    if (decode) {
      std::istringstream list{std::string(text)};
      std::vector<int32_t> ids{std::istream_iterator<int32_t>(list), {}};
      if (!printDecoded(tokenizer, ids))
        return fail("decoding token by token gives another text");
      continue;
    }
    std::vector<int32_t> ids;
    if (!tokenizer.encode(text, special, ids, error))
      return fail(error);
    bytes += text.size();
    tokens += ids.size();
    if (time)
      continue;
    for (int32_t id : ids)
      std::printf("%d ", id);
    std::putchar('\n');
    if (!printDecoded(tokenizer, ids))
      return fail("decoding token by token gives another text");
  }
  std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - start;
  if (time)
    std::printf("%.1f MB/s, %zu bytes, %zu tokens\n",
                bytes / seconds.count() * 1e-6, bytes, tokens);
  return 0;
}
