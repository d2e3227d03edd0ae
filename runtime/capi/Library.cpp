//===- Library.cpp - the functions of fpmoe.h ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "include/fpmoe/runtime/fpmoe.h"
#include "runtime/cli/Engine.h"
#include "runtime/cli/SamplingArguments.h"
#include "runtime/serve/Completion.h"
#include "runtime/serve/FillIn.h"
#include "runtime/serve/Service.h"

#include <algorithm>
#include <cstring>
#include <unistd.h>

using namespace fpmoe;

static thread_local std::string lastError;

static int fail(const std::string &message) {
  lastError = message;
  return FPMOE_ERROR;
}

static int fail(const Status &status) { return fail(status.message()); }

/// A copy of a structure that may be of another version: what it lacks is 0.
template <typename T> static bool copyOf(const T *given, T &copy) {
  copy = T();
  if (!given || given->size < sizeof(size_t)) {
    fail("a structure is missing, or its size is not set");
    return false;
  }
  std::memcpy(&copy, given, std::min(given->size, sizeof(T)));
  return true;
}

struct fpmoe_engine {
  Text text;
  Engine parts;
  std::unique_ptr<FillIn> fillIn;
  std::unique_ptr<Service> service;
};

struct fpmoe_sequence {
  fpmoe_engine *engine;
  std::shared_ptr<Completion> task;
  std::mutex mutex;
  std::condition_variable changed;
  // What fpmoe_next has not told.
  std::string text;
  std::vector<int32_t> tokens;
  std::vector<double> logprobs;
  bool isDone = false;
  Completion::Reason reason = Completion::Reason::cancelled;
  int64_t found = 0;
  // What it told last.
  std::string toldText;
  std::vector<int32_t> toldTokens;
  std::vector<double> toldLogprobs;
};

int fpmoe_version(void) { return FPMOE_API_VERSION; }

const char *fpmoe_error(void) { return lastError.c_str(); }

int fpmoe_open(const fpmoe_options *given, fpmoe_engine **result) {
  fpmoe_options o = {};
  if (given && !copyOf(given, o))
    return FPMOE_ERROR;
  if (!result)
    return fail("there is no place for the engine");
  *result = nullptr;
  if (o.threads < 0 || o.threads > mostThreads || o.sequences < 0 ||
      o.sequences > 512 || o.cache_bytes < 0)
    return fail(format("threads is %d, sequences %d and cache_bytes %lld; they "
                       "have to be from 0 to %lld, 512 and 2^63",
                       o.threads, o.sequences,
                       static_cast<long long>(o.cache_bytes),
                       static_cast<long long>(mostThreads)));
  bool isNamed = o.weights_file && *o.weights_file;
  if (!isNamed && !fpmoe_library_file)
    return fail("a static library has its weights in a file of their own: name "
                "it in weights_file of the options");
  if (fpmoe_model.ranks > 1)
    return fail(format("this model is split over %lld ranks, and a library "
                       "runs in one process; compile it without --ranks",
                       static_cast<long long>(fpmoe_model.ranks)));
  Status status = chooseLevel();
  auto engine = std::make_unique<fpmoe_engine>();
  engine->parts.threads = o.threads;
  if (isNamed)
    engine->parts.weightsFile = o.weights_file;
  if (!status.failed())
    status = engine->text.open();
  if (!status.failed())
    status = engine->parts.open();
  if (status.failed())
    return fail(status);
  engine->fillIn = std::make_unique<FillIn>(engine->text);
  SchedulerOptions options;
  options.sequences = o.sequences ? o.sequences : 8;
  options.cacheBytes =
      o.cache_bytes ? o.cache_bytes : defaultCacheBytes(options.sequences);
  std::unique_ptr<Scheduler> scheduler;
  status = Scheduler::create(fpmoe_model, usedLevel(), *engine->parts.team,
                             *engine->parts.weights, options, scheduler);
  if (status.failed())
    return fail(status);
  engine->service = std::make_unique<Service>(std::move(scheduler));
  status = engine->service->start();
  if (status.failed())
    return fail(status);
  *result = engine.release();
  return 0;
}

void fpmoe_close(fpmoe_engine *engine) { delete engine; }

int fpmoe_info(const fpmoe_engine *engine, fpmoe_model_info *info) {
  fpmoe_model_info all = {};
  if (!engine || !copyOf(info, all))
    return engine ? FPMOE_ERROR : fail("there is no engine");
  all.name = fpmoe_model.name;
  all.vocabulary = fpmoe_model.vocabulary;
  all.context = engine->service->mostPositions();
  all.experts = fpmoe_model.experts;
  all.languages = fpmoe_model.languages;
  all.has_tokenizer = engine->text.hasTokenizer();
  all.has_fill_in = engine->fillIn->isPossible();
  std::memcpy(info, &all, std::min(info->size, sizeof(all)));
  return 0;
}

/// How many there are; writes them where there is room.
template <typename T>
static int64_t give(const T *data, size_t count, T *to, size_t capacity) {
  if (!to)
    return count;
  if (count > capacity) {
    fail(format("there is room for %zu, and there are %zu", capacity, count));
    return FPMOE_TOO_SMALL;
  }
  std::memcpy(to, data, count * sizeof(T));
  return count;
}

int64_t fpmoe_tokenize(const fpmoe_engine *engine, const char *text,
                       size_t bytes, int whole, int32_t *ids, size_t capacity) {
  if (!engine || (!text && bytes))
    return fail("there is no engine, or no text");
  std::string content(text ? text : "", bytes);
  std::vector<int32_t> found;
  Status status = whole ? engine->text.encode(content, "the text", found)
                        : engine->text.encodePart(content, "the text", found);
  return status.failed() ? fail(status)
                         : give(found.data(), found.size(), ids, capacity);
}

int64_t fpmoe_detokenize(const fpmoe_engine *engine, const int32_t *ids,
                         size_t count, char *text, size_t capacity) {
  if (!engine || (!ids && count))
    return fail("there is no engine, or there are no ids");
  if (!engine->text.hasTokenizer())
    return fail("this model has no tokenizer");
  Text::Stream stream(engine->text, /*asIds=*/false);
  std::string content;
  for (size_t i = 0; i < count; ++i)
    content += stream.push(ids[i]);
  content += stream.finish();
  return stream.status().failed()
             ? fail(stream.status())
             : give(content.data(), content.size(), text, capacity);
}

int64_t fpmoe_infill(const fpmoe_engine *engine, const char *prefix,
                     size_t prefixBytes, const char *suffix, size_t suffixBytes,
                     int32_t *ids, size_t capacity) {
  if (!engine || (!prefix && prefixBytes) || (!suffix && suffixBytes))
    return fail("there is no engine, or no text");
  std::vector<int32_t> found;
  int64_t room = engine->service->mostPositions();
  Status status =
      engine->fillIn->encode(std::string(prefix ? prefix : "", prefixBytes),
                             std::string(suffix ? suffix : "", suffixBytes), {},
                             room - room / 4, found);
  return status.failed() ? fail(status)
                         : give(found.data(), found.size(), ids, capacity);
}

void fpmoe_request_defaults(fpmoe_request *request) {
  SamplerOptions s = defaultSampling();
  *request = fpmoe_request();
  request->size = sizeof(*request);
  request->max_tokens = 128;
  request->temperature = s.temperature;
  request->top_p = s.topP;
  request->min_p = s.minP;
  request->top_k = s.topK;
  request->repetition_penalty = s.repetitionPenalty;
  request->drafts = 7;
}

/// What a request says of sampling; an error where it is out of range.
static Status readRequest(const fpmoe_request &r, const Text &text,
                          CompletionOptions &o) {
  auto inRange = [](double value, double least, double most) {
    return value >= least && value <= most;
  };
  if (!r.prompt || r.prompt_count == 0)
    return Status::error("the prompt is empty");
  if (r.max_tokens < 0 || r.top_k < 0 || r.drafts < 0 || r.drafts > 15 ||
      !inRange(r.temperature, 0, 100) || !inRange(r.top_p, 0, 1) ||
      !inRange(r.min_p, 0, 1) || !inRange(r.repetition_penalty, 0.01, 100) ||
      !inRange(r.presence_penalty, -2, 2) ||
      !inRange(r.frequency_penalty, -2, 2))
    return Status::error(
        "a number of the request is out of range: max_tokens and top_k are 0 "
        "or more, drafts 0 to 15, temperature 0 to 100, top_p and min_p 0 to "
        "1, repetition_penalty 0.01 to 100, other penalties -2 to 2; "
        "fpmoe_request_defaults fills them");
  o.sampler = defaultSampling();
  o.maxTokens = o.sampler.maxTokens = r.max_tokens;
  o.sampler.temperature = r.temperature;
  o.sampler.topP = r.top_p;
  o.sampler.minP = r.min_p;
  o.sampler.topK = r.top_k;
  o.sampler.repetitionPenalty = r.repetition_penalty;
  o.sampler.presencePenalty = r.presence_penalty;
  o.sampler.frequencyPenalty = r.frequency_penalty;
  o.sampler.seed = r.seed;
  o.wantsLogprobs = r.logprobs != 0;
  for (size_t i = 0; i < r.stop_count; ++i) {
    if (!r.stops || !r.stops[i] || !*r.stops[i])
      return Status::error("a stop text is missing or empty");
    o.addStop(text, r.stops[i]);
  }
  return Status::success();
}

int fpmoe_start(fpmoe_engine *engine, const fpmoe_request *given,
                fpmoe_sequence **result) {
  fpmoe_request r;
  if (!engine || !result)
    return fail("there is no engine, or no place for the sequence");
  *result = nullptr;
  if (!copyOf(given, r))
    return FPMOE_ERROR;
  CompletionOptions options;
  Status status = readRequest(r, engine->text, options);
  int32_t language = -1;
  if (!status.failed())
    status = findLanguage(r.language ? r.language : "", language);
  if (status.failed())
    return fail(status);
  const std::vector<int32_t> &ends = engine->fillIn->ends();
  options.stopTokens.insert(options.stopTokens.end(), ends.begin(), ends.end());
  // Ids are checked before the text is followed by its languages.
  std::vector<int32_t> prompt(r.prompt, r.prompt + r.prompt_count);
  int64_t size = prompt.size(), room = engine->service->mostPositions();
  if (size > room)
    return fail(format("the prompt has %lld tokens, there is room for %lld",
                       static_cast<long long>(size),
                       static_cast<long long>(room)));
  for (int32_t token : prompt)
    if (token < 0 || token >= fpmoe_model.vocabulary)
      return fail(format("the prompt has id %d, outside the vocabulary of %lld",
                         token,
                         static_cast<long long>(fpmoe_model.vocabulary)));
  auto sequence = std::make_unique<fpmoe_sequence>();
  fpmoe_sequence *s = sequence.get();
  s->engine = engine;
  s->task = std::make_shared<Completion>(engine->text, std::move(prompt),
                                         std::move(options));
  s->task->forced = language;
  s->task->drafts = r.drafts;
  s->task->onStarted = [s](int64_t found) { s->found = found; };
  s->task->onPiece = [s](Completion::Piece piece) {
    std::lock_guard<std::mutex> lock(s->mutex);
    s->text += piece.text;
    s->tokens.insert(s->tokens.end(), piece.tokens.begin(), piece.tokens.end());
    for (const ScoredToken &score : piece.scored)
      s->logprobs.push_back(score.logprob);
    s->changed.notify_all();
  };
  s->task->onDone = [s](Completion::Reason reason) {
    std::lock_guard<std::mutex> lock(s->mutex);
    s->isDone = true;
    s->reason = reason;
    s->changed.notify_all();
  };
  std::shared_ptr<Completion> task = s->task;
  engine->service->post([task](Scheduler &scheduler) {
    Status status = scheduler.add(*task);
    if (status.failed())
      task->refuse(status);
  });
  *result = sequence.release();
  return 0;
}

int fpmoe_next(fpmoe_sequence *s, int32_t timeout, fpmoe_event *event) {
  fpmoe_event all;
  if (!s || !copyOf(event, all))
    return s ? FPMOE_ERROR : fail("there is no sequence");
  std::unique_lock<std::mutex> lock(s->mutex);
  auto isNew = [&] {
    return s->isDone || !s->text.empty() || !s->tokens.empty();
  };
  if (timeout < 0) {
    s->changed.wait(lock, isNew);
  } else if (!s->changed.wait_for(lock, std::chrono::milliseconds(timeout),
                                  isNew)) {
    fail(format("nothing came in %d ms", timeout));
    return FPMOE_TIMEOUT;
  }
  s->toldText.swap(s->text);
  s->toldTokens.swap(s->tokens);
  s->toldLogprobs.swap(s->logprobs);
  s->text.clear();
  s->tokens.clear();
  s->logprobs.clear();
  bool isEnd = s->isDone && s->toldText.empty() && s->toldTokens.empty();
  if (isEnd && s->reason == Completion::Reason::error)
    return fail(s->task->status());
  all.kind = isEnd ? FPMOE_EVENT_END : FPMOE_EVENT_TEXT;
  all.reason = s->reason == Completion::Reason::stop     ? FPMOE_END_STOP
               : s->reason == Completion::Reason::length ? FPMOE_END_LENGTH
                                                         : FPMOE_END_CANCELLED;
  all.text = s->toldText.c_str();
  all.text_bytes = s->toldText.size();
  all.tokens = s->toldTokens.data();
  all.token_count = s->toldTokens.size();
  all.logprobs = s->toldLogprobs.empty() ? nullptr : s->toldLogprobs.data();
  all.cached_tokens = s->found;
  std::memcpy(event, &all, std::min(event->size, sizeof(all)));
  return 0;
}

void fpmoe_cancel(fpmoe_sequence *s) {
  if (!s)
    return;
  std::shared_ptr<Completion> task = s->task;
  s->engine->service->post(
      [task](Scheduler &scheduler) { scheduler.cancel(*task); });
}

void fpmoe_finish(fpmoe_sequence *s) {
  if (!s)
    return;
  fpmoe_cancel(s);
  std::unique_lock<std::mutex> lock(s->mutex);
  s->changed.wait(lock, [&] { return s->isDone; });
  lock.unlock();
  // The thread of the model may still be in the call of the task that said so.
  std::shared_ptr<Completion> task = s->task;
  s->engine->service->post([task](Scheduler &) {});
  delete s;
}
