//===- HttpReader.h - requests as they arrive ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads HTTP/1.1 requests (RFC 9112) from bytes that come in pieces of any
// size, within fixed bounds; what comes of them does not depend on the pieces.
// What the standard lets a server refuse is refused: lines that are folded, two
// lengths, a length beside chunks, chunks of HTTP/1.0, two names of a host.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_SERVE_HTTPREADER_H
#define FPMOE_RUNTIME_SERVE_HTTPREADER_H

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fpmoe {

struct HttpRequest {
  std::string method;
  std::string path;  ///< the target without its query
  std::string query; ///< behind the '?'
  int minorVersion = 1;
  /// In their order, names in lower case.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool keepsAlive = true; ///< the connection

  /// The first header of this name, in lower case; null if there is none.
  const std::string *header(std::string_view name) const;
};

class HttpReader {
public:
  /// Of the head with its empty line, and of what else stands around chunks.
  static constexpr size_t mostHeadBytes = 16 << 10, mostHeaders = 100;
  static constexpr size_t mostBodyBytes = 4 << 20;

  enum class State {
    more,    ///< the request is not complete
    ready,   ///< request() is; `next` goes on behind it
    wantsGo, ///< the client waits for "100 Continue" before it sends the body
    refused, ///< nothing more can be read; see status() and message()
  };

  /// Takes the bytes that follow. Goes on behind a request that is ready.
  State push(std::string_view bytes);
  /// The same with bytes that are here already.
  State next();
  /// Keeps bytes for `next`.
  void hold(std::string_view bytes) { buffer.append(bytes); }

  HttpRequest &request() { return current; }
  int status() const { return errorStatus; }
  const std::string &message() const { return errorMessage; }
  /// Whether part of a request is here.
  bool isInside() const {
    return (step != Step::head && step != Step::done) || !buffer.empty();
  }
  size_t waitingBytes() const { return buffer.size(); }
  /// What a request that is not complete takes.
  size_t heldBytes() const { return buffer.size() + current.body.size(); }

private:
  enum class Step { head, body, chunkSize, chunk, chunkEnd, trailer, done };
  using Headers = std::vector<std::pair<std::string, std::string>>;

  State read();
  bool readHead();
  bool readRequestLine(std::string_view line);
  bool readHeader(std::string_view line, Headers &headers);
  bool readFraming();
  bool readLength(const std::string &length);
  bool readChunkSize();
  bool readChunkEnd();
  bool readTrailer();
  std::string_view takeLine();
  bool takeChunkLine(std::string_view &line);
  State refuse(int status, std::string message);
  bool fail(int status, std::string message) {
    refuse(status, std::move(message));
    return false;
  }

  std::string buffer;
  size_t at = 0; ///< bytes of it that are read
  Step step = Step::head;
  size_t left = 0;       ///< bytes of the body, or of a chunk, to come
  size_t extraBytes = 0; ///< of lines around chunks, but for their sizes
  Headers trailers;
  bool asksToGo = false;
  HttpRequest current;
  int errorStatus = 0;
  std::string errorMessage;
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_SERVE_HTTPREADER_H
