//===- Trace.cpp - the command trace ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Generates as `generate` does, records which expert took which token in every
// layer, and writes a web page that shows it.
//
//===----------------------------------------------------------------------===//

#include "runtime/cli/Commands.h"
#include "runtime/cli/Console.h"
#include "runtime/cli/Generation.h"
#include "runtime/cli/Json.h"
#include "runtime/cli/OutputFile.h"
#include "runtime/cli/TracePage.h"

using namespace fpmoe;

static const char details[] =
    "Continues the prompt and writes a web page: the text coloured by expert,\n"
    "the experts of every layer, and totals. The page needs no other file.";

static const char examples[] =
    "  PROGRAM trace -p 'fibonacci :: Int -> Integer' -o trace.html\n"
    "  PROGRAM trace --prompt-file Main.scala -n 0 -o trace.html\n";

/// Writes the tokens that were fed, with their text and their experts.
static Status writeTokens(JsonWriter &json, const Text &text,
                          const Session &session,
                          const std::vector<int32_t> &tokens) {
  Text::Stream stream(text, /*asIds=*/false);
  json.key("tokens");
  json.beginArray(/*inOneLine=*/false);
  for (size_t i = 0; i < tokens.size(); ++i) {
    std::string piece = stream.push(tokens[i]);
    if (i + 1 == tokens.size())
      piece += stream.finish();
    json.beginArray();
    json.value(int64_t(tokens[i]));
    json.value(piece);
    json.value(text.describe(tokens[i]));
    const int32_t *routes = session.routesOf(i);
    json.value(int64_t(mainExpert(routes)));
    json.beginArray();
    for (int64_t j = 0; j < fpmoe_model.layers * fpmoe_model.top_k; ++j)
      json.value(int64_t(routes[j]));
    json.endArray();
    json.endArray();
  }
  json.endArray();
  return stream.status();
}

static Status pageData(const Continuation &continuation,
                       const std::vector<int32_t> &tokens, std::string &data) {
  const Request &request = continuation.request;
  JsonWriter json;
  json.beginObject();
  json.value("model", fpmoe_model.name);
  json.value("target", usedTarget());
  json.value("compiler", fpmoe_model.compiler);
  json.value("layers", fpmoe_model.layers);
  json.value("topK", fpmoe_model.top_k);
  json.key("experts");
  json.beginArray();
  for (int64_t i = 0; i < fpmoe_model.experts; ++i)
    json.value(expertName(i));
  json.endArray();
  json.value("language", request.language < 0 ? std::string()
                                              : expertName(request.language));
  json.value("promptTokens", int64_t(request.prompt.size()));
  Status status =
      writeTokens(json, continuation.text, *continuation.session, tokens);
  json.endObject();
  data = json.take();
  return status;
}

int fpmoe::runTrace(const std::string &program, int count, char **arguments) {
  Arguments options(program + " trace",
                    "Draws which expert took which token, as a web page.",
                    details, examples);
  Continuation continuation;
  std::string outputFile;
  options.text(outputFile, "--output", "FILE", "the page to write", "-o");
  continuation.declare(options);
  Status status = options.parse(count, arguments);
  if (options.helpWanted())
    return showHelp(options.helpText());
  if (!status.failed() && outputFile.empty())
    status = Status::error("the page needs a name: give one with -o FILE");
  Request &request = continuation.request;
  if (!status.failed())
    status = request.check(options);
  if (status.failed())
    return misuse(status);

  if (fpmoe_model.top_k == 0)
    return fail("trace: this program has no router, every token takes the "
                "same way");
  OutputFile output;
  status = output.open(
      outputFile, {request.getPromptFile(), continuation.engine.weightsPath()});
  if (!status.failed())
    status = continuation.open(options, /*recordRoutes=*/true);
  if (status.failed())
    return fail(status);

  // Ctrl-C ends the text early; what is there is drawn.
  std::vector<int32_t> tokens;
  GenerationEvents events;
  events.onPrompt = [&] {
    tokens = request.prompt;
    return true;
  };
  events.onToken = [](int32_t) { return true; };
  events.onFed = [&](int32_t token, int64_t) {
    tokens.push_back(token);
    return true;
  };
  Generation made;
  status = continuation.run(events, made);
  if (!status.failed() && tokens.empty())
    return exitInterrupted;
  std::string data;
  if (!status.failed())
    status = pageData(continuation, tokens, data);
  for (const std::string &part :
       {std::string(tracePageHead), data, std::string(tracePageTail)})
    if (!status.failed())
      status = output.write(part.data(), part.size());
  if (!status.failed())
    status = output.commit();
  if (status.failed())
    return fail(status);
  return interrupted() ? exitInterrupted : exitSuccess;
}
