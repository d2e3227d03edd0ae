//===- Serve.cpp - the command serve ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One thread runs the model, this one talks to clients.
//
//===----------------------------------------------------------------------===//

#include "runtime/cli/Commands.h"
#include "runtime/cli/Console.h"
#include "runtime/cli/Engine.h"
#include "runtime/cli/Units.h"
#include "runtime/core/Machine.h"
#include "runtime/serve/Api.h"

#include <arpa/inet.h>
#include <unistd.h>

using namespace fpmoe;

static const char details[] =
    "Answers over HTTP what editors and tools ask of a model: OpenAI's\n"
    "completions and chat, the endpoints of llama.cpp's server with\n"
    "fill-in-the-middle, and Mistral's fill-in. A page to try it is at the\n"
    "address itself. Ctrl-C ends it.\n"
    "\n"
    "Texts share the steps of the model and the beginnings that they have in\n"
    "common; none of it changes a bit of what a text gets.\n"
    "\n"
    "Settings of clients (docs/serving.md has more):\n"
    "  openai       OpenAI(base_url='http://127.0.0.1:8080/v1', "
    "api_key='none')\n"
    "  llama.vim    let g:llama_config = {'endpoint':\n"
    "               'http://127.0.0.1:8080/infill'}\n"
    "  Continue     provider: llama.cpp, apiBase: http://127.0.0.1:8080";

static const char examples[] =
    "  PROGRAM serve\n"
    "  PROGRAM serve --port 9000 --sequences 16 --cache-memory 8G\n"
    "  PROGRAM serve --host 0.0.0.0 --api-key-file keys.txt\n"
    "  curl http://127.0.0.1:8080/v1/completions -d '{\"prompt\": \"main =\", "
    "\"max_tokens\": 32}'\n";

namespace {

struct ServeOptions {
  std::string host = "127.0.0.1", cacheMemory, keyFile;
  int64_t port = 8080, sequences = 8, drafts = 7;

  void declare(Arguments &arguments) {
    arguments.text(host, "--host", "ADDRESS",
                   "address to listen at; any but this machine's own\n"
                   "(127.0.0.1, ::1) needs keys (default: 127.0.0.1)");
    arguments.integer(port, "--port", 0, 65535,
                      "port to listen at, 0: one that is free (default: 8080)");
    arguments.integer(sequences, "--sequences", 1, 512,
                      "texts that are made at a time; others wait\n"
                      "(default: 8)");
    arguments.text(
        cacheMemory, "--cache-memory", "SIZE",
        "memory for keys and values of all texts, such as 2G\n"
        "(default: what they need, a quarter of the memory at most)");
    arguments.integer(drafts, "--drafts", 0, 15,
                      "most tokens to guess in a step where a text repeats\n"
                      "itself; 0: none (default: 7)");
    arguments.text(keyFile, "--api-key-file", "FILE",
                   "keys, one in a line, of which clients have to send one as\n"
                   "'Authorization: Bearer KEY'");
  }
};

} // namespace

/// "2G": bytes. Units are powers of 1024.
static Status parseSize(const std::string &given, int64_t &bytes) {
  static const char units[] = "KMGT";
  std::string digits = given;
  int shift = 0;
  if (!digits.empty() && (digits.back() == 'B' || digits.back() == 'b'))
    digits.pop_back();
  if (!digits.empty())
    for (int i = 0; units[i]; ++i)
      if ((digits.back() & ~0x20) == units[i]) {
        shift = 10 * (i + 1);
        digits.pop_back();
        break;
      }
  double number;
  if (!parseNumber(digits, number) || number <= 0 || number >= 0x1p40 ||
      number * double(int64_t(1) << shift) >= 0x1p60)
    return Status::error(format("--cache-memory is '%s', it has to be a size "
                                "such as 500M or 2G",
                                given.c_str()));
  bytes = static_cast<int64_t>(number * double(int64_t(1) << shift));
  return Status::success();
}

/// Whether it is an address in numbers, or the name of this machine.
static bool isAddress(const std::string &host) {
  in6_addr any;
  return host == "localhost" || inet_pton(AF_INET, host.c_str(), &any) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &any) == 1;
}

static Status readKeys(const std::string &path,
                       std::vector<std::string> &keys) {
  std::string content;
  Status status = readFile(path, content);
  if (status.failed())
    return status;
  for (size_t at = 0; at < content.size();) {
    size_t end = std::min(content.find('\n', at), content.size());
    std::string key = content.substr(at, end - at);
    while (!key.empty() && (key.back() == '\r' || key.back() == ' '))
      key.pop_back();
    if (!key.empty())
      keys.push_back(key);
    at = end + 1;
  }
  for (const std::string &key : keys)
    for (char c : key)
      if (c <= ' ' || c == 0x7f)
        return Status::error(path + ": a key has a blank or a control "
                                    "character in it");
  return keys.empty()
             ? Status::error(path + ": there is no key in it; write one in a "
                                    "line")
             : Status::success();
}

static HttpServer *served;

int fpmoe::runServe(const std::string &program, int count, char **arguments) {
  Arguments options(program + " serve", "Answers clients over HTTP.", details,
                    examples);
  ServeOptions given;
  Engine engine;
  given.declare(options);
  engine.declare(options);
  Status status = options.parse(count, arguments);
  if (options.helpWanted())
    return showHelp(options.helpText());
  int64_t cacheBytes = 0;
  if (!status.failed() && !given.cacheMemory.empty())
    status = parseSize(given.cacheMemory, cacheBytes);
  if (!status.failed() && !isAddress(given.host))
    status = Status::error(format("--host is '%s', it has to be an address of "
                                  "this machine such as 127.0.0.1 or 0.0.0.0",
                                  given.host.c_str()));
  bool isLocal = given.host == "127.0.0.1" || given.host == "localhost" ||
                 given.host == "::1";
  if (!status.failed() && !isLocal && given.keyFile.empty())
    status = Status::error(format(
        "--host %s lets other machines connect, which needs --api-key-file",
        given.host.c_str()));
  if (status.failed())
    return misuse(status);

  ApiOptions api;
  api.isLocal = isLocal;
  api.sequences = given.sequences;
  api.drafts = given.drafts;
  if (!given.keyFile.empty())
    status = readKeys(given.keyFile, api.keys);
  Text text;
  HttpServer server;
  if (!status.failed())
    status = text.open();
  if (!status.failed())
    status = server.listen(given.host, static_cast<int>(given.port));
  if (!status.failed())
    status = engine.open();
  std::unique_ptr<Scheduler> scheduler;
  SchedulerOptions memory;
  memory.sequences = given.sequences;
  memory.cacheBytes =
      cacheBytes ? cacheBytes : defaultCacheBytes(given.sequences);
  memory.recordRoutes = fpmoe_model.top_k > 0;
  if (!status.failed())
    status = Scheduler::create(fpmoe_model, usedLevel(), *engine.team,
                               *engine.weights, memory, scheduler);
  if (status.failed())
    return fail(status);

  int64_t room = scheduler->room(), most = scheduler->mostPositions();
  Service service(std::move(scheduler));
  engine.weights->planCopy(engine.hugePagesChoice(), INT64_MAX);
  status = service.start(
      [&] { engine.weights->continueCopy(*engine.team, 0.005, 1e9); });
  if (status.failed())
    return fail(status);
  std::string held =
      bytesText(double(room * usedLevel().cache_bytes_per_position));
  fprintf(
      stderr,
      "%s: %s on %s\n"
      "%lld texts at a time; the cache of %s has room for %lld tokens, of "
      "a text %lld\n"
      "listening at http://%s%s%s:%d\n",
      printable(fpmoe_model.name).c_str(), usedTarget().c_str(),
      runnerText(*engine.team).c_str(), static_cast<long long>(given.sequences),
      held.c_str(), static_cast<long long>(room), static_cast<long long>(most),
      given.host.find(':') != std::string::npos ? "[" : "", given.host.c_str(),
      given.host.find(':') != std::string::npos ? "]" : "", server.port());
  Api interface(server, service, text, std::move(api));
  served = &server;
  HttpServer::Handlers handlers = interface.handlers();
  handlers.onTick = [&, ticks = 0]() mutable {
    // Clients are told why before that.
    if (interrupted() || (service.status().failed() && ++ticks > 2))
      served->stop();
  };
  server.run(std::move(handlers));
  service.stop();
  return service.status().failed() ? fail(service.status()) : exitInterrupted;
}
