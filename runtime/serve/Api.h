//===- Api.h - what clients ask over HTTP ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The endpoints of OpenAI's completions and chat, of llama.cpp's server and of
// Mistral's fill-in, as their clients use them. docs/serving.md lists fields
// and bounds.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_SERVE_API_H
#define FPMOE_RUNTIME_SERVE_API_H

#include "runtime/serve/Completion.h"
#include "runtime/serve/Fields.h"
#include "runtime/serve/FillIn.h"
#include "runtime/serve/HttpServer.h"
#include "runtime/serve/Metrics.h"
#include "runtime/serve/Service.h"

#include <mutex>
#include <unordered_set>

namespace fpmoe {

/// Likeliest tokens of which log-probabilities are told.
constexpr int64_t mostLogprobs = 20;

struct ApiOptions {
  std::vector<std::string> keys; ///< that clients have to show; empty: none
  bool isLocal = true;   ///< only this machine connects: names are checked
  int64_t sequences = 8; ///< that run at a time
  int64_t drafts = 7;
};

/// What a client asked for: one or more texts, and how it wants to be told.
struct Reply;

/// How the texts of a reply are told: the JSON of an interface.
class ReplyStyle {
public:
  virtual ~ReplyStyle() = default;
  /// What a stream says before all of a text; null: nothing.
  virtual Json first(const Reply &reply, size_t choice) const {
    return nullptr;
  }
  /// A part of a stream; null: nothing.
  virtual Json chunk(Reply &reply, size_t choice,
                     const Completion::Piece &piece) const = 0;
  /// What a stream says when a text is complete.
  virtual Json last(const Reply &reply, size_t choice) const = 0;
  /// What a stream says at its very end; null: nothing.
  virtual Json after(const Reply &reply) const { return nullptr; }
  virtual bool endsWithDone() const { return true; }
  virtual Json whole(const Reply &reply) const = 0;
};

const ReplyStyle &openAiStyle();
const ReplyStyle &chatStyle();
const ReplyStyle &llamaStyle();
const ReplyStyle &mistralStyle();

struct Reply {
  struct Choice {
    std::shared_ptr<Completion> task;
    std::string text;
    std::vector<int32_t> tokens;
    std::vector<ScoredToken> scores;
    bool isDone = false;
    Completion::Reason reason = Completion::Reason::cancelled;
    int64_t found = 0; ///< tokens of the prompt that were in the cache
    double started = 0, first = 0, ended = 0;
    size_t offset = 0; ///< characters of tokens whose scores a stream told
  };

  HttpServer::Id connection;
  const ReplyStyle *style;
  const Text *text;
  std::string id;
  int64_t created = 0; ///< seconds since 1970
  double asked = 0;
  bool isStream = false, wantsUsage = false, echoes = false;
  bool wantsLogprobs = false, wantsExperts = false, isGone = false;
  size_t numDone = 0;
  size_t perPrompt = 1; ///< choices
  std::vector<Choice> choices;
  std::vector<std::string> wanted; ///< fields that are to be told; empty: all
};

class Api {
public:
  Api(HttpServer &server, Service &service, const Text &text,
      ApiOptions options);
  ~Api();

  HttpServer::Handlers handlers();

private:
  using Id = HttpServer::Id;
  using Request = HttpRequest;
  struct Route;
  static const Route routes[];

  void onRequest(Id id, Request &&request);
  bool isAllowed(Id id, const Request &request, bool needsKey);
  void fail(Id id, int status, const std::string &message,
            const std::string &field = std::string(),
            const std::string &moreHeaders = std::string());
  bool failed(Id id, const Fields &fields);
  void respond(Id id, const Json &json);

  // Endpoints.
  void health(Id id, const Request &request);
  void models(Id id, const Request &request);
  void props(Id id, const Request &request);
  void metrics(Id id, const Request &request);
  void page(Id id, const Request &request);
  void tokenize(Id id, const Request &request);
  void detokenize(Id id, const Request &request);
  void completions(Id id, const Request &request);
  void llamaCompletion(Id id, const Request &request);
  void infill(Id id, const Request &request);
  void mistralFillIn(Id id, const Request &request);
  void chat(Id id, const Request &request);

  bool readSampling(Fields &fields, CompletionOptions &options,
                    int64_t defaultTokens, const char *tokensName,
                    bool isChat = false);
  bool readPrompts(Fields &fields, std::vector<std::vector<int32_t>> &prompts);
  int64_t readChoices(Fields &fields, Reply &reply);
  bool checkSize(Fields &fields, const char *name, int64_t promptTokens,
                 CompletionOptions &options);
  std::shared_ptr<Reply> makeReply(Id id, Fields &fields,
                                   const ReplyStyle &style, const char *prefix);
  std::shared_ptr<Reply> makeLlamaReply(Id id, Fields &fields,
                                        CompletionOptions &options);
  void addChoice(Reply &reply, std::vector<int32_t> prompt,
                 CompletionOptions options, Fields &fields);
  void addChoices(Reply &reply, const std::vector<int32_t> &prompt,
                  CompletionOptions options, int64_t n, const char *name,
                  Fields &fields);
  bool hasRoom(Id id, int64_t more);
  void start(std::shared_ptr<Reply> reply);
  void cancel(Reply &reply);

  // Events of the model's thread, told to this one.
  void post(std::function<void()> event);
  void onWake();
  void onPiece(const std::shared_ptr<Reply> &reply, size_t choice,
               Completion::Piece piece);
  void onDone(const std::shared_ptr<Reply> &reply, size_t choice,
              Completion::Reason reason);
  void send(const Reply &reply, Json json);
  void finish(const std::shared_ptr<Reply> &reply);
  static void release(Reply &reply);

  HttpServer &server;
  Service &service;
  const Text &text;
  ApiOptions options;
  FillIn fillIn;
  ChatTemplate chatTemplate;
  Metrics numbers;
  int64_t active = 0; ///< texts that are not complete
  uint64_t owner = 0; ///< of the request that is read
  std::unordered_map<Id, std::shared_ptr<Reply>> replies;
  std::unordered_set<std::shared_ptr<Reply>>
      unfinished; ///< the client may be gone
  std::mutex mutex;
  std::vector<std::function<void()>> events;
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_SERVE_API_H
