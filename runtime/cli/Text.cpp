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
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace fpmoe;

/// Reads from an open file to its end.
static Status readAll(int file, const std::string &name, std::string &content) {
  static char buffer[65536];
  ssize_t got;
  while ((got = read(file, buffer, sizeof(buffer))) > 0) {
    content.append(buffer, got);
    if (content.size() > maxTextFile)
      return Status::error(format("%s: has more than %zu bytes, the limit of a "
                                  "text",
                                  name.c_str(), maxTextFile));
  }
  if (got < 0)
    return Status::error(name + ": cannot read: " + strerror(errno));
  return Status::success();
}

Status fpmoe::readFile(const std::string &path, std::string &content) {
  content.clear();
  if (path == "-")
    return readAll(STDIN_FILENO, "the standard input", content);
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0)
    return Status::error(path + ": cannot open: " + strerror(errno));
  // Only opening must not wait: what writes to a pipe may take its time.
  fcntl(file, F_SETFL, 0);
  Status status = readAll(file, path, content);
  struct stat info;
  bool isFifo = !fstat(file, &info) && S_ISFIFO(info.st_mode);
  close(file);
  if (!status.failed() && content.empty() && isFifo)
    return Status::error(path + ": is a FIFO that nothing writes to");
  return status;
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
  return encode(text, name, /*addsSpecial=*/true, /*parsesSpecial=*/true, ids);
}

Status Text::encodePart(const std::string &text, const std::string &name,
                        std::vector<int32_t> &ids) const {
  return encode(text, name, /*addsSpecial=*/false, /*parsesSpecial=*/false,
                ids);
}

Status Text::encode(const std::string &text, const std::string &name,
                    bool addsSpecial, bool parsesSpecial,
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
  std::vector<int32_t> encoded;
  std::string error;
  if (!tokenizer->encode(text, addsSpecial, encoded, error, parsesSpecial))
    return Status::error(name +
                         " cannot be encoded by the program's "
                         "tokenizer: " +
                         error);
  ids.insert(ids.end(), encoded.begin(), encoded.end());
  return Status::success();
}

int32_t Text::specialToken(const std::string &name) const {
  int32_t token = tokenizer ? tokenizer->tokenToId(name) : -1;
  return token >= 0 && tokenizer->isSpecial(token) ? token : -1;
}

std::string Text::describe(int32_t token) const {
  if (!tokenizer)
    return std::to_string(token);
  std::string text, error;
  if (!tokenizer->decode({token}, /*skipSpecialTokens=*/false, text, error))
    text = tokenizer->idToToken(token);
  return text;
}

Text::Stream::Stream(const Text &text, bool asIds) {
  if (text.tokenizer && !asIds)
    decoder.reset(
        new StreamDecoder(*text.tokenizer, /*skipSpecialTokens=*/true));
}

Text::Stream::Stream(const Stream &other)
    : decoder(other.decoder ? new StreamDecoder(*other.decoder) : nullptr),
      first(other.first) {}

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

Status Text::Stream::status() const {
  if (!decoder || decoder->error().empty())
    return Status::success();
  return Status::error("the tokens cannot be decoded by the program's "
                       "tokenizer: " +
                       decoder->error());
}
