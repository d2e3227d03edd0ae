//===- HttpReaderTest.cpp - tests of reading requests ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every input here is read at once, byte by byte, and cut in two at every
// place; all have to give the same requests and the same refusal.
//
//===----------------------------------------------------------------------===//

#include "runtime/serve/HttpReader.h"

#include <gtest/gtest.h>

using namespace fpmoe;

using State = HttpReader::State;

namespace {

struct Result {
  std::vector<HttpRequest> requests;
  int status = 0;
  std::string message;
  bool isInside = false;
  int timesToGo = 0; ///< depends on the pieces

  bool operator==(const Result &other) const {
    auto isSame = [](const HttpRequest &a, const HttpRequest &b) {
      return a.method == b.method && a.path == b.path && a.query == b.query &&
             a.minorVersion == b.minorVersion && a.headers == b.headers &&
             a.body == b.body && a.keepsAlive == b.keepsAlive;
    };
    return requests.size() == other.requests.size() &&
           std::equal(requests.begin(), requests.end(), other.requests.begin(),
                      isSame) &&
           status == other.status && message == other.message &&
           isInside == other.isInside;
  }
};

class Feeder {
public:
  void push(std::string_view bytes) {
    State state = reader.push(bytes);
    for (; state == State::ready; state = reader.next())
      result.requests.push_back(reader.request());
    result.timesToGo += state == State::wantsGo;
    EXPECT_EQ(state == State::refused, reader.status() != 0);
  }
  Result take() {
    result.status = reader.status();
    result.message = reader.message();
    // What is left behind a refusal means nothing.
    result.isInside = !result.status && reader.isInside();
    return result;
  }

private:
  HttpReader reader;
  Result result;
};

} // namespace

static Result read(std::string_view bytes, size_t piece) {
  Feeder feeder;
  for (size_t at = 0; at < bytes.size(); at += piece)
    feeder.push(bytes.substr(at, piece));
  return feeder.take();
}

/// What comes of the bytes, in whatever pieces.
static Result ask(const std::string &bytes) {
  Result whole = read(bytes, bytes.size());
  EXPECT_TRUE(whole == read(bytes, 1)) << bytes.substr(0, 200);
  // Of long inputs, not at every place.
  size_t stride = 1 + bytes.size() / 400;
  for (size_t at = 1; at < bytes.size(); at += stride) {
    Feeder feeder;
    feeder.push(std::string_view(bytes).substr(0, at));
    feeder.push(std::string_view(bytes).substr(at));
    EXPECT_TRUE(whole == feeder.take()) << bytes.substr(0, 200) << " at " << at;
  }
  return whole;
}

static HttpRequest askOne(const std::string &bytes) {
  Result result = ask(bytes);
  EXPECT_EQ(result.status, 0) << result.message;
  EXPECT_FALSE(result.isInside);
  EXPECT_EQ(result.requests.size(), 1u);
  return result.requests.empty() ? HttpRequest() : result.requests[0];
}

static void expectRefused(const std::string &bytes, int status,
                          const std::string &message) {
  Result result = ask(bytes);
  EXPECT_EQ(result.status, status) << bytes.substr(0, 200);
  EXPECT_EQ(result.message, message) << bytes.substr(0, 200);
  EXPECT_EQ(result.requests.size(), 0u);
}

static std::string repeat(const std::string &text, size_t count) {
  std::string all;
  for (size_t i = 0; i < count; ++i)
    all += text;
  return all;
}

/// A request whose head has these lines as well.
static std::string with(const std::string &headers,
                        const std::string &body = "") {
  return "POST /a HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n" + body;
}

static std::string chunked(const std::string &body) {
  return with("Transfer-Encoding: chunked\r\n", body);
}

TEST(HttpReaderTest, plainRequest) {
  HttpRequest request = askOne("GET /v1/models?a=b?c HTTP/1.1\r\n"
                               "Host: localhost:8080\r\n"
                               "X-Some:\t a  b \t\r\n"
                               "X-Empty:\r\n"
                               "x-some: second\r\n\r\n");
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.path, "/v1/models");
  EXPECT_EQ(request.query, "a=b?c");
  EXPECT_EQ(request.minorVersion, 1);
  EXPECT_TRUE(request.keepsAlive);
  EXPECT_EQ(request.body, "");
  ASSERT_EQ(request.headers.size(), 4u);
  EXPECT_EQ(request.headers[1].first, "x-some");
  ASSERT_TRUE(request.header("x-some"));
  EXPECT_EQ(*request.header("x-some"), "a  b");
  EXPECT_EQ(*request.header("x-empty"), "");
  EXPECT_FALSE(request.header("X-Some"));
}

TEST(HttpReaderTest, linesMayEndWithoutReturn) {
  HttpRequest request =
      askOne("\n\r\n\nPOST / HTTP/1.1\nHost: h\nContent-Length: 3\n\na\nb");
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.body, "a\nb");
}

TEST(HttpReaderTest, bytesAboveAsciiAreValues) {
  EXPECT_EQ(*askOne(with("X: \xc3\xa9\xff\r\n")).header("x"), "\xc3\xa9\xff");
}

TEST(HttpReaderTest, unfinishedRequestsAreInside) {
  std::string bytes = with("Content-Length: 2\r\n", "ab");
  for (size_t size = 1; size < bytes.size(); ++size) {
    Result result = read(bytes.substr(0, size), size);
    EXPECT_EQ(result.requests.size(), 0u);
    EXPECT_TRUE(result.isInside) << size;
  }
  // Empty lines begin nothing.
  EXPECT_FALSE(read("\r\n\r\n", 1).isInside);
  HttpReader reader;
  EXPECT_FALSE(reader.isInside());
  EXPECT_EQ(reader.push(bytes + "GE"), State::ready);
  EXPECT_TRUE(reader.isInside());
  EXPECT_EQ(reader.waitingBytes(), 2u);
  EXPECT_EQ(reader.next(), State::more);
  EXPECT_EQ(reader.heldBytes(), 2u);
}

TEST(HttpReaderTest, whatIsHeldWaits) {
  HttpReader reader;
  EXPECT_EQ(reader.push("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"), State::ready);
  reader.hold("GET /2 HTTP/1.1\r\nHost: h\r\n");
  reader.hold("\r\n");
  EXPECT_EQ(reader.request().path, "/1");
  EXPECT_EQ(reader.next(), State::ready);
  EXPECT_EQ(reader.request().path, "/2");
  EXPECT_EQ(reader.next(), State::more);
}

TEST(HttpReaderTest, contentLength) {
  EXPECT_EQ(askOne(with("Content-Length: 5\r\n", "a\r\n\r\n")).body,
            "a\r\n\r\n");
  EXPECT_EQ(askOne(with("content-LENGTH:0005\r\n", "hello")).body, "hello");
  EXPECT_EQ(askOne(with("Content-Length: 0\r\n")).body, "");
}

TEST(HttpReaderTest, chunks) {
  EXPECT_EQ(askOne(chunked("0\r\n\r\n")).body, "");
  EXPECT_EQ(askOne(chunked("5\r\nhello\r\n000B\r\n, wonderful\r\n"
                           "2 ;a=\"b;c\"\r\n\r\n\r\n0;x\r\n\r\n"))
                .body,
            "hello, wonderful\r\n");
  EXPECT_EQ(askOne(chunked("1\r\na\r\n0\r\nX-Trailer: 1\r\nExpires: x\r\n\r\n"))
                .headers.size(),
            2u);
  std::string size = with("TRANSFER-encoding: Chunked\r\n", "a\r\n");
  EXPECT_EQ(askOne(size + "0123456789\r\n0\r\n\r\n").body, "0123456789");
}

TEST(HttpReaderTest, requestsThatAreSentAhead) {
  Result result = ask("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n" +
                      with("Content-Length: 3\r\n", "abc") +
                      chunked("3\r\ndef\r\n0\r\nA: b\r\n\r\n") +
                      "\r\nGET /4 HTTP/1.0\r\n\r\nHEAD /5 HT");
  ASSERT_EQ(result.requests.size(), 4u);
  EXPECT_EQ(result.requests[0].path, "/1");
  EXPECT_EQ(result.requests[0].headers.size(), 1u);
  EXPECT_EQ(result.requests[1].body, "abc");
  EXPECT_EQ(result.requests[2].body, "def");
  EXPECT_EQ(result.requests[3].path, "/4");
  EXPECT_EQ(result.requests[3].body, "");
  EXPECT_TRUE(result.isInside);
  // Good ones are told before a bad one.
  result = ask(with("") + with("") + "bad\r\n\r\n" + with(""));
  EXPECT_EQ(result.requests.size(), 2u);
  EXPECT_EQ(result.status, 400);
}

TEST(HttpReaderTest, refusalIsTheEnd) {
  HttpReader reader;
  EXPECT_EQ(reader.push("bad\r\n\r\n"), State::refused);
  EXPECT_EQ(reader.push(with("")), State::refused);
  EXPECT_EQ(reader.next(), State::refused);
  EXPECT_EQ(reader.status(), 400);
}

TEST(HttpReaderTest, connectionsThatGoOn) {
  auto keeps = [](const std::string &version, const std::string &headers) {
    return askOne("GET / " + version + "\r\nHost: h\r\n" + headers + "\r\n")
        .keepsAlive;
  };
  EXPECT_TRUE(keeps("HTTP/1.1", ""));
  EXPECT_FALSE(keeps("HTTP/1.1", "Connection: Close\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.1", "Connection: TE, close\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.0", ""));
  EXPECT_TRUE(keeps("HTTP/1.0", "Connection: Keep-Alive\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.0", "Connection: Keep-Alive, close\r\n"));
  EXPECT_FALSE(
      keeps("HTTP/1.1", "Connection: close\r\nConnection: keep-alive\r\n"));
}

TEST(HttpReaderTest, clientsThatWaitToGo) {
  std::string head = with("Content-Length: 3\r\nExpect: 100-Continue\r\n");
  HttpReader reader;
  EXPECT_EQ(reader.push(head), State::wantsGo);
  EXPECT_EQ(reader.push("a"), State::more);
  EXPECT_EQ(reader.push("bc"), State::ready);
  EXPECT_EQ(reader.request().body, "abc");
  EXPECT_EQ(reader.push(head), State::wantsGo);
  // Once, unless the body is here already.
  EXPECT_EQ(read(head + "abc", 1).timesToGo, 1);
  EXPECT_EQ(ask(head + "abc").timesToGo, 0);
  EXPECT_EQ(ask(head + "a").timesToGo, 1);
  EXPECT_EQ(
      read(head + "abc" + with("Content-Length: 1\r\n", "a"), 1).timesToGo, 1);
  EXPECT_EQ(askOne(with("Expect: 100-continue\r\n")).body, "");
  std::string chunks = with("Transfer-Encoding: chunked\r\n"
                            "Expect: 100-continue\r\n");
  EXPECT_EQ(ask(chunks).timesToGo, 1);
  // It is not said to those that would not understand it, nor for nothing.
  EXPECT_EQ(ask("POST / HTTP/1.0\r\nContent-Length: 3\r\n"
                "Expect: 100-continue\r\n\r\n")
                .timesToGo,
            0);
  Result large = ask(with("Content-Length: 4194305\r\n"
                          "Expect: 100-continue\r\n"));
  EXPECT_EQ(large.timesToGo, 0);
  EXPECT_EQ(large.status, 413);
  expectRefused(with("Expect: 200-ok\r\n"), 417,
                "Expect is not '100-continue'");
}

TEST(HttpReaderTest, requestLines) {
  const char *const shape = "the request line is not 'METHOD TARGET HTTP/1.1'";
  expectRefused("GET\r\n\r\n", 400, shape);
  expectRefused("GET /\r\n\r\n", 400, shape);
  expectRefused("GET HTTP/1.1\r\n\r\n", 400, shape);
  expectRefused(" / HTTP/1.1\r\n\r\n", 400, "the method is not a word");
  expectRefused("G(T / HTTP/1.1\r\n\r\n", 400, "the method is not a word");
  expectRefused(std::string("G\0T / HTTP/1.1\r\n\r\n", 18), 400,
                "the method is not a word");
  expectRefused("G\xc3\xa9T / HTTP/1.1\r\n\r\n", 400,
                "the method is not a word");
}

TEST(HttpReaderTest, versions) {
  EXPECT_EQ(askOne("GET / HTTP/1.0\r\n\r\n").minorVersion, 0);
  const char *const message = "the version is neither HTTP/1.1 nor HTTP/1.0";
  for (const char *version :
       {"HTTP/1.2", "HTTP/2", "HTTP/2.0", "HTTP/0.9", "http/1.1", "HTTP/1.1\t",
        "HTTP/1.10", "HTTP/01.1", "HTTPS/1.1", "ICY/1.0", ""})
    expectRefused(std::string("GET / ") + version + "\r\nHost: h\r\n\r\n", 505,
                  message);
  // What opens a connection of HTTP/2.
  expectRefused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, message);
}

TEST(HttpReaderTest, targets) {
  auto refuses = [](const std::string &target, const char *message) {
    expectRefused("GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n", 400,
                  message);
  };
  const char *const character = "the target has a character that it must not "
                                "have";
  const char *const beginning = "the target does not begin with '/'";
  refuses("http://h/", beginning);
  refuses("*", beginning);
  refuses("h:80", beginning);
  refuses("", beginning);
  for (char c : {'\x01', '\x1b', '\x7f', '\t', '\r', ' ', '\0', '\x80', '\xff'})
    refuses(std::string("/a") + c + "b", character);
  EXPECT_EQ(askOne("GET //a/../%00 HTTP/1.1\r\nHost: h\r\n\r\n").path,
            "//a/../%00");
}

TEST(HttpReaderTest, headers) {
  const char *const shape = "a header is not 'Name: value'";
  for (const char *line :
       {" folded: line", "\tfolded", "no colon", ": no name", "Name : blank",
        "Na me: blank", "N\xc3\xa9: not ascii", "(: not a word"})
    expectRefused(with(std::string(line) + "\r\n"), 400, shape);
  expectRefused("GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400, shape);
  for (char c : {'\0', '\x01', '\b', '\x1b', '\x1f', '\x7f', '\r'})
    expectRefused(with(std::string("A: b") + c + "c\r\n"), 400,
                  "a header has a control character");
  expectRefused(with("A: b\r\r\n"), 400, "a header has a control character");
}

TEST(HttpReaderTest, oneHost) {
  expectRefused("GET / HTTP/1.1\r\n\r\n", 400, "there is no Host header");
  expectRefused(with("host: other\r\n"), 400, "there are two Host headers");
  EXPECT_EQ(askOne("GET / HTTP/1.0\r\n\r\n").headers.size(), 0u);
}

TEST(HttpReaderTest, lengthsThatAreNone) {
  for (const char *length : {"", "-1", "+1", "0x1", "1e3", "1 2", "1,1", "1.0",
                             "\xd9\xa1", "99999999999999999999999999a"})
    expectRefused(with(std::string("Content-Length: ") + length + "\r\n", "a"),
                  400,
                  std::string("Content-Length is '") + length +
                      "', which is not a length");
}

TEST(HttpReaderTest, oneLength) {
  for (const char *second : {"6", "5", "", "x"})
    expectRefused(with(std::string("Content-Length: 5\r\nContent-Length: ") +
                           second + "\r\n",
                       "hello"),
                  400, "there are two Content-Length headers");
  const char *const beside = "there is a Content-Length beside chunks";
  expectRefused(
      with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
      400, beside);
  expectRefused(
      with("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", "0\r\n\r\n"),
      400, beside);
}

TEST(HttpReaderTest, codings) {
  for (const char *coding : {"gzip", "gzip, chunked", "chunked, chunked",
                             "identity", "xchunked", "", "chunked;q=1"})
    expectRefused(with(std::string("Transfer-Encoding: ") + coding + "\r\n"),
                  501,
                  std::string("Transfer-Encoding is '") + coding +
                      "', only 'chunked' is understood");
  expectRefused(
      with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400,
      "there are two Transfer-Encoding headers");
  expectRefused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
                "HTTP/1.0 has no chunks");
  for (const char *coding : {"gzip", "br", "GZIP", ""})
    expectRefused(with(std::string("Content-Encoding: ") + coding + "\r\n"),
                  415,
                  std::string("Content-Encoding is '") + coding +
                      "', the body has to be sent as it is");
  EXPECT_EQ(askOne(with("Content-Encoding: Identity\r\n")).body, "");
}

TEST(HttpReaderTest, chunkSizesThatAreNone) {
  for (const char *size :
       {"-2", "+2", "0x2", "", " 2", "\t2", ";a", "g", "2 2", "123456789",
        "ffffffffffffffff", "10000000000000000", "2\r", "\x01"})
    expectRefused(chunked(std::string(size) + "\r\nab\r\n"), 400,
                  "the size of a chunk is not a hexadecimal number");
  expectRefused(chunked("2;a\x01\r\nab\r\n"), 400,
                "the size of a chunk has a control character behind it");
  expectRefused(chunked("2;a\rb\r\nab\r\n"), 400,
                "the size of a chunk has a control character behind it");
}

TEST(HttpReaderTest, chunksEndAsTheyShould) {
  const char *const longer = "a chunk is longer than it says";
  for (const char *behind : {"c\r\n", "\n", "\r\r\n", "0\r\n\r\n"})
    expectRefused(chunked(std::string("2\r\nab") + behind), 400, longer);
  const char *const end = "a line beside the chunks does not end with CR LF";
  expectRefused(chunked("2\nab\r\n0\r\n\r\n"), 400, end);
  expectRefused(chunked("0\r\n\n"), 400, end);
  expectRefused(chunked("0\r\nA: b\n\r\n"), 400, end);
}

TEST(HttpReaderTest, trailers) {
  const char *const shape = "a header is not 'Name: value'";
  expectRefused(chunked("0\r\nA: b\r\n folded\r\n\r\n"), 400, shape);
  expectRefused(chunked("0\r\nno colon\r\n\r\n"), 400, shape);
  expectRefused(chunked("0\r\nA: \x01\r\n\r\n"), 400,
                "a header has a control character");
  EXPECT_EQ(askOne(chunked("0\r\n" + repeat("A: b\r\n", 100) + "\r\n")).body,
            "");
  expectRefused(chunked("0\r\n" + repeat("A: b\r\n", 101) + "\r\n"), 431,
                "there are more than 100 headers");
  // Those of one request are not those of the next.
  std::string many = chunked("0\r\n" + repeat("A: b\r\n", 60) + "\r\n");
  EXPECT_EQ(ask(many + many).requests.size(), 2u);
}

TEST(HttpReaderTest, longHeads) {
  const char *const message = "the head of the request is longer than 16 KiB";
  size_t rest = with("A: \r\n").size();
  auto headOf = [&](size_t bytes) {
    return with("A: " + std::string(bytes - rest, 'a') + "\r\n");
  };
  EXPECT_EQ(askOne(headOf(16384)).headers.size(), 2u);
  expectRefused(headOf(16385), 431, message);
  expectRefused(headOf(16386), 431, message);
  expectRefused(headOf(16387), 431, message);
  expectRefused(headOf(40000), 431, message);
  // Before its end is here.
  expectRefused(std::string(16385, 'a'), 431, message);
  expectRefused("GET / HTTP/1.1\r\n" + std::string(16384, 'a'), 431, message);
  expectRefused(repeat("A: b\r\n", 3000), 431, message);
  EXPECT_EQ(ask(std::string(16384, 'a')).status, 0);
  // Empty lines in front are no part of it, the next request is not either.
  EXPECT_EQ(askOne(repeat("\r\n", 5000) + headOf(16384)).method, "POST");
  EXPECT_EQ(ask(headOf(16384) + headOf(16384)).requests.size(), 2u);
}

TEST(HttpReaderTest, manyHeaders) {
  // Host is one of them.
  EXPECT_EQ(askOne(with(repeat("A: b\r\n", 99))).headers.size(), 100u);
  expectRefused(with(repeat("A: b\r\n", 100)), 431,
                "there are more than 100 headers");
}

TEST(HttpReaderTest, longLinesBesideChunks) {
  const char *const line = "a line beside the chunks is longer than 16 KiB";
  const char *const extra = "more than 16 KiB stand beside the chunks";
  auto extension = [](size_t bytes) {
    return "1;" + std::string(bytes - 1, 'x') + "\r\na\r\n";
  };
  EXPECT_EQ(askOne(chunked(extension(16000) + "0\r\n\r\n")).body, "a");
  expectRefused(chunked("1;" + std::string(16382, 'x')), 431, line);
  expectRefused(chunked("1;" + std::string(20000, 'x') + "\r\n"), 431, line);
  expectRefused(chunked(std::string(20000, '1')), 431, line);
  expectRefused(chunked("0\r\nA: " + std::string(20000, 'x')), 431, line);
  // All of them count, sizes do not.
  EXPECT_EQ(askOne(chunked(repeat(extension(1024), 16) + "0\r\n\r\n")).body,
            std::string(16, 'a'));
  expectRefused(chunked(repeat(extension(1024), 16) + "1;\r\n"), 431, extra);
  expectRefused(
      chunked("0\r\n" + repeat("A: " + std::string(995, 'x') + "\r\n", 17)),
      431, extra);
  EXPECT_EQ(askOne(chunked(repeat("1\r\na\r\n", 5000) + "0\r\n\r\n")).body,
            std::string(5000, 'a'));
}

/// Without a look at every byte: these are long.
static Result askInPieces(const std::string &bytes) {
  Result whole = read(bytes, bytes.size());
  EXPECT_TRUE(whole == read(bytes, 1000));
  EXPECT_TRUE(whole == read(bytes, 65536));
  return whole;
}

TEST(HttpReaderTest, longBodies) {
  constexpr size_t most = 4 << 20;
  std::string body(most, 'b');
  Result result = askInPieces(
      with("Content-Length: " + std::to_string(most) + "\r\n", body) +
      with(""));
  ASSERT_EQ(result.requests.size(), 2u);
  EXPECT_EQ(result.requests[0].body, body);
  expectRefused(with("Content-Length: 4194305\r\n", "b"), 413,
                "the body has 4194305 bytes, at most 4194304 are read");
  expectRefused(with("Content-Length: 67108864\r\n", "b"), 413,
                "the body has 67108864 bytes, at most 4194304 are read");
  expectRefused(
      with("Content-Length: 18446744073709551621\r\n", "hello"), 413,
      "the body has 18446744073709551621 bytes, at most 4194304 are read");
  // In chunks, as soon as one says so.
  EXPECT_EQ(askInPieces(chunked("400000\r\n" + body + "\r\n0\r\n\r\n"))
                .requests.size(),
            1u);
  expectRefused(chunked("400001\r\n"), 413,
                "the body has more than 4194304 bytes");
  expectRefused(chunked("ffffffff\r\n"), 413,
                "the body has more than 4194304 bytes");
  result = askInPieces(chunked(
      repeat("40000\r\n" + std::string(262144, 'b') + "\r\n", 16) + "1\r\n"));
  EXPECT_EQ(result.status, 413);
  EXPECT_EQ(result.requests.size(), 0u);
}
