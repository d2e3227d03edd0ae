//===- Api.cpp - what clients ask over HTTP ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Who may ask, where requests go, and what the server says of itself.
//
//===----------------------------------------------------------------------===//

#include "runtime/serve/Api.h"
#include "runtime/cli/Engine.h"
#include "runtime/cli/SamplingArguments.h"
#include "runtime/core/Machine.h"
#include "runtime/serve/Page.h"

#include <ctime>

using namespace fpmoe;

struct Api::Route {
  const char *method, *path;
  void (Api::*serve)(Id id, const Request &request);
  bool needsKey;
};

const Api::Route Api::routes[] = {
    {"GET", "/", &Api::page, false},
    {"GET", "/health", &Api::health, false},
    {"GET", "/v1/health", &Api::health, false},
    {"GET", "/v1/models", &Api::models, true},
    {"GET", "/models", &Api::models, true},
    {"GET", "/props", &Api::props, true},
    {"GET", "/metrics", &Api::metrics, true},
    {"POST", "/v1/completions", &Api::completions, true},
    {"POST", "/v1/chat/completions", &Api::chat, true},
    {"POST", "/v1/fim/completions", &Api::mistralFillIn, true},
    {"POST", "/completion", &Api::llamaCompletion, true},
    {"POST", "/completions", &Api::llamaCompletion, true},
    {"POST", "/infill", &Api::infill, true},
    {"POST", "/tokenize", &Api::tokenize, true},
    {"POST", "/detokenize", &Api::detokenize, true},
};

Api::Api(HttpServer &server, Service &service, const Text &text,
         ApiOptions given)
    : server(server), service(service), text(text), options(std::move(given)),
      fillIn(text), chatTemplate(text.chatTemplate()) {}

Api::~Api() {
  for (const std::shared_ptr<Reply> &reply : unfinished)
    release(*reply);
}

HttpServer::Handlers Api::handlers() {
  HttpServer::Handlers all;
  all.onRequest = [this](Id id, Request &&request) {
    onRequest(id, std::move(request));
  };
  all.onRefused = [this](Id id, int status, const std::string &message) {
    fail(id, status, message);
  };
  all.onGone = [this](Id id) {
    auto found = replies.find(id);
    if (found == replies.end())
      return;
    std::shared_ptr<Reply> reply = found->second;
    replies.erase(found);
    cancel(*reply);
  };
  all.onDrained = [this](Id id) {
    auto found = replies.find(id);
    if (found == replies.end())
      return;
    bool wasHeld = false;
    for (Reply::Choice &choice : found->second->choices)
      wasHeld |= choice.task->isHeld.exchange(false);
    if (wasHeld) // the thread of the model may sleep
      service.post([](Scheduler &) {});
  };
  all.onWake = [this] { onWake(); };
  return all;
}

void Api::fail(Id id, int status, const std::string &message,
               const std::string &field, const std::string &moreHeaders) {
  ++numbers.refused;
  const char *type = status == 401   ? "authentication_error"
                     : status == 429 ? "rate_limit_error"
                     : status >= 500 ? "server_error"
                                     : "invalid_request_error";
  Json error = {{"message", message},
                {"type", type},
                {"param", field.empty() ? Json() : Json(field)},
                {"code", status}};
  std::string headers = moreHeaders;
  if (status == 401)
    headers = "WWW-Authenticate: Bearer\r\n";
  if (status == 429)
    headers = "Retry-After: 1\r\n";
  server.respond(id, status, "application/json; charset=utf-8",
                 toText({{"error", error}}) + "\n", headers);
}

bool Api::failed(Id id, const Fields &fields) {
  if (fields.failed())
    fail(id, 400, fields.error(), fields.field());
  return fields.failed();
}

void Api::respond(Id id, const Json &json) {
  server.respond(id, 200, "application/json; charset=utf-8",
                 toText(json) + "\n");
}

static std::string toLower(std::string text) {
  for (char &c : text)
    if (c >= 'A' && c <= 'Z')
      c += 'a' - 'A';
  return text;
}

/// What a client sent, as it stands in messages.
static std::string shown(const std::string &text) {
  return text.size() > 100 ? text.substr(0, 100) + "..." : text;
}

/// "localhost" of "localhost:8080".
static std::string hostOf(const std::string &name) {
  size_t colon = name.rfind(':');
  if (!name.empty() && name[0] == '[')
    return name.substr(0, name.find(']') + 1);
  return name.substr(0, colon);
}

static bool isLocalName(const std::string &host) {
  return host == "localhost" || host == "127.0.0.1" || host == "[::1]" ||
         host.empty();
}

/// In a time that does not depend on where they differ.
static bool isSame(const std::string &a, const std::string &b) {
  unsigned char different = a.size() != b.size();
  for (size_t i = 0; i < a.size(); ++i)
    different |= a[i] ^ b[i % std::max<size_t>(b.size(), 1)];
  return !different;
}

bool Api::isAllowed(Id id, const Request &request, bool needsKey) {
  // A page of another site that the user looks at must not reach the server
  // through the user's browser, by whatever name it calls this machine.
  const std::string *host = request.header("host");
  const std::string *origin = request.header("origin");
  if (options.isLocal && host && !isLocalName(toLower(hostOf(*host)))) {
    fail(id, 403,
         "Host is '" + shown(*host) +
             "', this server is for this machine "
             "alone: ask it as localhost");
    return false;
  }
  // A page of another site can have the origin "null", too.
  if (origin) {
    size_t name = origin->find("://");
    std::string from =
        name == std::string::npos ? *origin : origin->substr(name + 3);
    if (!host || toLower(from) != toLower(*host)) {
      fail(id, 403,
           "Origin is '" + shown(*origin) +
               "': pages of other sites may not ask this server");
      return false;
    }
  }
  owner = 0;
  if (!needsKey || options.keys.empty())
    return true;
  const std::string *given = request.header("authorization");
  std::string key = given && toLower(given->substr(0, 7)) == "bearer "
                        ? given->substr(7)
                        : "";
  for (size_t i = 0; i < options.keys.size(); ++i)
    if (isSame(key, options.keys[i]))
      owner = i + 1;
  if (owner == 0)
    fail(id, 401,
         given ? "the key in the header Authorization is none of this "
                 "server's"
               : "this server wants a key: send the header "
                 "'Authorization: Bearer KEY'");
  return owner != 0;
}

void Api::onRequest(Id id, Request &&request) {
  const Route *found = nullptr;
  std::string methods;
  std::string method = request.method == "HEAD" ? "GET" : request.method;
  for (const Route &route : routes) {
    if (request.path != route.path)
      continue;
    methods += (methods.empty() ? "" : ", ") + std::string(route.method);
    if (method == route.method)
      found = &route;
  }
  if (!isAllowed(id, request, !found || found->needsKey))
    return;
  if (found)
    return (this->*found->serve)(id, request);
  if (!methods.empty())
    return fail(
        id, 405,
        "the method of " + request.path + " is " + methods + ", not " +
            shown(request.method),
        "", "Allow: " + methods + (methods == "GET" ? ", HEAD" : "") + "\r\n");
  fail(id, 404, "there is no " + shown(request.path) + " here; see /props");
}

void Api::health(Id id, const Request &) { respond(id, {{"status", "ok"}}); }

void Api::models(Id id, const Request &) {
  Json model = {{"id", fpmoe_model.name},
                {"object", "model"},
                {"created", static_cast<int64_t>(time(nullptr))},
                {"owned_by", "fpmoe"},
                {"meta",
                 {{"n_vocab", fpmoe_model.vocabulary},
                  {"n_ctx", service.mostPositions()},
                  {"n_ctx_train", fpmoe_model.context},
                  {"n_embd", fpmoe_model.hidden},
                  {"n_params", fpmoe_model.parameters},
                  {"size", fpmoe_model.weight_bytes}}}};
  respond(id, {{"object", "list"}, {"data", Json::array({model})}});
}

void Api::props(Id id, const Request &) {
  Json experts = Json::array(), languages = Json::array(),
       endpoints = Json::array();
  for (int64_t i = 0; i < fpmoe_model.experts; ++i)
    experts.push_back(expertName(i));
  for (int64_t i = 0; i < fpmoe_model.languages; ++i)
    languages.push_back(fpmoe_model.language_names[i]);
  for (const Route &route : routes)
    endpoints.push_back(std::string(route.method) + " " + route.path);
  respond(id, {{"model_path", fpmoe_model.name},
               {"architecture", fpmoe_model.architecture},
               {"weights", fpmoe_model.weight_format},
               {"target", usedTarget()},
               {"build_info", fpmoe_model.compiler},
               {"total_slots", options.sequences},
               {"n_ctx", service.mostPositions()},
               {"default_generation_settings",
                {{"n_ctx", service.mostPositions()},
                 {"params",
                  {{"temperature", defaultSampling().temperature},
                   {"top_p", defaultSampling().topP},
                   {"top_k", defaultSampling().topK}}}}},
               {"experts", experts},
               {"languages", languages},
               {"fill_in", fillIn.isPossible() ? Json(fillIn.familyName())
                                               : Json(nullptr)},
               {"chat_template", chatTemplate.family()},
               {"endpoints", endpoints}});
}

void Api::metrics(Id id, const Request &) {
  SchedulerCounts counts = service.counts();
  // The scheduler may not know the last ones yet.
  counts.waiting = std::max<int64_t>(active - counts.running, 0);
  server.respond(id, 200, "text/plain; version=0.0.4; charset=utf-8",
                 numbers.text(counts));
}

void Api::page(Id id, const Request &) {
  server.respond(id, 200, "text/html; charset=utf-8", pageText(),
                 "Content-Security-Policy: default-src 'none'; script-src "
                 "'unsafe-inline'; style-src 'unsafe-inline'; connect-src "
                 "'self'; base-uri 'none'; form-action 'none'\r\n"
                 "X-Frame-Options: DENY\r\nReferrer-Policy: same-origin\r\n");
}

void Api::tokenize(Id id, const Request &request) {
  Fields fields(request.body);
  std::string content = fields.text("content");
  bool addsSpecial = fields.flag("add_special", false);
  bool withPieces = fields.flag("with_pieces", false);
  bool parses = fields.flag("parse_special", true);
  if (failed(id, fields))
    return;
  std::vector<int32_t> ids;
  Status status = text.encode(content, "'content'", addsSpecial, parses, ids);
  if (status.failed())
    return fail(id, 400, status.message(), "content");
  Json tokens = Json::array();
  for (int32_t token : ids)
    tokens.push_back(withPieces
                         ? Json{{"id", token}, {"piece", text.describe(token)}}
                         : Json(token));
  respond(id, {{"tokens", tokens}});
}

void Api::detokenize(Id id, const Request &request) {
  Fields fields(request.body);
  std::vector<int32_t> ids = fields.ids("tokens", fpmoe_model.vocabulary);
  if (failed(id, fields))
    return;
  if (!text.hasTokenizer())
    return fail(id, 400, "this program has no tokenizer");
  Text::Stream stream(text, /*asIds=*/false);
  std::string content;
  for (int32_t token : ids)
    content += stream.push(token);
  content += stream.finish();
  if (stream.status().failed())
    return fail(id, 400, stream.status().message(), "tokens");
  respond(id, {{"content", content}});
}
