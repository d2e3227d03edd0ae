//===- Complete.cpp - the command complete ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/cli/Commands.h"
#include "runtime/cli/Console.h"
#include "runtime/cli/Engine.h"
#include "runtime/cli/SamplingArguments.h"
#include "runtime/serve/Completion.h"
#include "runtime/serve/FillIn.h"

using namespace fpmoe;

static const char details[] =
    "Writes what belongs between two texts, or at a place in a file: fill-in-\n"
    "the-middle, for models that were trained for it. Only the middle is\n"
    "written. Where the texts are too long for the context, what is farthest\n"
    "from the middle is left out.";

static const char examples[] =
    "  PROGRAM complete --file Main.hs --at 12:5\n"
    "  PROGRAM complete --prefix-file before.txt --suffix-file after.txt\n"
    "  printf 'let x = ' | PROGRAM complete --prefix-file - -n 16\n";

namespace {

struct Place {
  std::string file, at, prefixFile, suffixFile;

  void declare(Arguments &arguments) {
    arguments.text(file, "--file", "FILE",
                   "the file to complete; - is the standard input");
    arguments.text(
        at, "--at", "LINE:COLUMN",
        "where in --file, both from 1 on; a column counts characters,\n"
        "and one behind the last is the end of the line");
    arguments.text(prefixFile, "--prefix-file", "FILE",
                   "the text before the middle; - is the standard input");
    arguments.text(suffixFile, "--suffix-file", "FILE",
                   "the text behind the middle (default: none)");
  }
  Status check(const Arguments &arguments) const;
  Status read(std::string &before, std::string &behind) const;
};

} // namespace

static bool parsePlace(const std::string &given, int64_t &line,
                       int64_t &column) {
  size_t colon = given.find(':');
  return colon != std::string::npos &&
         parseInteger(given.substr(0, colon), line) &&
         parseInteger(given.substr(colon + 1), column) && line > 0 &&
         column > 0;
}

Status Place::check(const Arguments &arguments) const {
  bool hasFile = arguments.given("--file"), hasAt = arguments.given("--at");
  bool hasPrefix = arguments.given("--prefix-file");
  if (hasFile == hasPrefix)
    return Status::error(
        hasFile ? "give a --file or a --prefix-file, but not both"
                : "a place is missing: give --file FILE --at LINE:COLUMN, or "
                  "--prefix-file FILE");
  if (hasFile != hasAt)
    return Status::error(hasFile ? "--file needs --at LINE:COLUMN"
                                 : "--at is a place in a --file");
  if (hasFile && arguments.given("--suffix-file"))
    return Status::error("--suffix-file goes with --prefix-file, a --file has "
                         "its own text behind the place");
  int64_t line, column;
  if (hasAt && !parsePlace(at, line, column))
    return Status::error(format("--at is '%s', it has to be LINE:COLUMN, both "
                                "from 1 on",
                                at.c_str()));
  return Status::success();
}

Status Place::read(std::string &before, std::string &behind) const {
  if (file.empty()) {
    Status status = readFile(prefixFile, before);
    return status.failed() || suffixFile.empty() ? status
                                                 : readFile(suffixFile, behind);
  }
  std::string text;
  Status status = readFile(file, text);
  if (status.failed())
    return status;
  int64_t line, column, lines = 1;
  parsePlace(at, line, column);
  size_t offset = 0;
  for (; lines < line; ++lines) {
    size_t end = text.find('\n', offset);
    if (end == std::string::npos)
      return Status::error(format("--at is '%s', but %s has %lld lines",
                                  at.c_str(), file.c_str(),
                                  static_cast<long long>(lines)));
    offset = end + 1;
  }
  for (int64_t left = column - 1; left > 0; --left) {
    if (offset >= text.size() || text[offset] == '\n')
      return Status::error(
          format("--at is '%s', but line %lld of %s has %lld characters",
                 at.c_str(), static_cast<long long>(line), file.c_str(),
                 static_cast<long long>(column - 1 - left)));
    // The next byte that begins a character.
    do
      ++offset;
    while (offset < text.size() && (text[offset] & 0xc0) == 0x80);
  }
  before = text.substr(0, offset);
  behind = text.substr(offset);
  return Status::success();
}

int fpmoe::runComplete(const std::string &program, int count,
                       char **arguments) {
  Arguments options(program + " complete", "Fills in the middle of a text.",
                    details, examples);
  Place place;
  Engine engine;
  SamplingArguments sampling;
  int64_t most = 128;
  place.declare(options);
  options.integer(most, "--tokens", 0, int64_t(1) << 31,
                  "most tokens to write (default: 128)", "-n");
  sampling.declare(options);
  engine.declare(options);
  Status status = options.parse(count, arguments);
  if (options.helpWanted())
    return showHelp(options.helpText());
  if (!status.failed())
    status = place.check(options);
  if (!status.failed())
    status = sampling.check(options);
  if (status.failed())
    return misuse(status);

  Text text;
  std::string before, behind;
  status = text.open();
  FillIn fillIn(text);
  std::vector<int32_t> prompt;
  int64_t room = fpmoe_model.context;
  if (!status.failed())
    status = place.read(before, behind);
  if (!status.failed())
    status = fillIn.encode(before, behind, {}, room - std::min(most, room / 4),
                           prompt);
  if (!status.failed())
    status = engine.open();
  if (status.failed())
    return fail(status);

  CompletionOptions wanted;
  wanted.sampler = sampling.sampler;
  wanted.maxTokens = std::min<int64_t>(most, room + 1 - prompt.size());
  wanted.sampler.maxTokens = wanted.maxTokens;
  for (const std::string &stop : sampling.stops)
    wanted.addStop(text, stop);
  wanted.stopTokens.insert(wanted.stopTokens.end(), fillIn.ends().begin(),
                           fillIn.ends().end());
  wanted.file = place.file;
  SchedulerOptions memory;
  memory.sequences = 1;
  std::unique_ptr<Scheduler> scheduler;
  status = Scheduler::create(fpmoe_model, usedLevel(), *engine.team,
                             *engine.weights, memory, scheduler);
  if (status.failed())
    return fail(status);
  Completion completion(text, std::move(prompt), std::move(wanted));
  completion.drafts = 7;
  bool isBroken = false;
  completion.onPiece = [&](Completion::Piece piece) {
    isBroken = !print(piece.text) || !flush();
  };
  completion.onDone = [&](Completion::Reason reason) {
    if (reason == Completion::Reason::error)
      status = completion.status();
  };
  Status added = scheduler->add(completion);
  if (added.failed())
    return fail(added);
  while (!isBroken && !interrupted() && scheduler->step())
    ;
  if (status.failed())
    return fail(status);
  return interrupted() ? exitInterrupted : exitSuccess;
}
