//===- LanguageTrackerTest.cpp - tests of the language tracker -*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Texts are pushed at once and a character at a time; both must say the same.
//
//===----------------------------------------------------------------------===//

#include "runtime/language/LanguageTracker.h"

#include <gtest/gtest.h>

using namespace fpmoe;

static const std::vector<std::string> names = {"haskell", "ocaml", "scala",
                                               "python"};

/// The language that each line of `text` begins in, a letter each; `-` is none.
static std::string lines(const std::string &text,
                         const std::string &file = "") {
  LanguageTracker slow(names), fast(names);
  slow.setFile(file);
  fast.setFile(file);
  std::string result, line;
  auto letter = [](int32_t language) {
    return language < 0 ? '-' : names[language][0];
  };
  for (char c : text) {
    if (line.empty())
      result += letter(slow.language());
    slow.push(std::string(1, c));
    line += c;
    if (c == '\n') {
      fast.push(line);
      EXPECT_EQ(fast.language(), slow.language());
      line.clear();
    }
  }
  return result + letter(slow.language());
}

TEST(LanguageTracker, nothingSaysNothing) {
  EXPECT_EQ(lines(""), "-");
  EXPECT_EQ(lines("some text\nwith `code` in it\n"), "---");
}

TEST(LanguageTracker, fences) {
  EXPECT_EQ(lines("Here:\n```haskell\nmain = x\n```\nand\n```ml\nlet x = 1\n"),
            "--hh--oo");
  // Short forms, any case, attributes, the other character.
  EXPECT_EQ(lines("```HS\nx\n```\n"), "-hh-");
  EXPECT_EQ(lines("~~~ {.scala .numberLines}\nx\n~~~\n"), "-ss-");
  EXPECT_EQ(lines("  ```python title=\"x.py\"\nx\n  ```\n"), "-pp-");
}

TEST(LanguageTracker, fencesThatAreNone) {
  EXPECT_EQ(lines("``haskell\n"), "--");
  EXPECT_EQ(lines("``` `haskell` ```\n"), "--");
  // The same line is code in a fence.
  EXPECT_EQ(lines("````hs\n```ocaml\n```\n````\n"), "-hhh-");
  EXPECT_EQ(lines("```hs\n~~~\n``` x\n```\n"), "-hhh-");
}

TEST(LanguageTracker, fenceOfAnUnknownLanguage) {
  EXPECT_EQ(lines("```cobol\n# x.py\n```\n"), "----");
}

TEST(LanguageTracker, fenceWithoutLanguage) {
  EXPECT_EQ(lines("```\nx\n# tool.py\nimport os\n```\nx\n"), "---pp--");
  // It begins without one each time.
  EXPECT_EQ(lines("```\n# tool.py\n```\n```\nx\n```\n"), "--p----");
}

TEST(LanguageTracker, fileNames) {
  EXPECT_EQ(lines("// file: src/Main.scala\nx\n"), "-ss");
  EXPECT_EQ(lines("# path/x.py\nx\n-- Main.hs\n"), "-pph");
  EXPECT_EQ(lines("(* lib/a.ml *)\nlet x = 1\n"), "-oo");
  EXPECT_EQ(lines("{- Filename: A.hs -}\n"), "-h");
  EXPECT_EQ(lines("#!/usr/bin/env python3.11\n"), "-p");
  // No names of files.
  EXPECT_EQ(lines("# see tool.py\n# .py\n# py\nx.py\n# a/.py\n"), "------");
  // A file of another language says nothing about these.
  EXPECT_EQ(lines("# x.py\n# x.java\n"), "-pp");
}

TEST(LanguageTracker, pragmas) {
  EXPECT_EQ(lines("{-# LANGUAGE GADTs #-}\nx\n"), "-hh");
  EXPECT_EQ(lines("{-# INLINE x #-}\n"), "--");
}

TEST(LanguageTracker, fenceInAFile) {
  // What the text was in before a fence, it is in after it.
  EXPECT_EQ(lines("x\n```hs\ny\n```\nz\n", "notes.py"), "pphhpp");
}

TEST(LanguageTracker, longLines) {
  std::string text = "```hs" + std::string(100000, ' ') + "\nx\n";
  EXPECT_EQ(lines(text), "-hh");
}

TEST(LanguageTracker, namesOfTheProgram) {
  LanguageTracker tracker({"cpp", "js", "Erika"});
  EXPECT_EQ(tracker.find("C++"), 0);
  EXPECT_EQ(tracker.find("javascript"), 1);
  EXPECT_EQ(tracker.find("erika"), 2);
  EXPECT_EQ(tracker.find("c"), -1);
  EXPECT_EQ(tracker.find(""), -1);
}
