//===- HttpReader.cpp - requests as they arrive ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/serve/HttpReader.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

using namespace fpmoe;

/// Characters that names of methods and headers are made of.
static bool isTokenCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool isToken(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), isTokenCharacter);
}

static bool isVisible(char c) { return c > ' ' && c < 0x7f; }

static bool isControl(char c) {
  return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == 0x7f;
}

static bool hasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(), isControl);
}

static std::string toLower(std::string_view text) {
  std::string lower(text);
  for (char &c : lower)
    if (c >= 'A' && c <= 'Z')
      c += 'a' - 'A';
  return lower;
}

static std::string_view trim(std::string_view text) {
  size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

const std::string *HttpRequest::header(std::string_view name) const {
  for (const auto &[each, value] : headers)
    if (each == name)
      return &value;
  return nullptr;
}

HttpReader::State HttpReader::refuse(int status, std::string message) {
  errorStatus = status;
  errorMessage = std::move(message);
  return State::refused;
}

HttpReader::State HttpReader::push(std::string_view bytes) {
  buffer.append(bytes);
  return next();
}

HttpReader::State HttpReader::next() {
  if (step == Step::done) {
    step = Step::head;
    current = {};
    trailers.clear();
    extraBytes = 0;
    asksToGo = false;
  }
  return read();
}

HttpReader::State HttpReader::read() {
  if (errorStatus)
    return State::refused;
  State state = State::more;
  for (bool goesOn = true; goesOn && step != Step::done;) {
    size_t before = at;
    Step beforeStep = step;
    switch (step) {
    case Step::head:
      if (readHead() && asksToGo)
        state = State::wantsGo;
      break;
    case Step::body:
    case Step::chunk: {
      size_t now = std::min(left, buffer.size() - at);
      current.body.append(buffer, at, now);
      at += now;
      left -= now;
      if (left == 0)
        step = step == Step::body ? Step::done : Step::chunkEnd;
      break;
    }
    case Step::chunkEnd:
      goesOn = readChunkEnd();
      break;
    case Step::chunkSize:
      goesOn = readChunkSize();
      break;
    case Step::trailer:
      goesOn = readTrailer();
      break;
    case Step::done:
      break;
    }
    if (errorStatus)
      return State::refused;
    goesOn = goesOn && (at != before || step != beforeStep);
  }
  buffer.erase(0, at);
  at = 0;
  return step == Step::done ? State::ready : state;
}

/// The next line of the buffer, which is complete, without its end.
std::string_view HttpReader::takeLine() {
  size_t end = buffer.find('\n', at);
  size_t last = end > at && buffer[end - 1] == '\r' ? end - 1 : end;
  std::string_view line = std::string_view(buffer).substr(at, last - at);
  at = end + 1;
  return line;
}

/// The next line between chunks, which has to end as the standard says; false:
/// it is not complete.
bool HttpReader::takeChunkLine(std::string_view &line) {
  size_t end = std::min(buffer.find('\n', at), buffer.size());
  if (end - at >= mostHeadBytes)
    return fail(431, "a line beside the chunks is longer than 16 KiB");
  if (end == buffer.size())
    return false;
  if (end == at || buffer[end - 1] != '\r')
    return fail(400, "a line beside the chunks does not end with CR LF");
  line = takeLine();
  return true;
}

bool HttpReader::readHead() {
  // Empty lines before a request are ignored.
  while (at < buffer.size() && (buffer[at] == '\r' || buffer[at] == '\n'))
    ++at;
  size_t end = std::string::npos;
  for (std::string_view empty : {"\n\r\n", "\n\n"})
    if (size_t place = buffer.find(empty, at); place != std::string::npos)
      end = std::min(end, place + empty.size());
  if (std::min(end, buffer.size()) - at > mostHeadBytes)
    return fail(431, "the head of the request is longer than 16 KiB");
  if (end == std::string::npos)
    return false;
  if (!readRequestLine(takeLine()))
    return false;
  while (true) {
    std::string_view line = takeLine();
    if (line.empty())
      return readFraming();
    if (!readHeader(line, current.headers))
      return false;
  }
}

bool HttpReader::readRequestLine(std::string_view line) {
  size_t first = line.find(' '), last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return fail(400, "the request line is not 'METHOD TARGET HTTP/1.1'");
  std::string_view target = line.substr(first + 1, last - first - 1);
  std::string_view version = line.substr(last + 1);
  current.method = line.substr(0, first);
  if (!isToken(current.method))
    return fail(400, "the method is not a word");
  if (version != "HTTP/1.1" && version != "HTTP/1.0")
    return fail(505, "the version is neither HTTP/1.1 nor HTTP/1.0");
  current.minorVersion = version.back() - '0';
  current.keepsAlive = current.minorVersion == 1;
  if (!std::all_of(target.begin(), target.end(), isVisible))
    return fail(400, "the target has a character that it must not have");
  if (target.empty() || target[0] != '/')
    return fail(400, "the target does not begin with '/'");
  size_t query = target.find('?');
  current.path = target.substr(0, query);
  if (query != std::string_view::npos)
    current.query = target.substr(query + 1);
  return true;
}

bool HttpReader::readHeader(std::string_view line, Headers &headers) {
  size_t colon = line.find(':');
  if (colon == std::string_view::npos || !isToken(line.substr(0, colon)))
    return fail(400, "a header is not 'Name: value'");
  if (headers.size() == mostHeaders)
    return fail(431, "there are more than 100 headers");
  std::string_view value = trim(line.substr(colon + 1));
  if (hasControl(value))
    return fail(400, "a header has a control character");
  headers.emplace_back(toLower(line.substr(0, colon)), value);
  return true;
}

/// What the headers say of the body and of the connection.
bool HttpReader::readFraming() {
  const std::string *length = nullptr, *coding = nullptr, *host = nullptr;
  bool closes = false;
  for (const auto &[name, value] : current.headers) {
    if (name == "host") {
      if (host)
        return fail(400, "there are two Host headers");
      host = &value;
    } else if (name == "content-length") {
      if (length)
        return fail(400, "there are two Content-Length headers");
      length = &value;
    } else if (name == "transfer-encoding") {
      if (coding)
        return fail(400, "there are two Transfer-Encoding headers");
      coding = &value;
    } else if (name == "content-encoding" && toLower(value) != "identity") {
      return fail(415, "Content-Encoding is '" + value +
                           "', the body has to be sent as it is");
    } else if (name == "connection") {
      std::string lower = toLower(value);
      closes |= lower.find("close") != std::string::npos;
      if (lower.find("keep-alive") != std::string::npos)
        current.keepsAlive = true;
    } else if (name == "expect" && current.minorVersion > 0) {
      if (toLower(value) != "100-continue")
        return fail(417, "Expect is not '100-continue'");
      asksToGo = true;
    }
  }
  if (closes)
    current.keepsAlive = false;
  if (!host && current.minorVersion > 0)
    return fail(400, "there is no Host header");
  if (coding && length)
    return fail(400, "there is a Content-Length beside chunks");
  if (coding && current.minorVersion == 0)
    return fail(400, "HTTP/1.0 has no chunks");
  if (coding && toLower(*coding) != "chunked")
    return fail(501, "Transfer-Encoding is '" + *coding +
                         "', only 'chunked' is understood");
  left = 0;
  if (length && !readLength(*length))
    return false;
  step = coding ? Step::chunkSize : left > 0 ? Step::body : Step::done;
  return true;
}

bool HttpReader::readLength(const std::string &length) {
  if (length.empty() ||
      length.find_first_not_of("0123456789") != std::string::npos)
    return fail(400,
                "Content-Length is '" + length + "', which is not a length");
  left = strtoull(length.c_str(), nullptr, 10); // or the largest number
  if (left > mostBodyBytes)
    return fail(413,
                "the body has " + length + " bytes, at most 4194304 are read");
  return true;
}

bool HttpReader::readChunkSize() {
  std::string_view line;
  if (!takeChunkLine(line))
    return false;
  size_t end = std::min(line.find(';'), line.size());
  // Blanks may stand before the ';', but not before the number.
  std::string size(line.substr(0, end));
  size.resize(size.find_last_not_of(" \t") + 1);
  if (size.empty() || size.size() > 8 ||
      size.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
    return fail(400, "the size of a chunk is not a hexadecimal number");
  if (hasControl(line))
    return fail(400, "the size of a chunk has a control character behind it");
  extraBytes += line.size() - end;
  if (extraBytes > mostHeadBytes)
    return fail(431, "more than 16 KiB stand beside the chunks");
  left = strtoull(size.c_str(), nullptr, 16);
  if (current.body.size() + left > mostBodyBytes)
    return fail(413, "the body has more than 4194304 bytes");
  step = left > 0 ? Step::chunk : Step::trailer;
  return true;
}

bool HttpReader::readChunkEnd() {
  std::string_view end = std::string_view(buffer).substr(at, 2);
  if (end != std::string_view("\r\n").substr(0, end.size()))
    return fail(400, "a chunk is longer than it says");
  if (end.size() < 2)
    return false;
  at += 2;
  step = Step::chunkSize;
  return true;
}

/// Headers behind the chunks, which say nothing that is wanted here.
bool HttpReader::readTrailer() {
  std::string_view line;
  if (!takeChunkLine(line))
    return false;
  if (line.empty()) {
    step = Step::done;
    return true;
  }
  extraBytes += line.size() + 2;
  if (extraBytes > mostHeadBytes)
    return fail(431, "more than 16 KiB stand beside the chunks");
  return readHeader(line, trailers);
}
