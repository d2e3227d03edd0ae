//===- HostileTest.cpp - tokenizers and texts that mean no good -*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Patterns that go back without end, steps that make a text grow without end,
// and texts for which a plain algorithm takes quadratic time. Each ends soon,
// with the right ids or an error, never with other ids.
//
//===----------------------------------------------------------------------===//
#include "lib/Tokenizer/Tokenizer.h"
#include "test/runtime/tokenizer/MustEncode.h"

#include <ctime>
#include <gtest/gtest.h>

using namespace fpmoe;

namespace {

using Ids = std::vector<int32_t>;

/// A tokenizer of the letters a, b and x whose file also has `parts`.
class Letters {
public:
  explicit Letters(const std::string &parts,
                   const std::string &vocabulary = R"("a": 0, "b": 1, "x": 2)",
                   const std::string &merges = "") {
    auto compiled = compileTokenizerText(
        R"({"model": {"type": "BPE", "ignore_merges": true, "vocab": {)" +
            vocabulary + "}, \"merges\": [" + merges + "]}, " + parts + "}",
        "tokenizer.json", 1 << 20);
    if (!compiled) {
      error = llvm::toString(compiled.takeError());
      return;
    }
    tables = std::move(*compiled);
    EXPECT_TRUE(
        Tokenizer::create(tables.data(), tables.size(), tokenizer, error));
  }

  Ids encode(std::string_view text) const {
    return mustEncode(tokenizer, text, true);
  }
  std::string encodeError(std::string_view text) const {
    Ids ids;
    std::string why;
    EXPECT_FALSE(tokenizer.encode(text, true, ids, why));
    return why;
  }

  std::vector<uint8_t> tables;
  Tokenizer tokenizer;
  std::string error;
};

std::string split(const std::string &regex) {
  return R"("pre_tokenizer": {"type": "Split", "pattern": {"Regex": ")" +
         regex + R"("}, "behavior": "Isolated", "invert": false})";
}

std::string replace(const std::string &from, const std::string &to) {
  return R"({"type": "Replace", "pattern": {"String": ")" + from +
         R"("}, "content": ")" + to + "\"}";
}

/// Each step doubles the text.
std::string doubling(const char *part, const char *members, unsigned steps) {
  std::string list;
  for (unsigned i = 0; i != steps; ++i)
    list += (i ? ", " : "") + (i % 2 ? replace("b", "aa") : replace("a", "bb"));
  return std::string("\"") + part + R"(": {"type": "Sequence", ")" + members +
         "\": [" + list + "]}";
}

std::string repeat(std::string_view text, size_t count) {
  std::string out;
  for (size_t i = 0; i != count; ++i)
    out += text;
  return out;
}

double seconds() { return double(clock()) / CLOCKS_PER_SEC; }

TEST(PatternTest, GoesBackWithoutEnd) {
  EXPECT_EQ(Letters(split("(a+)+[xy]")).error,
            "tokenizer.json: pre_tokenizer.pattern.Regex '(a+)+[xy]': it goes "
            "back over the text too often on a text of 64 bytes such as "
            "'aaaaaaaa'");
  // Texts of one letter do not show this one.
  Letters letters(split("((ab)+)+[xy]"), R"("a": 0, "b": 1, "ababababx": 2)");
  ASSERT_EQ(letters.error, "");
  EXPECT_EQ(letters.encode("ababababx"), (Ids{2}));
  EXPECT_EQ(letters.encode("abab"), (Ids{0, 1, 0, 1}));
  EXPECT_EQ(letters.encodeError(repeat("ab", 40)),
            "step 1 of the pre-tokenizer has a pattern that goes back over the "
            "text too often");
  // What comes before is not lost, and not given either.
  EXPECT_NE(letters.encodeError("ababababx" + repeat("ab", 40)), "");
}

TEST(PatternTest, GoesBackInANormalizerOrADecoder) {
  const std::string step = R"({"type": "Replace", "pattern":
      {"Regex": "((ab)+)+[xy]"}, "content": "a"})";
  Letters normalizer("\"normalizer\": " + step);
  ASSERT_EQ(normalizer.error, "");
  EXPECT_EQ(normalizer.encode("ababx"), (Ids{0}));
  EXPECT_EQ(normalizer.encodeError(repeat("ab", 40)),
            "step 1 of the normalizer has a pattern that goes back over the "
            "text too often");

  Letters decoder(R"("decoder": {"type": "Sequence", "decoders":
                      [{"type": "Fuse"}, )" +
                  step + "]}");
  ASSERT_EQ(decoder.error, "");
  Ids ids;
  for (int i = 0; i != 40; ++i)
    ids.insert(ids.end(), {0, 1});
  const std::string why = "step 2 of the decoder has a pattern that goes back "
                          "over the text too often";
  std::string text, error;
  EXPECT_FALSE(decoder.tokenizer.decode(ids, true, text, error));
  EXPECT_EQ(error, why);
  StreamDecoder stream(decoder.tokenizer, true);
  for (int32_t id : ids)
    EXPECT_EQ(stream.push(id), "");
  EXPECT_EQ(stream.error(), "");
  EXPECT_EQ(stream.flush(), "");
  EXPECT_EQ(stream.error(), why);
  EXPECT_EQ(stream.push(0), "");
}

TEST(PatternTest, LooksAheadEverywhere) {
  for (const char *regex : {"(?:a|b)+?[xy]", "a+(?=b)|a"}) {
    Letters letters(split(regex));
    ASSERT_EQ(letters.error, "");
    double start = seconds();
    EXPECT_EQ(letters.encodeError(repeat("a", 300'000)),
              "step 1 of the pre-tokenizer has a pattern that takes too long");
    EXPECT_LT(seconds() - start, 20);
  }
}

TEST(GrowthTest, IsSeenByTheCompiler) {
  EXPECT_EQ(Letters(doubling("normalizer", "normalizers", 40)).error,
            "tokenizer.json: step 13 of the normalizer makes the text too many "
            "times as long when it comes to what step 1 puts in");
  EXPECT_EQ(Letters(doubling("decoder", "decoders", 40)).error,
            "tokenizer.json: step 13 of the decoder makes the text too many "
            "times as long when it comes to what step 1 puts in");
  EXPECT_EQ(Letters("\"normalizer\": " + replace("a", repeat("b", 1025))).error,
            "tokenizer.json: normalizer.content has 1025 bytes, the limit is "
            "1024");
}

TEST(GrowthTest, IsBoundedInANormalizer) {
  Letters letters(doubling("normalizer", "normalizers", 10));
  ASSERT_EQ(letters.error, "");
  EXPECT_EQ(letters.encode("a").size(), 1024u);
  EXPECT_EQ(letters.encodeError(repeat("a", 100'000)),
            "step 4 of the normalizer makes the text too many times as long");
  // In many parts, too.
  Letters parts(R"("normalizer": {"type": "Prepend", "prepend": ")" +
                repeat("a", 1000) +
                R"("}, "added_tokens": [{"id": 3, "content": "<",
                                             "normalized": false}])");
  ASSERT_EQ(parts.error, "");
  EXPECT_EQ(parts.encode("x<x").size(), 2003u);
  EXPECT_EQ(parts.encodeError(repeat("x<", 1'000'000)),
            "step 1 of the normalizer makes the text too many times as long");
}

TEST(GrowthTest, IsBoundedInAPreTokenizer) {
  std::string list;
  for (int i = 0; i != 30; ++i)
    list += std::string(i ? ", " : "") +
            R"({"type": "Split", "pattern": {"Regex": "."}, "behavior":
                "Isolated", "invert": false}, {"type": "Metaspace",
                "replacement": ")" +
            "abx"[i % 3] + R"(", "prepend_scheme": "always"})";
  Letters letters(
      R"("pre_tokenizer": {"type": "Sequence", "pretokenizers": [)" + list +
      "]}");
  ASSERT_EQ(letters.error, "");
  EXPECT_EQ(letters.encodeError(repeat("y", 1000)).substr(0, 5), "step ");
}

TEST(GrowthTest, IsBoundedInADecoder) {
  Letters letters(doubling("decoder", "decoders", 10));
  ASSERT_EQ(letters.error, "");
  EXPECT_EQ(mustDecode(letters.tokenizer, {0}, true).size(), 1024u);
  StreamDecoder stream(letters.tokenizer, true);
  size_t bytes = 0;
  for (int i = 0; i != 1000; ++i)
    bytes += stream.push(0).size();
  EXPECT_EQ(stream.error(),
            "step 10 of the decoder makes the text too many times as long");
  EXPECT_LT(bytes, 100'000u);
}

TEST(HostileTextTest, ManyCombiningMarks) {
  // Two kinds in turn, which normal form C puts in order; the first of the kind
  // below joins the letter.
  constexpr size_t count = 200'000;
  Letters letters(R"("normalizer": {"type": "NFC"})",
                  "\"\u1ea1\": 0, \"\u0323\": 1, \"\u0301\": 2");
  ASSERT_EQ(letters.error, "");
  Ids wanted = {0};
  wanted.insert(wanted.end(), count - 1, 1);
  wanted.insert(wanted.end(), count, 2);
  double start = seconds();
  EXPECT_EQ(letters.encode("a" + repeat("\u0301\u0323", count)), wanted);
  EXPECT_LT(seconds() - start, 10);
}

TEST(HostileTextTest, ManyStrippedTokens) {
  // Each takes all the white space behind it.
  Letters letters(R"("added_tokens": [{"id": 3, "content": " ", "rstrip": true},
                      {"id": 4, "content": "<s>", "lstrip": true}])");
  ASSERT_EQ(letters.error, "");
  double start = seconds();
  EXPECT_EQ(letters.encode(repeat(" ", 300'000) + "x").size(), 300'001u);
  EXPECT_EQ(letters.encode(repeat("<s>", 300'000)).size(), 300'000u);
  EXPECT_LT(seconds() - start, 10);
}

TEST(HostileTextTest, BeginningsOfALongToken) {
  Letters letters(R"("added_tokens": [{"id": 3, "content": ")" +
                  repeat("a", 511) + "b\"}]");
  ASSERT_EQ(letters.error, "");
  double start = seconds();
  EXPECT_EQ(letters.encode(repeat("a", 300'000)).size(), 300'000u);
  EXPECT_LT(seconds() - start, 10);
}

TEST(HostileTextTest, OneWordOfManyMerges) {
  std::string vocabulary = R"("a": 0)", merges, word = "a";
  for (int i = 1; i != 12; ++i) {
    merges += (i > 1 ? ", [\"" : "[\"") + word + "\", \"" + word + "\"]";
    word += word;
    vocabulary += ", \"" + word + "\": " + std::to_string(i);
  }
  Letters letters(R"("decoder": {"type": "Fuse"})", vocabulary, merges);
  ASSERT_EQ(letters.error, "");
  double start = seconds();
  EXPECT_EQ(letters.encode(repeat("a", 1 << 20)), Ids(1 << 9, 11));
  EXPECT_LT(seconds() - start, 20);
}

} // namespace
