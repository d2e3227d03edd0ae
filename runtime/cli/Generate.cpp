//===- Generate.cpp - the command generate ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Streams the continuation of a prompt to the standard output, plain or with
// the expert that took each token.
//
//===----------------------------------------------------------------------===//

#include "runtime/cli/Commands.h"
#include "runtime/cli/Console.h"
#include "runtime/cli/Generation.h"

#include <cstdio>
#include <unistd.h>

using namespace fpmoe;

static const char details[] =
    "Writes the text that follows the prompt, as it is made. It ends after -n\n"
    "tokens, where the model ends it, or with Ctrl-C.";

static const char examples[] =
    "  PROGRAM generate -p 'fibonacci :: Int -> Integer' -n 64\n"
    "  PROGRAM generate --prompt-file Main.hs --temperature 0.8 --seed 1\n"
    "  PROGRAM generate -p 'let rec map f = ' --language ocaml\n"
    "  PROGRAM generate -p 'object Main {' --show-experts --echo\n"
    "  git show HEAD:Main.hs | PROGRAM generate --prompt-file -\n";

namespace {
/// Writes pieces of text, each after the expert that took it.
class ExpertPrinter {
public:
  explicit ExpertPrinter(bool colour) : colour(colour) {}

  void legend() const {
    if (!colour)
      return;
    std::string line;
    for (int32_t i = 0; i < fpmoe_model.experts; ++i)
      line += (i ? "  " : "") + start(i) + expertName(i) + "\033[0m";
    print(line + "\n\n");
  }

  void piece(const std::string &text, int32_t expert) {
    if (text.empty())
      return;
    if (colour) {
      print(start(expert) + text + "\033[0m");
      return;
    }
    if (first || expert != last)
      print("[" + (expert < 0 ? std::string("none") : expertName(expert)) +
            "]");
    first = false;
    last = expert;
    print(text);
  }

private:
  static std::string start(int32_t expert) {
    // Colours that stand out on light and dark backgrounds alike.
    static constexpr int palette[] = {135, 208, 36, 33, 198, 142, 80, 172};
    if (expert < 0)
      return "\033[0m";
    return format("\033[38;5;%dm", palette[expert % 8]);
  }

  bool colour, first = true;
  int32_t last = -1;
};
} // namespace

static void printSummary(const Request &request, const Generation &made) {
  auto rate = [](size_t tokens, double seconds) {
    return seconds > 0 ? tokens / seconds : 0;
  };
  fprintf(stderr,
          "%zu prompt tokens in %.2f s (%.1f tokens/s), %zu tokens in %.2f s "
          "(%.1f tokens/s)%s\n",
          request.prompt.size(), made.prefillSeconds,
          rate(request.prompt.size(), made.prefillSeconds), made.tokens.size(),
          made.decodeSeconds, rate(made.tokens.size(), made.decodeSeconds),
          made.ended ? ", ended by the model" : "");
}

int fpmoe::runGenerate(const std::string &program, int count,
                       char **arguments) {
  Arguments options(program + " generate", "Continues a text.", details,
                    examples);
  Request request;
  Engine engine;
  bool ids = false, echo = false, showExperts = false, verbose = false;
  std::string colour = "auto";
  request.declare(options, 128);
  options.flag(echo, "--echo", "write the prompt too");
  options.flag(ids, "--ids", "write token ids instead of text");
  options.flag(showExperts, "--show-experts",
               "show which expert took which token, by colour or, where the\n"
               "output is no terminal, as [name]");
  options.choice(colour, "--color", {"auto", "always", "never"},
                 "colours of --show-experts (default: auto; NO_COLOR is "
                 "respected)");
  options.flag(verbose, "--verbose", "write speed to the standard error");
  engine.declare(options);
  Status status = options.parse(count, arguments);
  if (options.helpWanted())
    return showHelp(options.helpText());
  if (!status.failed())
    status = request.check(options);
  if (status.failed())
    return misuse(status);

  Text text;
  status = text.open();
  if (!status.failed())
    status = request.resolve(options, text);
  if (!status.failed() && showExperts && fpmoe_model.top_k == 0)
    status = Status::error("--show-experts: this program has no router, every "
                           "token takes the same way");
  if (!status.failed())
    status = engine.open();
  SessionOptions sessionOptions;
  sessionOptions.positions = positionsFor(request);
  sessionOptions.language = request.language;
  sessionOptions.recordRoutes = showExperts;
  std::unique_ptr<Session> session;
  if (!status.failed())
    status = Session::create(fpmoe_model, *engine.team, *engine.weights,
                             sessionOptions, session);
  if (status.failed())
    return fail(status);

  // The decoder sees the prompt too: some drop the blank before a text, which
  // the continuation does not begin.
  Text::Stream stream(text, ids);
  ExpertPrinter experts(wantsColour(colour));
  GenerationEvents events;
  events.onPrompt = [&] {
    if (showExperts)
      experts.legend();
    for (size_t i = 0; i < request.prompt.size(); ++i) {
      if (!echo)
        stream.skip(request.prompt[i]);
      else if (showExperts)
        experts.piece(stream.push(request.prompt[i]),
                      mainExpert(session->routesOf(i)));
      else
        print(stream.push(request.prompt[i]));
    }
    return flush();
  };
  events.onToken = [&](int32_t token) {
    if (!showExperts)
      print(stream.push(token));
    return flush();
  };
  int32_t lastExpert = -1;
  events.onFed = [&](int32_t token, int64_t position) {
    if (showExperts) {
      lastExpert = mainExpert(session->routesOf(position));
      experts.piece(stream.push(token), lastExpert);
    }
    return flush();
  };
  Generation made;
  status = generate(engine, *session, request, events, made);
  std::string rest = stream.finish();
  if (showExperts)
    experts.piece(rest, lastExpert);
  else
    print(rest);
  if (!made.tokens.empty() || echo)
    print("\n");
  if (status.failed())
    return fail(status);
  if (flush() &&
      (verbose || (isTerminal(STDOUT_FILENO) && isTerminal(STDERR_FILENO))))
    printSummary(request, made);
  return interrupted() ? exitInterrupted : exitSuccess;
}
