//===- Arguments.h - options of a command ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each command declares its options once, bound to variables; parsing, range
// checks, hints for misspelt names and the help text follow from that.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CLI_ARGUMENTS_H
#define FPMOE_RUNTIME_CLI_ARGUMENTS_H

#include "runtime/core/Status.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace fpmoe {

/// Reads a whole decimal integer or number; false for anything else, such as
/// a number followed by text, or one that does not fit.
bool parseInteger(const std::string &text, int64_t &value);
bool parseNumber(const std::string &text, double &value);

/// Returns the candidate that `word` is most likely a misspelling of, "" when
/// none is close.
std::string closest(const std::string &word,
                    const std::vector<std::string> &candidates);

class Arguments {
public:
  /// `command` as typed, "program generate"; `examples` stand at the end of
  /// the help, in which "PROGRAM" is replaced by the program's name.
  Arguments(std::string command, std::string summary, std::string details,
            std::string examples);

  /// Names carry their dashes; `shortName` may be empty. A default is what
  /// the variable holds at the declaration.
  void flag(bool &value, const char *name, const char *help);
  void text(std::string &value, const char *name, const char *meaning,
            const char *help, const char *shortName = "");
  /// An option that may stand alone or have a value, --name=value.
  void optionalText(bool &isGiven, std::string &value, const char *name,
                    const char *meaning, const char *help);
  /// An option that may be given again, each time with another value.
  void texts(std::vector<std::string> &values, const char *name,
             const char *meaning, const char *help);
  void integer(int64_t &value, const char *name, int64_t least, int64_t most,
               const char *help, const char *shortName = "");
  void number(double &value, const char *name, double least, double most,
              const char *help);
  void choice(std::string &value, const char *name,
              std::vector<std::string> choices, const char *help);
  /// Arguments that are not options; refused when this is not declared.
  void positionals(std::vector<std::string> &values, const char *meaning);

  /// Is called when all is parsed, and no help is wanted. Its error is one of
  /// usage, too.
  void whenParsed(std::function<Status()> function) {
    afterwards = std::move(function);
  }

  /// Sets the variables. The error is one of usage.
  Status parse(int count, char **arguments);

  /// The command as typed, "program generate".
  const std::string &name() const { return command; }
  /// Help was asked for: the other arguments may be incomplete.
  bool helpWanted() const { return help; }
  std::string helpText() const;
  /// True when the option was on the command line.
  bool given(const std::string &name) const;

private:
  struct Option {
    std::string name, shortName, meaning, help;
    enum Value { none, optional, needed } takesValue;
    bool given;
    std::function<Status(const std::string &)> set;
  };
  void add(const char *name, const char *shortName, std::string meaning,
           std::string help, Option::Value takesValue,
           std::function<Status(const std::string &)> set);
  Status parseAll(int count, char **arguments);
  Option *find(const std::string &name);
  std::string programName() const;

  std::string command, summary, details, examples, positionalMeaning;
  std::vector<std::string> *positionalValues = nullptr;
  std::vector<Option> options;
  std::function<Status()> afterwards;
  bool help = false;
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CLI_ARGUMENTS_H
