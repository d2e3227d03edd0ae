//===- Arguments.cpp - options of a command ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every option is taken as --name=value and as --name value; the next argument
// is the value even when it begins with a dash, as a prompt may.
//
//===----------------------------------------------------------------------===//

#include "runtime/cli/Arguments.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>

using namespace fpmoe;

bool fpmoe::parseInteger(const std::string &text, int64_t &value) {
  if (text.empty() ||
      text.find_first_not_of("0123456789", text[0] == '-') != std::string::npos)
    return false;
  errno = 0;
  char *end;
  long long parsed = strtoll(text.c_str(), &end, 10);
  if (errno || end != text.c_str() + text.size() || text == "-")
    return false;
  value = parsed;
  return true;
}

bool fpmoe::parseNumber(const std::string &text, double &value) {
  if (text.empty() ||
      text.find_first_not_of("0123456789.eE+-") != std::string::npos)
    return false;
  char *end;
  double parsed = strtod(text.c_str(), &end);
  if (end != text.c_str() + text.size() || !std::isfinite(parsed))
    return false;
  value = parsed;
  return true;
}

/// The number of letters to insert, remove, change or swap with a neighbour.
static size_t distance(const std::string &a, const std::string &b) {
  std::vector<std::vector<size_t>> cost(a.size() + 1,
                                        std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i)
    for (size_t j = 0; j <= b.size(); ++j) {
      if (!i || !j) {
        cost[i][j] = i + j;
        continue;
      }
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1,
                             cost[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  return cost[a.size()][b.size()];
}

std::string fpmoe::closest(const std::string &word,
                           const std::vector<std::string> &candidates) {
  std::string best;
  size_t least = std::max<size_t>(word.size() / 3, 1) + 1;
  for (const std::string &candidate : candidates) {
    bool begins =
        word.size() > 3 && candidate.compare(0, word.size(), word) == 0;
    size_t steps = word.size() > 64 ? least
                   : begins         ? 1
                                    : distance(word, candidate);
    if (steps < least) {
      least = steps;
      best = candidate;
    }
  }
  return best;
}

Arguments::Arguments(std::string command, std::string summary,
                     std::string details, std::string examples)
    : command(std::move(command)), summary(std::move(summary)),
      details(std::move(details)), examples(std::move(examples)) {
  add("--help", "-h", "", "show this text", Option::none,
      [this](const std::string &) {
        help = true;
        return Status::success();
      });
}

void Arguments::add(const char *name, const char *shortName,
                    std::string meaning, std::string text,
                    Option::Value takesValue,
                    std::function<Status(const std::string &)> set) {
  options.push_back({name, shortName, std::move(meaning), std::move(text),
                     takesValue, false, std::move(set)});
}

void Arguments::flag(bool &value, const char *name, const char *text) {
  add(name, "", "", text, Option::none, [&value](const std::string &) {
    value = true;
    return Status::success();
  });
}

void Arguments::text(std::string &value, const char *name, const char *meaning,
                     const char *text, const char *shortName) {
  add(name, shortName, meaning, text, Option::needed,
      [&value](const std::string &given) {
        value = given;
        return Status::success();
      });
}

void Arguments::optionalText(bool &isGiven, std::string &value,
                             const char *name, const char *meaning,
                             const char *text) {
  add(name, "", meaning, text, Option::optional,
      [&isGiven, &value](const std::string &given) {
        isGiven = true;
        value = given;
        return Status::success();
      });
}

void Arguments::texts(std::vector<std::string> &values, const char *name,
                      const char *meaning, const char *text) {
  add(name, "", meaning, text, Option::needed,
      [&values](const std::string &given) {
        values.push_back(given);
        return Status::success();
      });
}

void Arguments::integer(int64_t &value, const char *name, int64_t least,
                        int64_t most, const char *text, const char *shortName) {
  std::string option = name;
  add(name, shortName, "N", text, Option::needed,
      [&value, least, most, option](const std::string &given) {
        if (parseInteger(given, value) && value >= least && value <= most)
          return Status::success();
        return Status::error(
            format("%s is '%s', it has to be a whole number from %lld to %lld",
                   option.c_str(), given.c_str(), static_cast<long long>(least),
                   static_cast<long long>(most)));
      });
}

void Arguments::number(double &value, const char *name, double least,
                       double most, const char *text) {
  std::string option = name;
  add(name, "", "X", text, Option::needed,
      [&value, least, most, option](const std::string &given) {
        if (parseNumber(given, value) && value >= least && value <= most)
          return Status::success();
        return Status::error(format("%s is '%s', it has to be a number from "
                                    "%g to %g",
                                    option.c_str(), given.c_str(), least,
                                    most));
      });
}

void Arguments::choice(std::string &value, const char *name,
                       std::vector<std::string> choices, const char *text) {
  std::string option = name, listed;
  for (const std::string &each : choices)
    listed += (listed.empty() ? "" : "|") + each;
  add(name, "", listed, text, Option::needed,
      [&value, choices, option, listed](const std::string &given) {
        value = given;
        if (std::count(choices.begin(), choices.end(), given))
          return Status::success();
        return Status::error(format("%s is '%s', it has to be one of %s",
                                    option.c_str(), given.c_str(),
                                    listed.c_str()));
      });
}

void Arguments::positionals(std::vector<std::string> &values,
                            const char *meaning) {
  positionalValues = &values;
  positionalMeaning = meaning;
}

Arguments::Option *Arguments::find(const std::string &name) {
  for (Option &option : options)
    if (option.name == name ||
        (!option.shortName.empty() && option.shortName == name))
      return &option;
  return nullptr;
}

bool Arguments::given(const std::string &name) const {
  for (const Option &option : options)
    if (option.name == name)
      return option.given;
  return false;
}

Status Arguments::parse(int count, char **arguments) {
  Status status = parseAll(count, arguments);
  return status.failed() || help || !afterwards ? status : afterwards();
}

Status Arguments::parseAll(int count, char **arguments) {
  bool onlyFiles = false;
  for (int i = 0; i < count; ++i) {
    std::string argument = arguments[i];
    if (argument == "--" && !onlyFiles) {
      onlyFiles = true;
      continue;
    }
    if (onlyFiles || argument.size() < 2 || argument[0] != '-') {
      if (!positionalValues)
        return Status::error(format("unexpected argument '%s'; see '%s --help'",
                                    argument.c_str(), command.c_str()));
      positionalValues->push_back(argument);
      continue;
    }
    size_t equals = argument.find('=');
    std::string name = argument.substr(0, equals);
    Option *option = find(name);
    if (!option) {
      std::vector<std::string> names;
      for (const Option &each : options)
        names.push_back(each.name);
      std::string hint = closest(name, names);
      return Status::error(format(
          "unknown option '%s'%s; see '%s --help'", name.c_str(),
          hint.empty() ? "" : (" (did you mean '" + hint + "'?)").c_str(),
          command.c_str()));
    }
    std::string value;
    if (equals != std::string::npos) {
      if (option->takesValue == Option::none)
        return Status::error(format("%s takes no value", name.c_str()));
      value = argument.substr(equals + 1);
    } else if (option->takesValue == Option::needed) {
      if (i + 1 == count)
        return Status::error(format("%s needs a value: %s %s", name.c_str(),
                                    name.c_str(), option->meaning.c_str()));
      value = arguments[++i];
    }
    option->given = true;
    Status status = option->set(value);
    if (status.failed() || help)
      return status;
  }
  return Status::success();
}

std::string Arguments::programName() const {
  return command.substr(0, command.find(' '));
}

std::string Arguments::helpText() const {
  std::string text = summary + "\n\nUsage: " + command + " [options]";
  if (positionalValues)
    text += " " + positionalMeaning;
  text += "\n";
  if (!details.empty())
    text += "\n" + details + "\n";
  text += "\nOptions:\n";
  for (const Option &option : options) {
    std::string left = "  ";
    left += option.shortName.empty() ? "" : option.shortName + ", ";
    left += option.name;
    if (option.takesValue == Option::optional)
      left += "[=" + option.meaning + "]";
    else if (option.takesValue)
      left += " " + option.meaning;
    left.resize(std::max<size_t>(left.size() + 2, 28), ' ');
    // Continuation lines of a longer help stand under its first line.
    std::string body = option.help;
    for (size_t at = 0; (at = body.find('\n', at)) != std::string::npos;)
      body.insert(++at, 28, ' ');
    text += left + body + "\n";
  }
  if (examples.empty())
    return text;
  std::string filled = examples;
  for (size_t at = 0; (at = filled.find("PROGRAM", at)) != std::string::npos;)
    filled.replace(at, 7, programName());
  return text + "\nExamples:\n" + filled;
}
