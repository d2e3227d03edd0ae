//===- Generation.cpp - making text ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The weights move into huge pages in small pieces between tokens, so that no
// token waits long for it and a short answer does not pay for it.
//
//===----------------------------------------------------------------------===//

#include "runtime/cli/Generation.h"
#include "runtime/cli/Console.h"
#include "runtime/core/Machine.h"

#include <algorithm>

using namespace fpmoe;

void Request::declare(Arguments &arguments) {
  if (fpmoe_model.sampling && fpmoe_model.sampling->max_new_tokens > 0)
    count = fpmoe_model.sampling->max_new_tokens;
  arguments.text(promptText, "--prompt", "TEXT", "text to continue", "-p");
  arguments.text(promptFile, "--prompt-file", "FILE",
                 "read the prompt from FILE; - is the standard input");
  arguments.text(promptIds, "--prompt-ids", "IDS",
                 "the prompt as token ids, separated by white space");
  arguments.integer(count, "--tokens", 0, int64_t(1) << 31,
                    format("most tokens to generate (default: %lld)",
                           static_cast<long long>(count))
                        .c_str(),
                    "-n");
  sampling.declare(arguments);
  arguments.integer(drafts, "--drafts", 0, 15,
                    "most tokens to guess in a step where the text repeats\n"
                    "itself, which changes only the speed; 0: none\n"
                    "(default: 7)");
  arguments.text(languageName, "--language", "NAME",
                 fpmoe_model.languages > 0
                     ? "use the adapter of this language for every token,\n"
                       "instead of following fences and names of files"
                     : "send every token to this expert, instead of asking the "
                       "router");
}

Status Request::check(const Arguments &arguments, bool needsPrompt) {
  int given = arguments.given("--prompt") + arguments.given("--prompt-file") +
              arguments.given("--prompt-ids");
  if (given != (needsPrompt ? 1 : 0))
    return Status::error(
        !needsPrompt ? "give --prompts, or one prompt, but not both"
        : given      ? "give one prompt only: -p, --prompt-file or --prompt-ids"
                : "a prompt is missing: give one with -p TEXT, --prompt-file "
                  "FILE or --prompt-ids IDS");
  return sampling.check(arguments);
}

Status Request::resolve(const Arguments &arguments, const Text &text) {
  Status status = findLanguage(languageName, language);
  if (status.failed())
    return status;
  if (arguments.given("--prompt-ids")) {
    status = parseIds(promptIds, "--prompt-ids", prompt);
  } else {
    std::string name = "the prompt";
    if (arguments.given("--prompt-file")) {
      name = promptFile == "-" ? "the standard input" : promptFile;
      status = readFile(promptFile, promptText);
    }
    if (!status.failed())
      status = text.encode(promptText, name, prompt);
  }
  if (status.failed())
    return status;
  if (fpmoe_model.languages > 0 && language < 0)
    languages = std::make_unique<TokenLanguages>(
        text, arguments.given("--prompt-file") ? promptFile : "");
  if (prompt.empty())
    return Status::error("the prompt is empty");
  if (static_cast<int64_t>(prompt.size()) > fpmoe_model.context)
    return Status::error(format("the prompt has %zu tokens, the model's "
                                "context has room for %lld",
                                prompt.size(),
                                static_cast<long long>(fpmoe_model.context)));
  status = resolveCount(arguments);
  return status.failed() ? status : resolveStops(arguments, text);
}

/// The authors' limit of prompt and text holds where -n says nothing else.
Status Request::resolveCount(const Arguments &arguments) {
  const FpmoeSampling *given = fpmoe_model.sampling;
  if (given && given->max_length > 0 && given->max_new_tokens == 0 &&
      !arguments.given("--tokens")) {
    count = std::min(count,
                     given->max_length - static_cast<int64_t>(prompt.size()));
    if (count <= 0)
      return Status::error(
          format("the prompt has %zu tokens, and the model's authors limit "
                 "prompt and text to %lld; say with -n how many to generate",
                 prompt.size(), static_cast<long long>(given->max_length)));
  }
  sampling.sampler.maxTokens = count;
  return Status::success();
}

Status Request::resolveStops(const Arguments &arguments, const Text &text) {
  if (!text.hasTokenizer())
    return arguments.given("--stop")
               ? Status::error("--stop: this program has no tokenizer, so it "
                               "makes no text to look for it in")
               : Status::success();
  std::vector<std::string> strings;
  for (const std::string &stop : sampling.stops) {
    int32_t token = text.specialToken(stop);
    if (token >= 0)
      stopTokens.push_back(token);
    else
      strings.push_back(stop);
  }
  if (!strings.empty())
    stops = std::make_unique<StopSearch>(text, std::move(strings));
  return Status::success();
}

void Continuation::declare(Arguments &arguments) {
  request.declare(arguments);
  engine.declare(arguments);
}

Status Continuation::open(const Arguments &arguments, bool recordRoutes) {
  Status status = text.open();
  if (!status.failed())
    status = request.resolve(arguments, text);
  if (!status.failed())
    status = engine.open();
  if (status.failed())
    return status;
  SessionOptions options;
  options.positions = std::min<int64_t>(fpmoe_model.context,
                                        request.prompt.size() + request.count);
  options.language = request.language;
  options.recordRoutes = recordRoutes;
  options.logitsRows = 1 + request.drafts;
  guesser = Guesser(request.drafts);
  return Session::create(fpmoe_model, usedLevel(), *engine.team,
                         *engine.weights, options, session);
}

Status Continuation::run(const GenerationEvents &events, Generation &result) {
  double start = seconds();
  Status status;
  if (request.languages)
    status = request.languages->announce(*session, request.prompt);
  if (status.failed())
    return status;
  if (request.stops)
    for (int32_t token : request.prompt)
      request.stops->skip(token);
  status =
      session->feed(request.prompt.data(), request.prompt.size(), interrupted);
  result.prefillSeconds = seconds() - start;
  if (status.failed() || interrupted() || !events.onPrompt())
    return status;
  start = seconds();
  status = decode(events, result);
  result.decodeSeconds = seconds() - start;
  return status;
}

static bool contains(const std::vector<int32_t> &tokens, int32_t token) {
  return std::count(tokens.begin(), tokens.end(), token) > 0;
}

/// Why a sampler found no token after the one at `position`.
static Status noToken(int32_t reason, long long position) {
  if (reason == Sampler::allBanned)
    return Status::error(format(
        "no token may follow token %lld: the options, or the defaults of the "
        "model's authors that `info` lists, ban all of them",
        position));
  return Status::error(
      format("the logits after token %lld are not numbers: the weights are "
             "damaged, or too large for %s",
             position, fpmoe_model.weight_format));
}

/// Feeds a token and guesses of what follows it.
Status Continuation::feed(int32_t token, const SamplerState &state,
                          std::vector<int32_t> &guesses) {
  guesses.clear();
  if (!session->hasRoutes()) // which are told as soon as a step has them
    guesses = guesser.guess(
        state.tokens, std::min({request.count - state.generated(),
                                fpmoe_model.context - session->position() - 1,
                                session->guessRoom()}));
  if (request.languages) {
    std::vector<int32_t> languages = request.languages->next({token});
    std::vector<int32_t> ahead = request.languages->ahead(guesses);
    languages.insert(languages.end(), ahead.begin(), ahead.end());
    session->setLanguages(session->position(), languages);
    if (request.languages->status().failed())
      return request.languages->status();
  }
  std::vector<int32_t> fed = {token};
  fed.insert(fed.end(), guesses.begin(), guesses.end());
  return session->step(fed.data(), fed.size(), 0);
}

Status Continuation::decode(const GenerationEvents &events,
                            Generation &result) {
  engine.weights->planCopy(engine.hugePagesChoice(), request.count);
  Sampler sampler(request.sampling.sampler);
  SamplerState state = sampler.start(request.prompt);
  double stepSeconds = 0;
  std::vector<int32_t> guesses; // fed behind the last token
  size_t right = 0;             // of these, those that were chosen
  for (bool last = request.count == 0; !last;) {
    int32_t token = sampler.sample(session->logitsRow(right),
                                   fpmoe_model.vocabulary, state);
    if (token < 0)
      return noToken(token, state.length() - 1);
    result.ended = contains(request.sampling.sampler.ends, token) ||
                   contains(request.stopTokens, token);
    if (result.ended)
      break;
    result.tokens.push_back(token);
    state.tokens.push_back(token);
    result.stopped = request.stops && request.stops->push(token);
    int64_t toCome = request.count - state.generated();
    last = result.stopped || toCome == 0;
    if (!events.onToken(token) || interrupted() ||
        state.length() > fpmoe_model.context)
      break;
    // The last token is fed only for those who want to know its routes.
    if (last && !session->hasRoutes())
      break;
    if (right < guesses.size() && token == guesses[right]) {
      ++right;
      if (request.languages)
        request.languages->next({token});
    } else {
      if (!guesses.empty()) {
        guesser.learn(guesses.size(), right);
        session->rewind(session->position() - (guesses.size() - right));
      }
      // Huge pages save at least a tenth of each token to come.
      if (stepSeconds > 0)
        engine.weights->continueCopy(*engine.team, stepSeconds / 4,
                                     stepSeconds / 10 * toCome);
      double stepStart = seconds();
      Status status = feed(token, state, guesses);
      stepSeconds = seconds() - stepStart;
      right = 0;
      if (status.failed())
        return status;
    }
    if (!events.onFed(token, state.length() - 1))
      return Status::success();
  }
  return Status::success();
}
