//===- HttpServer.h - connections and what they are sent ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One thread serves all connections. A connection has one request at a time:
// those that a client sends ahead wait. Slow clients, idle ones and those that
// do not read what they are sent are dropped after fixed times, and where there
// is no room for another connection, the one that waits for its client longest.
//
// All functions but `wake` are to be called from the thread that runs it.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_SERVE_HTTPSERVER_H
#define FPMOE_RUNTIME_SERVE_HTTPSERVER_H

#include "runtime/core/Status.h"
#include "runtime/serve/HttpReader.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

struct event;
struct event_base;
struct evconnlistener;

namespace fpmoe {

class HttpServer {
public:
  static constexpr int64_t mostConnections = 1000;
  /// Until a request is complete, and until a client reads on.
  static constexpr double requestSeconds = 30, stallSeconds = 30;
  static constexpr double idleSeconds = 120;
  /// For a client to take in the last response before its connection ends.
  static constexpr double closeSeconds = 5;
  /// What may wait for a client before it is asked for less.
  static constexpr size_t mostUnsent = 256 << 10;
  /// Of all requests that are not complete.
  static constexpr size_t mostHeld = 256 << 20;

  using Id = uint64_t;
  struct Handlers {
    /// A request is complete; exactly one response is to be sent to `id`.
    std::function<void(Id id, HttpRequest &&request)> onRequest;
    /// No request can be read any more; a response is to be sent all the same.
    std::function<void(Id id, int status, const std::string &message)>
        onRefused;
    /// The client is gone before its response was complete.
    std::function<void(Id id)> onGone;
    /// The client has read what waited for it.
    std::function<void(Id id)> onDrained;
    /// `wake` was called.
    std::function<void()> onWake;
    /// Once a second.
    std::function<void()> onTick;
  };

  HttpServer();
  ~HttpServer();

  /// Listens at a numeric address; port 0: any that is free.
  Status listen(const std::string &host, int port);
  int port() const { return boundPort; }
  /// Serves until `stop`.
  void run(Handlers handlers);
  void stop();
  /// Has onWake called. From any thread.
  void wake();

  // Responses; nothing happens where the connection is gone.
  void respond(Id id, int status, const std::string &type,
               const std::string &body,
               const std::string &moreHeaders = std::string());
  void beginStream(Id id, const std::string &type);
  void write(Id id, const std::string &text);
  void endStream(Id id);
  /// Bytes that the client has not read.
  size_t unsent(Id id) const;

private:
  struct Connection;
  void accept(int fd);
  void read(Connection &connection);
  void goOn(Connection &connection);
  void handle(Connection &connection, HttpReader::State state);
  void refuse(Connection &connection, int status, const std::string &message);
  void onWritten(Connection &connection);
  void onEnd(Connection &connection, bool isBroken);
  void finish(Connection &connection);
  void close(Connection &connection);
  void drop(Connection &connection);
  bool dropOldest();
  void countHeld(Connection &connection, size_t bytes);
  void sweep();
  Connection *find(Id id) const;

  event_base *base = nullptr;
  evconnlistener *listener = nullptr;
  event *waker = nullptr, *ticker = nullptr;
  int wakeFd = -1, boundPort = 0;
  Handlers handlers;
  Id lastId = 0;
  size_t held = 0; ///< bytes of requests that are not complete
  std::unordered_map<Id, std::unique_ptr<Connection>> connections;
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_SERVE_HTTPSERVER_H
