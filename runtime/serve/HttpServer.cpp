//===- HttpServer.cpp - connections and what they are sent ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// libevent waits for the sockets and holds what is to be sent.
//
//===----------------------------------------------------------------------===//

#include "runtime/serve/HttpServer.h"
#include "runtime/core/Machine.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

using namespace fpmoe;

struct HttpServer::Connection {
  Connection(HttpServer &server, Id id, bufferevent *events)
      : server(server), id(id), events(events) {}
  ~Connection() { bufferevent_free(events); }

  HttpServer &server;
  Id id;
  bufferevent *events;
  HttpReader reader;
  bool isBusy = false; ///< a request waits for its response
  bool isStream = false, isChunked = false, keepsAlive = false;
  bool isHead = false;    ///< the response has no body
  bool isPaused = false;  ///< until the client has read
  bool isClosing = false; ///< when all is sent
  bool isEnded = false;   ///< the client sends nothing more
  double since = 0;       ///< of the request, of being idle, or of the end
  double progress = 0;    ///< when the client last read
  uint64_t queued = 0;    ///< bytes of responses
  uint64_t lastSent = 0;  ///< of these, at the last look
  size_t held = 0;

  size_t unsent() const {
    return evbuffer_get_length(bufferevent_get_output(events));
  }
  void send(const std::string &text) {
    if (unsent() == 0)
      progress = seconds();
    bufferevent_write(events, text.data(), text.size());
    queued += text.size();
  }
};

HttpServer::HttpServer() {
  base = event_base_new();
  wakeFd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

HttpServer::~HttpServer() {
  connections.clear();
  if (listener)
    evconnlistener_free(listener);
  if (waker)
    event_free(waker);
  if (ticker)
    event_free(ticker);
  if (base)
    event_base_free(base);
  if (wakeFd >= 0)
    ::close(wakeFd);
}

Status HttpServer::listen(const std::string &host, int port) {
  if (!base || wakeFd < 0)
    return Status::error(
        format("cannot wait for connections: %s", strerror(errno)));
  sockaddr_storage address = {};
  auto *four = reinterpret_cast<sockaddr_in *>(&address);
  auto *six = reinterpret_cast<sockaddr_in6 *>(&address);
  socklen_t length;
  std::string numeric = host == "localhost" ? "127.0.0.1" : host;
  if (inet_pton(AF_INET, numeric.c_str(), &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(port);
    length = sizeof(*four);
  } else if (inet_pton(AF_INET6, numeric.c_str(), &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    length = sizeof(*six);
  } else {
    return Status::error(format("--host is '%s', it has to be an address of "
                                "this machine such as 127.0.0.1 or 0.0.0.0",
                                host.c_str()));
  }
  auto onAccept = [](evconnlistener *, evutil_socket_t fd, sockaddr *, int,
                     void *server) {
    static_cast<HttpServer *>(server)->accept(fd);
  };
  listener = evconnlistener_new_bind(
      base, onAccept, this,
      LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, 256,
      reinterpret_cast<sockaddr *>(&address), length);
  if (!listener)
    return Status::error(format("cannot listen at %s port %d: %s", host.c_str(),
                                port, strerror(errno)));
  // No descriptor is left: one of a client that waits, or a pause.
  evconnlistener_set_error_cb(listener, [](evconnlistener *from, void *server) {
    if (!static_cast<HttpServer *>(server)->dropOldest())
      evconnlistener_disable(from);
  });
  length = sizeof(address);
  getsockname(evconnlistener_get_fd(listener),
              reinterpret_cast<sockaddr *>(&address), &length);
  boundPort =
      ntohs(address.ss_family == AF_INET ? four->sin_port : six->sin6_port);
  return Status::success();
}

void HttpServer::run(Handlers given) {
  handlers = std::move(given);
  auto onWake = [](evutil_socket_t fd, short, void *server) {
    uint64_t count;
    if (::read(fd, &count, sizeof(count)) > 0)
      static_cast<HttpServer *>(server)->handlers.onWake();
  };
  auto onTick = [](evutil_socket_t, short, void *server) {
    static_cast<HttpServer *>(server)->sweep();
  };
  waker = event_new(base, wakeFd, EV_READ | EV_PERSIST, onWake, this);
  ticker = event_new(base, -1, EV_PERSIST, onTick, this);
  timeval second = {1, 0};
  event_add(waker, nullptr);
  event_add(ticker, &second);
  event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void HttpServer::stop() { event_base_loopbreak(base); }

void HttpServer::wake() {
  uint64_t one = 1;
  if (::write(wakeFd, &one, sizeof(one)) < 0)
    return; // it is awake
}

HttpServer::Connection *HttpServer::find(Id id) const {
  auto found = connections.find(id);
  return found == connections.end() ? nullptr : found->second.get();
}

void HttpServer::accept(int fd) {
  if (static_cast<int64_t>(connections.size()) >= mostConnections &&
      !dropOldest()) {
    static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\n"
                               "Connection: close\r\n"
                               "Content-Length: 0\r\n\r\n";
    if (send(fd, busy, sizeof(busy) - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
      // It learns from the end of the connection.
    }
    ::close(fd);
    return;
  }
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  bufferevent *events = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
  if (!events) {
    ::close(fd);
    return;
  }
  auto made = std::make_unique<Connection>(*this, ++lastId, events);
  Connection &connection = *made;
  connections.emplace(lastId, std::move(made));
  connection.since = seconds();
  auto onRead = [](bufferevent *, void *context) {
    auto *connection = static_cast<Connection *>(context);
    connection->server.read(*connection);
  };
  auto onWritten = [](bufferevent *, void *context) {
    auto *connection = static_cast<Connection *>(context);
    connection->server.onWritten(*connection);
  };
  auto onEvent = [](bufferevent *, short what, void *context) {
    auto *connection = static_cast<Connection *>(context);
    connection->server.onEnd(*connection, !(what & BEV_EVENT_EOF));
  };
  bufferevent_setcb(events, onRead, onWritten, onEvent, &connection);
  bufferevent_enable(events, EV_READ | EV_WRITE);
}

void HttpServer::drop(Connection &connection) {
  Id id = connection.id;
  bool wasBusy = connection.isBusy;
  countHeld(connection, 0);
  connections.erase(id);
  if (wasBusy && handlers.onGone)
    handlers.onGone(id);
}

/// Drops the connection that waits for its client longest, if one does.
bool HttpServer::dropOldest() {
  Connection *oldest = nullptr;
  for (auto &[id, connection] : connections)
    if (!connection->isBusy && connection->unsent() == 0 &&
        (!oldest || connection->since < oldest->since))
      oldest = connection.get();
  if (oldest)
    drop(*oldest);
  return oldest;
}

void HttpServer::countHeld(Connection &connection, size_t bytes) {
  held += bytes - connection.held;
  connection.held = bytes;
}

void HttpServer::read(Connection &connection) {
  evbuffer *input = bufferevent_get_input(connection.events);
  std::string bytes(evbuffer_get_length(input), 0);
  evbuffer_remove(input, &bytes[0], bytes.size());
  if (connection.isClosing)
    return;
  if (!connection.reader.isInside() && !connection.isBusy)
    connection.since = seconds();
  connection.reader.hold(bytes);
  if (!connection.isBusy)
    return goOn(connection);
  // Requests that are sent ahead wait, but not without end.
  if (connection.reader.waitingBytes() > HttpReader::mostHeadBytes)
    drop(connection);
}

/// Reads what is here of the next request.
void HttpServer::goOn(Connection &connection) {
  if (connection.isBusy || connection.isClosing)
    return;
  // Who does not read is not answered.
  if (connection.unsent() > mostUnsent) {
    connection.isPaused = true;
    bufferevent_disable(connection.events, EV_READ);
    return;
  }
  Id id = connection.id;
  HttpReader::State state = connection.reader.next();
  handle(connection, state);
  if (!find(id))
    return;
  countHeld(connection, connection.reader.heldBytes());
  if (state != HttpReader::State::more)
    return;
  if (held > mostHeld && connection.held > HttpReader::mostHeadBytes)
    return refuse(connection, 503,
                  "requests that are not complete take too much memory, try "
                  "again later");
  if (connection.isEnded) {
    connection.isClosing = true;
    if (connection.unsent() == 0)
      drop(connection);
  }
}

void HttpServer::handle(Connection &connection, HttpReader::State state) {
  switch (state) {
  case HttpReader::State::more:
    return;
  case HttpReader::State::wantsGo:
    return connection.send("HTTP/1.1 100 Continue\r\n\r\n");
  case HttpReader::State::refused:
    return refuse(connection, connection.reader.status(),
                  connection.reader.message());
  case HttpReader::State::ready:
    connection.isBusy = true;
    connection.keepsAlive = connection.reader.request().keepsAlive;
    connection.isChunked = connection.reader.request().minorVersion == 1;
    connection.isHead = connection.reader.request().method == "HEAD";
    // Its body need not lie here while it is answered.
    HttpRequest request = std::move(connection.reader.request());
    handlers.onRequest(connection.id, std::move(request));
  }
}

void HttpServer::refuse(Connection &connection, int status,
                        const std::string &message) {
  connection.isBusy = true;
  connection.keepsAlive = connection.isHead = false;
  handlers.onRefused(connection.id, status, message);
}

static const char *reasonOf(int status) {
  switch (status) {
  case 200:
    return "OK";
  case 204:
    return "No Content";
  case 400:
    return "Bad Request";
  case 401:
    return "Unauthorized";
  case 403:
    return "Forbidden";
  case 404:
    return "Not Found";
  case 405:
    return "Method Not Allowed";
  case 413:
    return "Content Too Large";
  case 415:
    return "Unsupported Media Type";
  case 417:
    return "Expectation Failed";
  case 429:
    return "Too Many Requests";
  case 431:
    return "Request Header Fields Too Large";
  case 500:
    return "Internal Server Error";
  case 501:
    return "Not Implemented";
  case 503:
    return "Service Unavailable";
  case 505:
    return "HTTP Version Not Supported";
  default:
    return "Error";
  }
}

static std::string headOf(int status, const std::string &type,
                          bool keepsAlive) {
  return format(
      "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nConnection: %s\r\n"
      "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n",
      status, reasonOf(status), type.c_str(),
      keepsAlive ? "keep-alive" : "close");
}

void HttpServer::respond(Id id, int status, const std::string &type,
                         const std::string &body,
                         const std::string &moreHeaders) {
  Connection *connection = find(id);
  if (!connection)
    return;
  connection->send(headOf(status, type, connection->keepsAlive) + moreHeaders +
                   format("Content-Length: %zu\r\n\r\n", body.size()));
  if (!connection->isHead)
    connection->send(body);
  finish(*connection);
}

void HttpServer::beginStream(Id id, const std::string &type) {
  Connection *connection = find(id);
  if (!connection)
    return;
  // Without chunks, the end of the connection is the end of the response.
  if (!connection->isChunked)
    connection->keepsAlive = false;
  connection->isStream = true;
  connection->send(
      headOf(200, type, connection->keepsAlive) +
      (connection->isChunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n"));
}

void HttpServer::write(Id id, const std::string &text) {
  Connection *connection = find(id);
  if (!connection || text.empty())
    return;
  if (connection->isChunked)
    connection->send(format("%zx\r\n", text.size()) + text + "\r\n");
  else
    connection->send(text);
}

void HttpServer::endStream(Id id) {
  Connection *connection = find(id);
  if (!connection)
    return;
  if (connection->isChunked)
    connection->send("0\r\n\r\n");
  finish(*connection);
}

size_t HttpServer::unsent(Id id) const {
  Connection *connection = find(id);
  return connection ? connection->unsent() : 0;
}

/// The response is complete: the next request, or the end.
void HttpServer::finish(Connection &connection) {
  connection.isBusy = connection.isStream = false;
  connection.since = seconds();
  if (!connection.keepsAlive) {
    connection.isClosing = true;
    if (connection.unsent() == 0)
      close(connection);
    return;
  }
  // A request that was sent ahead; not from here, which a handler called.
  auto goOn = [](evutil_socket_t, short, void *context) {
    std::unique_ptr<std::pair<HttpServer *, Id>> who(
        static_cast<std::pair<HttpServer *, Id> *>(context));
    if (Connection *connection = who->first->find(who->second))
      who->first->goOn(*connection);
  };
  timeval now = {0, 0};
  event_base_once(base, -1, EV_TIMEOUT, goOn,
                  new std::pair<HttpServer *, Id>(this, connection.id), &now);
}

/// The client was sent all that waited for it.
void HttpServer::onWritten(Connection &connection) {
  if (connection.isClosing)
    return close(connection);
  if (connection.isStream && handlers.onDrained)
    handlers.onDrained(connection.id);
  if (!connection.isPaused)
    return;
  connection.isPaused = false;
  bufferevent_enable(connection.events, EV_READ);
  goOn(connection);
}

/// All is sent. A client that still sends would lose the response if its bytes
/// met a closed socket, so they are read until it has seen the end.
void HttpServer::close(Connection &connection) {
  if (connection.isEnded)
    return drop(connection);
  shutdown(bufferevent_getfd(connection.events), SHUT_WR);
  connection.since = seconds();
}

/// The client sends nothing more. It may still read what is here for it, but
/// one that waits for a response has most likely gone.
void HttpServer::onEnd(Connection &connection, bool isBroken) {
  connection.isEnded = true;
  if (isBroken || connection.isBusy ||
      (connection.isClosing && connection.unsent() == 0))
    return drop(connection);
  goOn(connection);
}

void HttpServer::sweep() {
  double now = seconds();
  if (listener)
    evconnlistener_enable(listener);
  std::vector<Connection *> gone;
  for (auto &[id, connection] : connections) {
    size_t unsent = connection->unsent();
    uint64_t sent = connection->queued - unsent;
    if (unsent == 0 || sent > connection->lastSent)
      connection->progress = now;
    connection->lastSent = sent;
    bool isStalled = unsent > 0 && now - connection->progress > stallSeconds;
    double limit = connection->isClosing           ? closeSeconds
                   : connection->reader.isInside() ? requestSeconds
                                                   : idleSeconds;
    bool isLate =
        !connection->isBusy && unsent == 0 && now - connection->since > limit;
    if (isStalled || isLate)
      gone.push_back(connection.get());
  }
  for (Connection *connection : gone)
    drop(*connection);
  if (handlers.onTick)
    handlers.onTick();
}
