//===- GenerateMany.cpp - texts that follow many prompts ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All lines are read and checked before the first text is made. A text depends
// on its own line alone: not on the others, and not on how many are made at a
// time.
//
//===----------------------------------------------------------------------===//

#include "runtime/serve/GenerateMany.h"
#include "runtime/cli/Console.h"
#include "runtime/core/Machine.h"
#include "runtime/serve/Completion.h"
#include "runtime/serve/Fields.h"

#include <unistd.h>

using namespace fpmoe;

namespace {

/// A line and what comes of it.
struct Line {
  Json given;
  std::vector<int32_t> prompt;
  int64_t maxTokens = 0;
  std::unique_ptr<Completion> task;
  std::string text;
  Completion::Reason reason = Completion::Reason::cancelled;
  bool isDone = false;
};

class Many {
public:
  Many(const std::string &path, int64_t sequences, Request &request,
       Engine &engine)
      : path(path), sequences(sequences), request(request), engine(engine) {}

  Status run();

private:
  Status read();
  Status readLine(const std::string &text, size_t number);
  Status start(Scheduler &scheduler, Line &line, size_t number);
  bool writeFinished();
  void showProgress();

  const std::string &path;
  int64_t sequences;
  Request &request;
  Engine &engine;
  Text text;
  std::vector<Line> lines;
  size_t written = 0, started = 0;
  int64_t made = 0;
  double begun = 0, shown = 0;
};

} // namespace

Status Many::readLine(const std::string &content, size_t number) {
  std::string name =
      format("%s, line %zu", path == "-" ? "the standard input" : path.c_str(),
             number);
  // A line may be a text alone.
  Fields fields(content[0] == '"' ? "{\"prompt\": " + content + "}" : content);
  Line line;
  line.maxTokens = fields.integer("max_tokens", 0, INT32_MAX, request.count);
  if (!fields.failed() && !fields.has("prompt"))
    fields.fail("prompt", "'prompt' is missing");
  Status status;
  if (!fields.failed() && fields.at("prompt").is_array())
    line.prompt = fields.ids("prompt", fpmoe_model.vocabulary);
  else
    status = text.encode(fields.text("prompt"), "'prompt'", line.prompt);
  if (!fields.failed() && status.failed())
    fields.fail("prompt", status.message());
  int64_t size = line.prompt.size();
  if (size == 0)
    fields.fail("prompt", "'prompt' is empty, it has to have a token");
  if (size > fpmoe_model.context)
    fields.fail("prompt", format("'prompt' has %lld tokens, the model's "
                                 "context has room for %lld",
                                 static_cast<long long>(size),
                                 static_cast<long long>(fpmoe_model.context)));
  if (fields.failed())
    return Status::error(name + ": " + fields.error());
  line.given = fields.all();
  lines.push_back(std::move(line));
  return Status::success();
}

Status Many::read() {
  std::string content;
  Status status = readFile(path, content);
  size_t number = 0;
  for (size_t at = 0; !status.failed() && at < content.size();) {
    size_t end = std::min(content.find('\n', at), content.size());
    std::string line = content.substr(at, end - at);
    ++number;
    if (line.find_first_not_of(" \t\r") != std::string::npos)
      status = readLine(line, number);
    at = end + 1;
  }
  if (!status.failed() && lines.empty())
    return Status::error(path + ": has no line with a prompt");
  return status;
}

Status Many::start(Scheduler &scheduler, Line &line, size_t number) {
  CompletionOptions options;
  options.sampler = request.sampling.sampler;
  // Each line draws for itself.
  options.sampler.seed += number;
  options.maxTokens = std::min(
      line.maxTokens,
      fpmoe_model.context - static_cast<int64_t>(line.prompt.size()) + 1);
  options.sampler.maxTokens = options.maxTokens;
  for (const std::string &stop : request.sampling.stops)
    options.addStop(text, stop);
  line.task = std::make_unique<Completion>(text, line.prompt, options);
  line.task->forced = request.language;
  line.task->drafts = request.drafts;
  line.task->onPiece = [this, &line](Completion::Piece piece) {
    line.text += piece.text;
    made += piece.tokens.size();
  };
  line.task->onDone = [&line](Completion::Reason reason) {
    line.reason = reason;
    line.isDone = true;
  };
  return scheduler.add(*line.task);
}

bool Many::writeFinished() {
  for (; written < lines.size() && lines[written].isDone; ++written) {
    Line &line = lines[written];
    static const char *const reasons[] = {"stop", "length", "abort", "error"};
    line.given["completion"] = line.text;
    line.given["finish_reason"] = reasons[static_cast<int>(line.reason)];
    line.given["completion_tokens"] = line.task->made();
    if (line.reason == Completion::Reason::error)
      line.given["error"] = line.task->status().message();
    if (!print(toText(line.given) + "\n"))
      return false;
    line = Line();
  }
  return flush();
}

void Many::showProgress() {
  double now = seconds();
  if (!isTerminal(STDERR_FILENO) || now - shown < 0.2)
    return;
  shown = now;
  fprintf(stderr, "\r%zu of %zu prompts, %.1f tokens/s\033[K", written,
          lines.size(), made / (now - begun));
}

Status Many::run() {
  Status status = text.open();
  if (!status.failed())
    status = findLanguage(request.languageName, request.language);
  if (!status.failed())
    status = read();
  if (!status.failed())
    status = engine.open();
  if (status.failed())
    return status;
  SchedulerOptions options;
  options.sequences = std::min<int64_t>(sequences, lines.size());
  // As much as the texts that are made at a time can need.
  int64_t longest = 0;
  for (const Line &line : lines)
    longest =
        std::max(longest, std::min<int64_t>(line.prompt.size() + line.maxTokens,
                                            fpmoe_model.context));
  int64_t pages = (longest + pagePositions) / pagePositions;
  options.cacheBytes = options.sequences * pages * pagePositions *
                       usedLevel().cache_bytes_per_position;
  std::unique_ptr<Scheduler> scheduler;
  status = Scheduler::create(fpmoe_model, usedLevel(), *engine.team,
                             *engine.weights, options, scheduler);
  engine.weights->planCopy(engine.hugePagesChoice(), INT64_MAX);
  begun = seconds();
  while (!status.failed() && written < lines.size() && !interrupted()) {
    // Few wait, so that the list is not all in memory twice.
    while (!status.failed() && started < lines.size() &&
           scheduler->counts().waiting < sequences) {
      status = start(*scheduler, lines[started], started);
      ++started;
    }
    if (status.failed())
      break;
    scheduler->step();
    status = scheduler->status();
    if (status.failed())
      break;
    engine.weights->continueCopy(*engine.team, 0.005, 1e9);
    if (!writeFinished())
      break;
    showProgress();
  }
  if (isTerminal(STDERR_FILENO))
    fprintf(stderr, "\r\033[K");
  return status;
}

int fpmoe::generateMany(const std::string &path, int64_t sequences,
                        Request &request, Engine &engine) {
  Status status = Many(path, sequences, request, engine).run();
  if (status.failed())
    return fail(status);
  return interrupted() ? exitInterrupted : exitSuccess;
}
