//===- HttpReaderFuzzer.cpp - fuzz target of the HTTP reader ----*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whatever the bytes are, and in whatever pieces they come, the same requests
// come of them, followed by the same refusal if there is one. Each request
// keeps the bounds, and reads the same when it is written again.
//
//===----------------------------------------------------------------------===//

#include "runtime/serve/HttpReader.h"

#include <cstdint>

using namespace fpmoe;

using State = HttpReader::State;

static void check(bool condition) {
  if (!condition)
    __builtin_trap();
}

static bool isSame(const HttpRequest &a, const HttpRequest &b) {
  return a.method == b.method && a.path == b.path && a.query == b.query &&
         a.minorVersion == b.minorVersion && a.headers == b.headers &&
         a.body == b.body && a.keepsAlive == b.keepsAlive;
}

namespace {

/// What comes of bytes.
struct Result {
  HttpReader reader;
  std::vector<HttpRequest> requests;

  void push(std::string_view bytes) {
    bool wasRefused = reader.status();
    State state = reader.push(bytes);
    check(!wasRefused || state == State::refused);
    for (; state == State::ready; state = reader.next())
      requests.push_back(reader.request());
    check((state == State::refused) == (reader.status() != 0));
    check(reader.status() == 0 || !reader.message().empty());
    if (state != State::refused)
      check(reader.waitingBytes() <= HttpReader::mostHeadBytes &&
            reader.heldBytes() <=
                HttpReader::mostBodyBytes + HttpReader::mostHeadBytes);
  }

  void checkSame(const Result &other) const {
    check(requests.size() == other.requests.size());
    for (size_t i = 0; i < requests.size(); ++i)
      check(isSame(requests[i], other.requests[i]));
    check(reader.status() == other.reader.status());
    check(reader.message() == other.reader.message());
    check(reader.status() || reader.isInside() == other.reader.isInside());
  }
};

} // namespace

/// 0xff, a byte and a number are the byte so many times 256: few bytes reach
/// the bounds.
static std::string expand(const uint8_t *data, size_t size) {
  std::string bytes;
  for (size_t i = 0; i < size; ++i)
    if (data[i] == 0xff && i + 2 < size) {
      bytes.append(size_t(data[i + 2]) * 256, data[i + 1]);
      i += 2;
    } else {
      bytes.push_back(data[i]);
    }
  return bytes;
}

static void checkRequest(const HttpRequest &request) {
  check(!request.method.empty() && request.path[0] == '/');
  check(request.minorVersion == 0 || request.minorVersion == 1);
  check(request.headers.size() <= HttpReader::mostHeaders);
  check(request.body.size() <= HttpReader::mostBodyBytes);
  for (char c : request.method + request.path + request.query)
    check(c > ' ' && c < 0x7f);
  std::string text = request.method + " " + request.path + "?" + request.query +
                     " HTTP/1." + std::to_string(request.minorVersion) + "\r\n";
  size_t numHeaders = 0;
  for (const auto &[name, value] : request.headers) {
    check(!name.empty() && name.find(':') == std::string::npos);
    check(value.find_first_of(std::string("\r\n\0", 3)) == std::string::npos);
    if (name == "content-length" || name == "transfer-encoding")
      continue;
    text += name + ": " + value + "\r\n";
    ++numHeaders;
  }
  text += "Content-Length: " + std::to_string(request.body.size()) + "\r\n\r\n";
  // The length may be one header too many.
  if (numHeaders == HttpReader::mostHeaders ||
      text.size() > HttpReader::mostHeadBytes)
    return;
  HttpReader again;
  check(again.push(text + request.body) == State::ready);
  check(again.request().method == request.method &&
        again.request().path == request.path &&
        again.request().query == request.query &&
        again.request().body == request.body &&
        again.request().headers.size() == numHeaders + 1 &&
        again.request().keepsAlive == request.keepsAlive);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string bytes = expand(data, size);
  if (bytes.size() > 1 << 16)
    return 0;
  Result whole, single, parts;
  whole.push(bytes);
  for (const HttpRequest &request : whole.requests)
    checkRequest(request);
  if (bytes.size() <= 2048) {
    for (size_t i = 0; i < bytes.size(); ++i)
      single.push(std::string_view(bytes).substr(i, 1));
    whole.checkSame(single);
  }
  // In pieces whose sizes the bytes decide.
  uint64_t random = 0x9e3779b97f4a7c15;
  for (uint8_t byte : bytes)
    random = (random ^ byte) * 0x100000001b3;
  for (size_t at = 0; at < bytes.size();) {
    random = random * 6364136223846793005 + 1442695040888963407;
    size_t piece = 1 + (random >> 33) % (random >> 60 ? 20 : 9000);
    parts.push(std::string_view(bytes).substr(at, piece));
    at += piece;
  }
  whole.checkSame(parts);
  return 0;
}
