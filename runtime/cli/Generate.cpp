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
#include "runtime/serve/GenerateMany.h"

#include <algorithm>
#include <cstdio>
#include <deque>
#include <unistd.h>

using namespace fpmoe;

static const char details[] =
    "Writes the text that follows the prompt, as it is made. It ends after -n\n"
    "tokens, where the model ends it, before a --stop text, or with Ctrl-C.\n"
    "Defaults are those of the model's generation_config.json.";

static const char examples[] =
    "  PROGRAM generate -p 'fibonacci :: Int -> Integer' -n 64\n"
    "  PROGRAM generate --prompt-file Main.hs --temperature 0.8 --seed 1\n"
    "  PROGRAM generate -p 'let rec map f = ' --language ocaml\n"
    "  PROGRAM generate -p 'object Main {' --show-experts --echo\n"
    "  PROGRAM generate --prompts tasks.jsonl -n 256 > answers.jsonl\n"
    "  git show HEAD:Main.hs | PROGRAM generate --prompt-file -\n";

namespace {
/// Writes pieces of text, each with the expert that took it where that is
/// wanted. What is held back of them may turn out to be a stop string.
class PieceWriter {
public:
  PieceWriter(bool showExperts, bool colour)
      : showExperts(showExperts), colour(colour) {}

  void legend() const {
    if (!showExperts || !colour)
      return;
    std::string line;
    for (int32_t i = 0; i < fpmoe_model.experts; ++i)
      line += (i ? "  " : "") + start(i) + printable(expertName(i)) + "\033[0m";
    print(line + "\n\n");
  }

  /// Takes the next piece and writes all but the last `held` bytes.
  void piece(std::string text, int32_t expert, size_t held) {
    waitingBytes += text.size();
    waiting.push_back({std::move(text), expert});
    while (waitingBytes > held) {
      Piece &first = waiting.front();
      size_t now = std::min(first.text.size(), waitingBytes - held);
      write(first.text.substr(0, now), first.expert);
      waitingBytes -= now;
      first.text.erase(0, now);
      if (first.text.empty())
        waiting.pop_front();
    }
  }

private:
  struct Piece {
    std::string text;
    int32_t expert;
  };

  void write(const std::string &text, int32_t expert) {
    if (text.empty())
      return;
    if (!showExperts) {
      print(text);
      return;
    }
    if (colour) {
      print(start(expert) + text + "\033[0m");
      return;
    }
    if (isFirst || expert != last)
      print("[" + (expert < 0 ? "none" : printable(expertName(expert))) + "]");
    isFirst = false;
    last = expert;
    print(text);
  }

  static std::string start(int32_t expert) {
    // Colours that stand out on light and dark backgrounds alike.
    static constexpr int palette[] = {135, 208, 36, 33, 198, 142, 80, 172};
    if (expert < 0)
      return "\033[0m";
    return format("\033[38;5;%dm", palette[expert % 8]);
  }

  bool showExperts, colour, isFirst = true;
  int32_t last = -1;
  std::deque<Piece> waiting;
  size_t waitingBytes = 0;
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
          made.ended     ? ", ended by the model"
          : made.stopped ? ", ended by a stop string"
                         : "");
}

int fpmoe::runGenerate(const std::string &program, int count,
                       char **arguments) {
  Arguments options(program + " generate", "Continues a text.", details,
                    examples);
  Continuation continuation;
  std::string prompts;
  int64_t sequences = 8;
  bool ids = false, echo = false, showExperts = false, verbose = false;
  std::string colour = "auto";
  continuation.declare(options);
  options.text(prompts, "--prompts", "FILE",
               "continue many prompts, several at a time: each line of FILE\n"
               "(- is the standard input) is a JSON object with a \"prompt\",\n"
               "a text or token ids, and maybe \"max_tokens\", or a text\n"
               "alone. Writes the objects with a \"completion\", in order");
  options.integer(sequences, "--sequences", 1, 512,
                  "texts of --prompts that are made at a time (default: 8)");
  options.flag(echo, "--echo", "write the prompt too");
  options.flag(ids, "--ids",
               "write token ids instead of text; those of a --stop text are\n"
               "among them");
  options.flag(showExperts, "--show-experts",
               "show which expert took which token, by colour or, where the\n"
               "output is no terminal, as [name]");
  options.choice(colour, "--color", {"auto", "always", "never"},
                 "colours of --show-experts (default: auto; NO_COLOR is "
                 "respected)");
  options.flag(verbose, "--verbose", "write speed to the standard error");
  Status status = options.parse(count, arguments);
  if (options.helpWanted())
    return showHelp(options.helpText());
  Request &request = continuation.request;
  if (!status.failed())
    status = request.check(options, /*needsPrompt=*/prompts.empty());
  for (const char *name : {"--echo", "--ids", "--show-experts"})
    if (!status.failed() && !prompts.empty() && options.given(name))
      status = Status::error(std::string(name) + " is of one prompt, not of "
                                                 "--prompts");
  if (status.failed())
    return misuse(status);
  if (!prompts.empty())
    return generateMany(prompts, sequences, request, continuation.engine);

  if (showExperts && fpmoe_model.top_k == 0)
    return fail("--show-experts: this program has no router, every token takes "
                "the same way");
  status = continuation.open(options, /*recordRoutes=*/showExperts);
  if (status.failed())
    return fail(status);

  // The decoder sees the prompt too: some drop the blank before a text, which
  // the continuation does not begin.
  Text::Stream stream(continuation.text, ids);
  PieceWriter writer(showExperts, wantsColour(colour));
  auto expertAt = [&](int64_t position) {
    return showExperts ? mainExpert(continuation.session->routesOf(position))
                       : -1;
  };
  auto held = [&] { return request.stops && !ids ? request.stops->held() : 0; };
  GenerationEvents events;
  events.onPrompt = [&] {
    writer.legend();
    for (size_t i = 0; i < request.prompt.size(); ++i)
      if (echo)
        writer.piece(stream.push(request.prompt[i]), expertAt(i), 0);
      else
        stream.skip(request.prompt[i]);
    return flush();
  };
  events.onToken = [&](int32_t token) {
    if (!showExperts)
      writer.piece(stream.push(token), -1, held());
    return flush() && !stream.status().failed();
  };
  int32_t lastExpert = -1;
  events.onFed = [&](int32_t token, int64_t position) {
    if (showExperts) {
      lastExpert = expertAt(position);
      writer.piece(stream.push(token), lastExpert, held());
    }
    return flush() && !stream.status().failed();
  };
  Generation made;
  status = continuation.run(events, made);
  std::string rest = stream.finish();
  if (!status.failed())
    status = stream.status();
  if (!made.stopped)
    writer.piece(rest, lastExpert, 0);
  if (!made.tokens.empty() || echo)
    print("\n");
  if (status.failed())
    return fail(status);
  if (flush() &&
      (verbose || (isTerminal(STDOUT_FILENO) && isTerminal(STDERR_FILENO))))
    printSummary(request, made);
  return interrupted() ? exitInterrupted : exitSuccess;
}
