//===- ArgumentsTest.cpp - tests of the option parser ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Both spellings of every kind of option, ranges, and messages.
//
//===----------------------------------------------------------------------===//

#include "runtime/cli/Arguments.h"

#include <gtest/gtest.h>

using namespace fpmoe;

namespace {
struct Parsed {
  bool flag = false;
  std::string text = "default", choice = "auto";
  int64_t integer = 5;
  double number = 0.5;
  std::vector<std::string> files;
  std::string error;
  bool help = false, textGiven = false;
};
} // namespace

static Parsed parse(std::vector<std::string> words, bool files = false) {
  Parsed parsed;
  Arguments arguments("prog cmd", "Does.", "", "  PROGRAM cmd\n");
  arguments.flag(parsed.flag, "--flag", "a flag");
  arguments.text(parsed.text, "--text", "TEXT", "a text", "-p");
  arguments.integer(parsed.integer, "--integer", -3, 10, "one\ntwo", "-n");
  arguments.number(parsed.number, "--number", 0, 1, "a number");
  arguments.choice(parsed.choice, "--choice", {"auto", "on"}, "a choice");
  if (files)
    arguments.positionals(parsed.files, "FILE...");
  std::vector<char *> pointers;
  for (std::string &word : words)
    pointers.push_back(&word[0]);
  parsed.error = arguments.parse(pointers.size(), pointers.data()).message();
  parsed.help = arguments.helpWanted();
  parsed.textGiven = arguments.given("--text");
  return parsed;
}

TEST(ArgumentsTest, bothSpellings) {
  for (const std::vector<std::string> &words :
       {std::vector<std::string>{"--text=x y", "--integer=-3", "--number=1",
                                 "--choice=on", "--flag"},
        {"--text", "x y", "--integer", "-3", "--number", "1", "--choice", "on",
         "--flag"},
        {"-p", "x y", "-n", "-3", "--number", "1e0", "--choice", "on",
         "--flag"},
        {"-p=x y", "-n=-3", "--number", "1.0", "--choice", "on", "--flag"}}) {
    Parsed parsed = parse(words);
    EXPECT_EQ(parsed.error, "");
    EXPECT_EQ(parsed.text, "x y");
    EXPECT_EQ(parsed.integer, -3);
    EXPECT_EQ(parsed.number, 1);
    EXPECT_EQ(parsed.choice, "on");
    EXPECT_TRUE(parsed.flag);
    EXPECT_TRUE(parsed.textGiven);
  }
}

TEST(ArgumentsTest, defaultsStay) {
  Parsed parsed = parse({});
  EXPECT_EQ(parsed.error, "");
  EXPECT_EQ(parsed.text, "default");
  EXPECT_EQ(parsed.integer, 5);
  EXPECT_FALSE(parsed.textGiven);
}

TEST(ArgumentsTest, valuesMayLookLikeOptions) {
  EXPECT_EQ(parse({"-p", "--flag"}).text, "--flag");
  EXPECT_EQ(parse({"--text=a=b"}).text, "a=b");
  EXPECT_EQ(parse({"--text="}).text, "");
}

TEST(ArgumentsTest, unknownOptionsGetAHint) {
  EXPECT_EQ(parse({"--intger=3"}).error,
            "unknown option '--intger' (did you mean '--integer'?); see 'prog "
            "cmd --help'");
  EXPECT_EQ(parse({"--zzzzzz"}).error,
            "unknown option '--zzzzzz'; see 'prog cmd --help'");
  EXPECT_EQ(parse({"-x"}).error, "unknown option '-x'; see 'prog cmd --help'");
}

TEST(ArgumentsTest, valuesAreChecked) {
  EXPECT_EQ(parse({"-n", "11"}).error,
            "--integer is '11', it has to be a whole number from -3 to 10");
  for (const char *word :
       {"", "1x", "1.5", "-", "+1", " 1", "0x3", "--1", "99999999999999999999"})
    EXPECT_NE(parse({"-n", word}).error, "") << word;
  EXPECT_EQ(parse({"--number", "1.1"}).error,
            "--number is '1.1', it has to be a number from 0 to 1");
  for (const char *word : {"", "x", "nan", "inf", "0x1p-1", "0.5 ", "-1e-9"})
    EXPECT_NE(parse({"--number", word}).error, "") << word;
  EXPECT_EQ(parse({"--choice=off"}).error,
            "--choice is 'off', it has to be one of auto|on");
  EXPECT_EQ(parse({"--flag=1"}).error, "--flag takes no value");
  EXPECT_EQ(parse({"--text"}).error, "--text needs a value: --text TEXT");
}

TEST(ArgumentsTest, positionals) {
  EXPECT_EQ(parse({"file"}).error,
            "unexpected argument 'file'; see 'prog cmd --help'");
  Parsed parsed = parse({"a", "--flag", "-", "--", "--flag", "--"}, true);
  EXPECT_EQ(parsed.error, "");
  EXPECT_EQ(parsed.files, (std::vector<std::string>{"a", "-", "--flag", "--"}));
}

TEST(ArgumentsTest, helpEndsTheParsing) {
  Parsed parsed = parse({"-h", "--nonsense"});
  EXPECT_TRUE(parsed.help);
  EXPECT_EQ(parsed.error, "");
}

TEST(ArgumentsTest, aValueThatMayBeLeftOut) {
  auto parse = [](std::vector<const char *> words, std::string &text) {
    Arguments arguments("prog cmd", "", "", "");
    bool isGiven = false;
    arguments.optionalText(isGiven, text, "--mpi", "FILE", "help");
    std::vector<char *> given;
    for (const char *word : words)
      given.push_back(const_cast<char *>(word));
    Status status = arguments.parse(given.size(), given.data());
    EXPECT_NE(arguments.helpText().find("  --mpi[=FILE]  "), std::string::npos);
    return status.failed() ? status.message() : isGiven ? "given" : "";
  };
  std::string text = "none";
  EXPECT_EQ(parse({}, text), "");
  EXPECT_EQ(text, "none");
  EXPECT_EQ(parse({"--mpi=a=b"}, text), "given");
  EXPECT_EQ(text, "a=b");
  EXPECT_EQ(parse({"--mpi"}, text), "given");
  EXPECT_EQ(text, "");
  // What follows is not its value.
  EXPECT_EQ(parse({"--mpi", "x"}, text),
            "unexpected argument 'x'; see 'prog cmd --help'");
}

TEST(ArgumentsTest, somethingHappensWhenAllIsParsed) {
  int calls = 0;
  auto parse = [&](const char *word) {
    Arguments arguments("prog cmd", "", "", "");
    bool flag = false;
    arguments.flag(flag, "--flag", "help");
    arguments.whenParsed([&] {
      ++calls;
      return Status::error(flag ? "flag" : "no flag");
    });
    char *given = const_cast<char *>(word);
    return arguments.parse(1, &given).message();
  };
  EXPECT_EQ(parse("--flag"), "flag");
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(parse("--help"), "");
  EXPECT_NE(parse("--other"), "");
  EXPECT_EQ(calls, 1);
}

TEST(ArgumentsTest, closest) {
  std::vector<std::string> names = {"generate", "score", "bench"};
  EXPECT_EQ(closest("genrate", names), "generate");
  EXPECT_EQ(closest("gen", names), "");
  EXPECT_EQ(closest("gene", names), "generate");
  EXPECT_EQ(closest("benhc", names), "bench");
  EXPECT_EQ(closest("xyz", names), "");
  EXPECT_EQ(closest(std::string(100000, 'x'), names), "");
}
