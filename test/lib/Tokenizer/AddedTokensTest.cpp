//===- AddedTokensTest.cpp - ids of added tokens ----------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Lists of added tokens that contradict themselves, the vocabulary or the
// model. The ids are those of Hugging Face `tokenizers` 0.23 for the same
// lists; where it takes one of two settings, or a model has no such id, there
// is an error or a warning.
//
//===----------------------------------------------------------------------===//
#include "lib/Tokenizer/Tokenizer.h"
#include "test/runtime/tokenizer/MustEncode.h"

#include <gtest/gtest.h>

using namespace fpmoe;

namespace {

using Ids = std::vector<int32_t>;

struct Compiled {
  std::vector<uint8_t> tables;
  Tokenizer tokenizer;
  std::string warnings, error;
};

/// A model of the letters a, b, c and `more`, with these added tokens.
std::unique_ptr<Compiled> compile(const std::string &added,
                                  int64_t vocabularySize = 8,
                                  const std::string &more = "") {
  auto result = std::make_unique<Compiled>();
  auto tables = compileTokenizerText(
      R"({"model": {"type": "BPE", "merges": [], "vocab":
          {"a": 0, "b": 1, "c": 2)" +
          more + "}}, \"added_tokens\": [" + added + "]}",
      "tokenizer.json", vocabularySize,
      [&](const llvm::Twine &what) { result->warnings += what.str() + "\n"; });
  if (!tables) {
    result->error = llvm::toString(tables.takeError());
    return result;
  }
  result->tables = std::move(*tables);
  EXPECT_TRUE(Tokenizer::create(result->tables.data(), result->tables.size(),
                                result->tokenizer, result->error));
  return result;
}

std::string token(int64_t id, const std::string &content,
                  const std::string &more = "") {
  return R"({"id": )" + std::to_string(id) + R"(, "content": ")" + content +
         "\"" + more + "}";
}

struct Case {
  const char *what;
  std::string added;
  const char *text;
  Ids ids;
  const char *warning;
};

class AddedTokensTest : public testing::TestWithParam<Case> {};

TEST_P(AddedTokensTest, GetTheirIdsAsInTokenizers) {
  const Case &test = GetParam();
  std::unique_ptr<Compiled> compiled = compile(test.added);
  ASSERT_EQ(compiled->error, "");
  EXPECT_EQ(mustEncode(compiled->tokenizer, test.text, true), test.ids);
  EXPECT_EQ(compiled->warnings,
            *test.warning
                ? std::string("tokenizer.json: ") + test.warning +
                      ": `tokenizers` counts added tokens on from the model's\n"
                : "");
}

const Case kCases[] = {
    {"Next", token(3, "<p>"), "a<p>b", {0, 3, 1}, ""},
    {"Gap",
     token(7, "<p>") + "," + token(9, "<q>"),
     "a<p><q>",
     {0, 3, 4},
     "added_tokens[0].id is 7 for '<p>', whose id is 3, added_tokens[1].id is "
     "9 for '<q>', whose id is 4"},
    {"Order",
     token(4, "<p>") + "," + token(3, "<q>"),
     "<p><q>",
     {3, 4},
     "added_tokens[0].id is 4 for '<p>', whose id is 3, added_tokens[1].id is "
     "3 for '<q>', whose id is 4"},
    {"ContentOfTheModel",
     token(3, "b") + "," + token(3, "<q>"),
     "ab<q>",
     {0, 1, 3},
     "added_tokens[0].id is 3 for 'b', whose id is 1"},
    {"IdOfTheModel",
     token(1, "<p>"),
     "b<p>",
     {1, 3},
     "added_tokens[0].id is 1 for '<p>', whose id is 3"},
    {"IdTwice",
     token(3, "<p>") + "," + token(3, "<q>"),
     "<p><q>",
     {3, 4},
     "added_tokens[1].id is 3 for '<q>', whose id is 4"},
    {"ContentTwice",
     token(3, "<p>") + "," + token(4, "<p>") + "," + token(4, "<q>"),
     "<p><q>",
     {3, 4},
     ""},
    {"Empty", token(3, "") + "," + token(3, "<q>"), "a<q>", {0, 3}, ""},
    {"Escaped",
     token(9, "\\u001b]0;"),
     "\x1b]0;",
     {3},
     "added_tokens[0].id is 9 for '\\x1b]0;', whose id is 3"},
};

INSTANTIATE_TEST_SUITE_P(All, AddedTokensTest, testing::ValuesIn(kCases),
                         [](const auto &info) {
                           return std::string(info.param.what);
                         });

TEST(AddedTokensTest, BeyondTheModelAreLeftOut) {
  std::string added = token(3, "<p>");
  for (int i = 4; i != 14; ++i)
    added += "," + token(i, "<" + std::to_string(i) + ">");
  std::unique_ptr<Compiled> compiled = compile(added, 4);
  ASSERT_EQ(compiled->error, "");
  EXPECT_EQ(compiled->warnings,
            "tokenizer.json: added_tokens '<4>' (id 4), '<5>' (id 5), '<6>' "
            "(id 6), '<7>' (id 7), '<8>' (id 8), '<9>' (id 9), '<10>' (id 10), "
            "'<11>' (id 11) and 2 more are beyond the vocabulary of the model, "
            "4, and left out: such a text is encoded like any other\n");
  EXPECT_EQ(mustEncode(compiled->tokenizer, "a<p><4>b", true), (Ids{0, 3, 1}));
  EXPECT_EQ(compiled->tokenizer.tokenToId("<4>"), -1);
  EXPECT_EQ(compiled->tokenizer.idCount(), 4);

  compiled = compile(token(3, "<p>"), 3);
  EXPECT_EQ(compiled->warnings,
            "tokenizer.json: added_tokens '<p>' (id 3) is beyond the "
            "vocabulary of the model, 3, and left out: such a text is encoded "
            "like any other\n");
}

TEST(AddedTokensTest, ContradictionsAreRefused) {
  const std::string file = "tokenizer.json: ";
  EXPECT_EQ(
      compile(token(3, "<p>") + "," + token(3, "<p>", R"(, "lstrip": true)"))
          ->error,
      file + "added_tokens[1] is '<p>' as is added_tokens[0], with other "
             "settings");
  // Three letters and "x": the next id is 4, which "x" has.
  EXPECT_EQ(compile(token(5, "<p>"), 8, R"(, "x": 4)")->error,
            file + "added_tokens[0] is '<p>', whose turn is id 4, which "
                   "model.vocab gives to 'x'");
  EXPECT_EQ(compile(token(-1, "<p>"))->error,
            file + "added_tokens[0].id must lie in [0, 4294967295], it is -1");
  EXPECT_EQ(compile(token(3, std::string(513, '<')))->error,
            file + "added_tokens[0].content has 513 bytes, the limit is 512");
  EXPECT_EQ(compile(token(3, "<p>", R"(, "a\u001b": 1)"))->error,
            file + "added_tokens[0].a\\x1b is not a known field (known: id, "
                   "content, single_word, lstrip, rstrip, normalized, "
                   "special)");
}

} // namespace
