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
#include <sys/random.h>

using namespace fpmoe;

void Request::declare(Arguments &arguments, int64_t defaultCount) {
  count = defaultCount;
  sampling.temperature = fpmoe_model.temperature;
  sampling.topP = fpmoe_model.top_p > 0 ? fpmoe_model.top_p : 1;
  sampling.topK = fpmoe_model.default_top_k;
  arguments.text(promptText, "--prompt", "TEXT", "text to continue", "-p");
  arguments.text(promptFile, "--prompt-file", "FILE",
                 "read the prompt from FILE; - is the standard input");
  arguments.text(promptIds, "--prompt-ids", "IDS",
                 "the prompt as token ids, separated by white space");
  arguments.integer(count, "--tokens", 0, int64_t(1) << 31,
                    format("most tokens to generate (default: %lld)",
                           static_cast<long long>(defaultCount))
                        .c_str(),
                    "-n");
  arguments.number(sampling.temperature, "--temperature", 0, 100,
                   format("0: always the most likely token; 1: as the model\n"
                          "weighs them (default: %g)",
                          sampling.temperature)
                       .c_str());
  arguments.integer(sampling.topK, "--top-k", 0, int64_t(1) << 31,
                    format("draw among the N most likely tokens, 0: all "
                           "(default: %lld)",
                           static_cast<long long>(sampling.topK))
                        .c_str());
  arguments.number(sampling.topP, "--top-p", 0, 1,
                   format("draw among the fewest tokens that have this share "
                          "of\nthe likelihood (default: %g)",
                          sampling.topP)
                       .c_str());
  arguments.integer(seed, "--seed", 0, INT64_MAX,
                    "the same seed draws the same text (default: another one\n"
                    "each time)");
  arguments.text(languageName, "--language", "NAME",
                 fpmoe_model.languages > 0
                     ? "use the adapter of this language for every token,\n"
                       "instead of following fences and names of files"
                     : "send every token to this expert, instead of asking the "
                       "router");
}

Status Request::check(const Arguments &arguments) const {
  int given = arguments.given("--prompt") + arguments.given("--prompt-file") +
              arguments.given("--prompt-ids");
  if (given != 1)
    return Status::error(
        given ? "give one prompt only: -p, --prompt-file or --prompt-ids"
              : "a prompt is missing: give one with -p TEXT, --prompt-file "
                "FILE or --prompt-ids IDS");
  return Status::success();
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
  sampling.seed = seed;
  if (!arguments.given("--seed") &&
      getrandom(&sampling.seed, sizeof(sampling.seed), GRND_NONBLOCK) < 0)
    sampling.seed = nanoseconds();
  return Status::success();
}

int64_t fpmoe::positionsFor(const Request &request) {
  return std::min<int64_t>(fpmoe_model.context,
                           request.prompt.size() + request.count);
}

static bool endsText(int32_t token) {
  const int32_t *first = fpmoe_model.eos_tokens;
  return std::count(first, first + fpmoe_model.eos_count, token) > 0;
}

Status fpmoe::generate(Engine &engine, Session &session, const Request &request,
                       const GenerationEvents &events, Generation &result) {
  double start = seconds();
  if (request.languages)
    request.languages->announce(session, request.prompt);
  Status status =
      session.feed(request.prompt.data(), request.prompt.size(), interrupted);
  result.prefillSeconds = seconds() - start;
  if (status.failed() || interrupted() || !events.onPrompt())
    return status;

  engine.weights->planCopy(engine.hugePagesChoice(), request.count);
  Sampler sampler(request.sampling);
  start = seconds();
  double stepSeconds = 0;
  while (static_cast<int64_t>(result.tokens.size()) < request.count) {
    int32_t token = sampler.sample(session.logits(), fpmoe_model.vocabulary);
    if (token < 0)
      return Status::error(
          format("the logits after token %lld are not numbers: the weights are "
                 "damaged, or too large for %s",
                 static_cast<long long>(session.position() - 1),
                 fpmoe_model.weight_format));
    result.ended = endsText(token);
    if (result.ended)
      break;
    result.tokens.push_back(token);
    if (!events.onToken(token) || interrupted() ||
        session.position() >= fpmoe_model.context)
      break;
    // The last token is fed only for those who want to know its routes.
    if (static_cast<int64_t>(result.tokens.size()) == request.count &&
        !session.hasRoutes())
      break;
    // Huge pages save at least a tenth of each token to come.
    int64_t toCome = request.count - result.tokens.size();
    if (stepSeconds > 0)
      engine.weights->continueCopy(*engine.team, stepSeconds / 4,
                                   stepSeconds / 10 * toCome);
    if (request.languages)
      request.languages->announce(session, {token});
    double stepStart = seconds();
    status = session.step(&token, 1, 0);
    stepSeconds = seconds() - stepStart;
    if (status.failed() || !events.onFed(token, session.position() - 1))
      break;
  }
  result.decodeSeconds = seconds() - start;
  return status;
}
