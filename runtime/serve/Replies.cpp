//===- Replies.cpp - texts on their way to clients ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the thread of the model tells waits in a list until this thread takes
// it. A task lives until its last event is taken here.
//
//===----------------------------------------------------------------------===//

#include "runtime/cli/Engine.h"
#include "runtime/core/Machine.h"
#include "runtime/serve/Api.h"

using namespace fpmoe;

void Api::post(std::function<void()> event) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    events.push_back(std::move(event));
  }
  server.wake();
}

void Api::onWake() {
  std::vector<std::function<void()>> now;
  {
    std::lock_guard<std::mutex> lock(mutex);
    now.swap(events);
  }
  for (auto &event : now)
    event();
}

void Api::start(std::shared_ptr<Reply> reply) {
  unfinished.insert(reply);
  replies[reply->connection] = reply;
  active += reply->choices.size();
  if (reply->isStream)
    server.beginStream(reply->connection, "text/event-stream; charset=utf-8");
  for (size_t i = 0; i < reply->choices.size(); ++i) {
    if (reply->isStream)
      send(*reply, reply->style->first(*reply, i));
    Completion &task = *reply->choices[i].task;
    task.onStarted = [=](int64_t found) {
      double now = seconds();
      post([=] {
        reply->choices[i].started = now;
        reply->choices[i].found = found;
      });
    };
    task.onPiece = [=](Completion::Piece piece) {
      post([=, piece = std::move(piece)] { onPiece(reply, i, piece); });
    };
    task.onDone = [=](Completion::Reason reason) {
      service.renewCounts(); // a client that has its end is in them no more
      post([=] { onDone(reply, i, reason); });
    };
    if (reply->wantsExperts) {
      task.wantsRoutes = true;
      task.onExpert = [=](int64_t position, int32_t expert) {
        if (position <
            static_cast<int64_t>(reply->choices[i].task->prompt.size()))
          return;
        post([=] {
          Json name;
          if (expert >= 0)
            name = expertName(expert);
          send(*reply,
               {{"index", i}, {"position", position}, {"expert", name}});
        });
      };
    }
    service.post([=](Scheduler &scheduler) {
      Status status = scheduler.add(*reply->choices[i].task);
      if (status.failed())
        reply->choices[i].task->refuse(status);
    });
  }
}

void Api::cancel(Reply &reply) {
  reply.isGone = true;
  for (Reply::Choice &choice : reply.choices) {
    if (choice.isDone)
      continue;
    auto task = choice.task;
    task->isHeld = false;
    service.post([task](Scheduler &scheduler) { scheduler.cancel(*task); });
  }
}

void Api::send(const Reply &reply, Json json) {
  if (!json.is_null() && !reply.isGone)
    server.write(reply.connection, "data: " + toText(json) + "\n\n");
}

void Api::onPiece(const std::shared_ptr<Reply> &reply, size_t index,
                  Completion::Piece piece) {
  Reply::Choice &choice = reply->choices[index];
  double now = seconds();
  if (!piece.tokens.empty()) {
    if (choice.tokens.empty()) {
      choice.first = now;
      numbers.firstToken.add(now - reply->asked);
    } else {
      numbers.betweenTokens.add(now - choice.ended);
    }
    choice.ended = now;
  }
  choice.tokens.insert(choice.tokens.end(), piece.tokens.begin(),
                       piece.tokens.end());
  choice.text += piece.text;
  choice.scores.insert(choice.scores.end(), piece.scored.begin(),
                       piece.scored.end());
  if (!reply->isStream || reply->isGone)
    return;
  send(*reply, reply->style->chunk(*reply, index, piece));
  // A client that does not read is not written for.
  if (server.unsent(reply->connection) > HttpServer::mostUnsent)
    for (Reply::Choice &each : reply->choices)
      each.task->isHeld = true;
}

void Api::onDone(const std::shared_ptr<Reply> &reply, size_t index,
                 Completion::Reason reason) {
  Reply::Choice &choice = reply->choices[index];
  choice.isDone = true;
  choice.reason = reason;
  choice.ended = seconds();
  --active;
  switch (reason) {
  case Completion::Reason::stop:
    ++numbers.stopped;
    break;
  case Completion::Reason::length:
    ++numbers.tooLong;
    break;
  case Completion::Reason::cancelled:
    ++numbers.cancelled;
    break;
  case Completion::Reason::error:
    ++numbers.failed;
    break;
  }
  numbers.request.add(choice.ended - reply->asked);
  if (reply->isStream && reason == Completion::Reason::error)
    send(*reply, {{"error",
                   {{"message", choice.task->status().message()},
                    {"type", "server_error"},
                    {"code", 500}}}});
  else if (reply->isStream)
    send(*reply, reply->style->last(*reply, index));
  if (++reply->numDone == reply->choices.size())
    finish(reply);
}

/// Of an object, the members that are wanted: "timings/prompt_n" is one of a
/// member. Of a list, the same of each.
static Json select(const Json &json, const std::vector<std::string> &wanted) {
  if (wanted.empty())
    return json;
  if (json.is_array()) {
    Json each = Json::array();
    for (const Json &one : json)
      each.push_back(select(one, wanted));
    return each;
  }
  Json chosen = Json::object();
  for (const std::string &path : wanted) {
    const Json *from = &json;
    for (size_t at = 0; from && at <= path.size();) {
      size_t end = std::min(path.find('/', at), path.size());
      auto member = from->is_object() ? from->find(path.substr(at, end - at))
                                      : from->end();
      from = member != from->end() ? &*member : nullptr;
      at = end + 1;
    }
    if (from)
      chosen[path] = *from;
  }
  return chosen;
}

void Api::finish(const std::shared_ptr<Reply> &reply) {
  if (!reply->isGone) {
    replies.erase(reply->connection);
    const Completion *failed = nullptr;
    for (const Reply::Choice &choice : reply->choices)
      if (choice.reason == Completion::Reason::error)
        failed = choice.task.get();
    if (reply->isStream) {
      send(*reply, reply->style->after(*reply));
      if (reply->style->endsWithDone())
        server.write(reply->connection, "data: [DONE]\n\n");
      server.endStream(reply->connection);
    } else if (failed) {
      fail(reply->connection, 500, failed->status().message());
    } else {
      respond(reply->connection,
              select(reply->style->whole(*reply), reply->wanted));
    }
  }
  release(*reply);
  unfinished.erase(reply);
}

/// Callbacks hold the reply that holds them.
void Api::release(Reply &reply) {
  for (Reply::Choice &choice : reply.choices) {
    choice.task->onPiece = nullptr;
    choice.task->onDone = nullptr;
    choice.task->onStarted = nullptr;
    choice.task->onExpert = nullptr;
  }
}
