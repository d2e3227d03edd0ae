//===- StopStringsTest.cpp - tests of stop strings ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Strings in one piece and in several, strings that only begin, and strings
// that begin in each other.
//
//===----------------------------------------------------------------------===//

#include "runtime/cli/StopStrings.h"

#include <gtest/gtest.h>

using namespace fpmoe;

/// What is written of pieces, "|" after each piece, and "!" for a string found.
static std::string written(std::vector<std::string> strings,
                           const std::vector<std::string> &pieces) {
  StopStrings stops(std::move(strings));
  std::string text, result;
  size_t done = 0;
  for (const std::string &piece : pieces) {
    text += piece;
    bool found = stops.push(piece);
    size_t end = text.size() - stops.held();
    EXPECT_GE(end, done);
    result += text.substr(done, end - done) + (found ? "!" : "|");
    done = end;
    if (found)
      break;
  }
  return result;
}

TEST(StopStringsTest, inOnePiece) {
  EXPECT_EQ(written({"end"}, {"a", "b end c"}), "a|b !");
  EXPECT_EQ(written({"end"}, {"end"}), "!");
  EXPECT_EQ(written({"x"}, {"abc", "d"}), "abc|d|");
}

TEST(StopStringsTest, overPieces) {
  EXPECT_EQ(written({"\n\nlet"}, {"a\n", "\n", "l", "et b"}), "a|||!");
  EXPECT_EQ(written({"\n\nlet"}, {"a\n", "\n", "\n", "le", "t"}), "a||\n||!");
  EXPECT_EQ(written({"abab"}, {"aba", "", "c"}), "||abac|");
  EXPECT_EQ(written({"aab"}, {"a", "a", "a", "b"}), "||a|!");
}

TEST(StopStringsTest, theFirstOfSeveral) {
  EXPECT_EQ(written({"two", "one"}, {"0 one two"}), "0 !");
  EXPECT_EQ(written({"abcd", "bc"}, {"ab", "c"}), "|a!");
  EXPECT_EQ(written({"a", "ab"}, {"ab"}), "!");
}

TEST(StopStringsTest, heldBytesAreWholeCharacters) {
  // The characters share their first byte, and come whole.
  EXPECT_EQ(
      written({"\xc3\xa9t\xc3\xa9"}, {"\xc3\xa8", "\xc3\xa9t", "\xc3\xa8"}),
      "\xc3\xa8||\xc3\xa9t\xc3\xa8|");
  EXPECT_EQ(written({"\xc3\xa9t\xc3\xa9"}, {"x\xc3\xa9t", "\xc3\xa9!"}), "x|!");
}
