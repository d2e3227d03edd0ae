//===- Main.cpp - the compiled program starts here ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Chooses the code that this CPU runs, or refuses it, before any of it runs;
// then calls the command.
//
//===----------------------------------------------------------------------===//

#include "include/fpmoe/runtime/abi.h"
#include "runtime/cli/Arguments.h"
#include "runtime/cli/Commands.h"
#include "runtime/cli/Console.h"
#include "runtime/cli/Engine.h"

#include <cstdio>

using namespace fpmoe;

namespace {
struct Command {
  const char *name;
  int (*run)(const std::string &program, int count, char **arguments);
  const char *summary;
};
} // namespace

static constexpr Command commands[] = {
    {"generate", runGenerate, "continue a text"},
    {"complete", runComplete, "fill in the middle of a text"},
    {"serve", runServe, "answer editors and tools over HTTP"},
    {"score", runScore,
     "log-probabilities and perplexity of a text, or logits"},
    {"bench", runBench, "measure speed beside this machine's limits"},
    {"info", runInfo, "what this program contains"},
    {"trace", runTrace, "draw which expert took which token, as a web page"},
};

static std::string helpText(const std::string &program) {
  std::string text =
      format("%s: the model %s as one program, made by %s.\n\n"
             "Usage: %s COMMAND [options]\n\nCommands:\n",
             program.c_str(), printable(fpmoe_model.name).c_str(),
             fpmoe_model.compiler, program.c_str());
  for (const Command &command : commands)
    text += format("  %-10s %s\n", command.name, command.summary);
  return text + format("\n'%s COMMAND --help' explains a command.\n\n"
                       "Examples:\n"
                       "  %s generate -p 'main = '\n"
                       "  %s info\n",
                       program.c_str(), program.c_str(), program.c_str());
}

/// Runs a command on what this machine has, or prints its help.
static int run(const Command &command, const std::string &program, int count,
               char **arguments) {
  std::string first = count > 0 ? arguments[0] : "";
  if (first == "--help" || first == "-h") {
    assumeLevel();
    return command.run(program, count, arguments);
  }
  Status status = chooseLevel();
  if (status.failed()) {
    if (fpmoe_model.ranks > 1)
      muteErrors(findLaunch().localRank > 0); // it is of this machine
    return fail(status.message());
  }
  if (!whyNoGpu().empty() && fpmoe_model.ranks <= 1)
    note(format("%s runs the model, not a GPU: %s", usedLevel().name,
                whyNoGpu().c_str()));
  return command.run(program, count, arguments);
}

int main(int count, char **arguments) {
  prepareConsole();
  if (fpmoe_model.magic != FPMOE_MAGIC ||
      fpmoe_model.abi_version != FPMOE_ABI_VERSION)
    return fail(format("this program is put together wrongly: its model has "
                       "format %u, its runtime %u",
                       fpmoe_model.abi_version, FPMOE_ABI_VERSION));
  // All ranks have the same arguments.
  muteErrors(fpmoe_model.ranks > 1 && findLaunch().rank > 0);
  std::string program = count > 0 ? arguments[0] : "program";
  program = printable(program.substr(program.rfind('/') + 1));
  std::string name = count > 1 ? arguments[1] : "";
  if (name == "help" && count > 2 && arguments[2][0] != '-') {
    // "help COMMAND" is "COMMAND --help".
    static char help[] = "--help";
    name = arguments[2];
    arguments[2] = help;
  }
  for (const Command &command : commands)
    if (name == command.name) {
      int code = finish(run(command, program, count - 2, arguments + 2));
      leaveRanks(code);
      return code;
    }
  if (name == "help" || name == "--help" || name == "-h") {
    print(helpText(program));
    return finish(exitSuccess);
  }
  if (name.empty()) {
    fprintf(stderr, "%s", helpText(program).c_str());
    return exitUsage;
  }
  std::vector<std::string> names;
  for (const Command &command : commands)
    names.push_back(command.name);
  std::string hint = closest(name, names);
  fail(format("unknown command '%s'%s; see '%s --help'", name.c_str(),
              hint.empty() ? "" : (" (did you mean '" + hint + "'?)").c_str(),
              program.c_str()));
  return exitUsage;
}
