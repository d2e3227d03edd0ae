//===- Text.cpp - text and token ids ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Text is checked to be UTF-8 before the tokenizer sees it, and ids are read
// exactly: "12x", "+3" or "1e3" is an error, not a number.
//
//===----------------------------------------------------------------------===//

#include "runtime/cli/Text.h"
#include "include/fpmoe/runtime/abi.h"
#include "runtime/cli/Arguments.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

using namespace fpmoe;

Status fpmoe::readFile(const std::string &path, std::string &content) {
  bool standardInput = path == "-";
  FILE *file = standardInput ? stdin : fopen(path.c_str(), "rb");
  if (!file)
    return Status::error(path + ": cannot open: " + strerror(errno));
  content.clear();
  char buffer[65536];
  size_t got;
  while ((got = fread(buffer, 1, sizeof(buffer), file)) > 0)
    content.append(buffer, got);
  int reason = ferror(file) ? errno : 0;
  if (!standardInput)
    fclose(file);
  if (reason)
    return Status::error((standardInput ? "the standard input" : path) +
                         ": cannot read: " + strerror(reason));
  return Status::success();
}

Status fpmoe::parseIds(const std::string &content, const std::string &name,
                       std::vector<int32_t> &ids) {
  static const char blank[] = " \t\r\n\v\f";
  size_t at = 0, line = 1, lineStart = 0;
  while (true) {
    for (; at < content.size() && strchr(blank, content[at]) && content[at];
         ++at)
      if (content[at] == '\n') {
        ++line;
        lineStart = at + 1;
      }
    if (at == content.size())
      return Status::success();
    size_t end = std::min(content.find_first_of(blank, at), content.size());
    std::string word = content.substr(at, end - at);
    int64_t id;
    bool number = parseInteger(word, id);
    if (!number || id < 0 || id >= fpmoe_model.vocabulary) {
      std::string shown;
      appendLossy(word.substr(0, 40), /*final=*/true, shown);
      std::string place =
          format("%s: id %zu at line %zu, column %zu is '%s'%s", name.c_str(),
                 ids.size() + 1, line, at - lineStart + 1, shown.c_str(),
                 word.size() > 40 ? "..." : "");
      return Status::error(
          number ? format("%s, outside the vocabulary of %lld", place.c_str(),
                          static_cast<long long>(fpmoe_model.vocabulary))
                 : place + ", not a token id");
    }
    ids.push_back(static_cast<int32_t>(id));
    at = end;
  }
}

Status Text::open() {
  if (!fpmoe_model.tokenizer_bytes)
    return Status::success();
  std::unique_ptr<Tokenizer> opened(new Tokenizer);
  std::string error;
  if (!Tokenizer::create(fpmoe_model.tokenizer, fpmoe_model.tokenizer_bytes,
                         *opened, error))
    return Status::error("the program's tokenizer is damaged: " + error);
  tokenizer = std::move(opened);
  return Status::success();
}

Status Text::encode(const std::string &text, const std::string &name,
                    std::vector<int32_t> &ids) const {
  if (!tokenizer)
    return Status::error("this program has no tokenizer: it takes token ids "
                         "only, see --help");
  size_t badOffset = 0;
  if (!isValidUtf8(text, badOffset))
    return Status::error(format("%s is not UTF-8: byte %zu (0x%02x) begins no "
                                "character",
                                name.c_str(), badOffset,
                                static_cast<unsigned char>(text[badOffset])));
  std::vector<int32_t> encoded =
      tokenizer->encode(text, /*addSpecialTokens=*/true);
  ids.insert(ids.end(), encoded.begin(), encoded.end());
  return Status::success();
}

std::string Text::describe(int32_t token) const {
  return tokenizer ? tokenizer->decode(&token, 1, /*skipSpecialTokens=*/false)
                   : std::to_string(token);
}

Text::Stream::Stream(const Text &text, bool asIds) {
  if (text.tokenizer && !asIds)
    decoder.reset(
        new StreamDecoder(*text.tokenizer, /*skipSpecialTokens=*/true));
}

std::string Text::Stream::push(int32_t token) {
  if (decoder)
    return decoder->push(token);
  std::string separator = first ? "" : " ";
  first = false;
  return separator + std::to_string(token);
}

void Text::Stream::skip(int32_t token) {
  if (decoder)
    decoder->push(token);
}

std::string Text::Stream::finish() { return decoder ? decoder->flush() : ""; }
