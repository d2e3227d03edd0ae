//===- TokenizerCompilerTest.cpp - bad tokenizer.json files -----*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each case changes one thing in a small good file and expects one error that
// names the file, the field and the values.
//
//===----------------------------------------------------------------------===//
#include "lib/Tokenizer/RegexTranslation.h"
#include "lib/Tokenizer/Tokenizer.h"
#include "runtime/tokenizer/Regex.h"
#include "runtime/tokenizer/Tokenizer.h"
#include "test/runtime/tokenizer/MustEncode.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace fpmoe;

namespace {

const char *const kGood = R"({
"version": "1.0", "truncation": null, "padding": null,
"added_tokens": [{"id": 6, "content": "<s>", "single_word": false,
  "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
"normalizer": {"type": "NFC"},
"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "\\s"},
  "behavior": "Isolated", "invert": false},
"post_processor": {"type": "TemplateProcessing",
  "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
             {"Sequence": {"id": "A", "type_id": 0}}],
  "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [6],
                                         "tokens": ["<s>"]}}},
"decoder": {"type": "Fuse"},
"model": {"type": "BPE", "dropout": null, "unk_token": "?",
  "continuing_subword_prefix": null, "end_of_word_suffix": null,
  "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
  "vocab": {"a": 0, "b": 1, "ab": 2, "c": 3, "abc": 4, "?": 5},
  "merges": ["a b", ["ab", "c"]]}})";

/// The good file with `from`, which must be in it, replaced by `to`.
std::string changed(const std::string &from, const std::string &to) {
  std::string text = kGood;
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string errorOf(const std::string &text, int64_t vocabularySize = 7) {
  auto tables = compileTokenizerText(text, "tokenizer.json", vocabularySize);
  return tables ? "" : llvm::toString(tables.takeError());
}

TEST(TokenizerCompilerTest, AcceptsTheGoodFile) {
  auto tables = compileTokenizerText(kGood, "tokenizer.json", 7);
  ASSERT_TRUE(bool(tables)) << llvm::toString(tables.takeError());
  Tokenizer tokenizer;
  std::string error;
  ASSERT_TRUE(
      Tokenizer::create(tables->data(), tables->size(), tokenizer, error));
  EXPECT_EQ(mustEncode(tokenizer, "abcxab<s>", true),
            (std::vector<int32_t>{6, 4, 5, 2, 6}));
  EXPECT_EQ(tokenizer.idCount(), 7);
}

std::vector<int32_t> encode(const std::string &file, const char *text) {
  auto tables = compileTokenizerText(file, "tokenizer.json", 8);
  Tokenizer tokenizer;
  std::string error;
  if (tables &&
      Tokenizer::create(tables->data(), tables->size(), tokenizer, error))
    return mustEncode(tokenizer, text, /*addSpecialTokens=*/false);
  ADD_FAILURE() << (tables ? error : llvm::toString(tables.takeError()));
  return {};
}

using Ids = std::vector<int32_t>;

TEST(TokenizerCompilerTest, FusesUnknownCharactersOnRequest) {
  EXPECT_EQ(encode(kGood, "xya"), (Ids{5, 5, 0}));
  EXPECT_EQ(
      encode(changed(R"("fuse_unk": false)", R"("fuse_unk": true)"), "xya"),
      (Ids{5, 0}));
  EXPECT_EQ(encode(changed(R"("?",)", "null,"), "xya"), (Ids{0}));
}

TEST(TokenizerCompilerTest, KeepsAddedTokensOutOfTheModel) {
  std::string file =
      changed(R"("ignore_merges": false)", R"("ignore_merges": true)");
  file.replace(file.find("}],"), 3, R"(},
      {"id": 7, "content": "ba", "single_word": true}],)");
  EXPECT_EQ(encode(file, "ba"), (Ids{7}));
  // Not a single word, but a word of the pre-tokenizer by itself.
  file.replace(file.find("\\\\s"), 3, "c");
  EXPECT_EQ(encode(file, "cba"), (Ids{3, 1, 0}));
}

struct Case {
  const char *from, *to, *error;
};

class BadFileTest : public testing::TestWithParam<Case> {};

TEST_P(BadFileTest, GivesOneError) {
  const Case &test = GetParam();
  EXPECT_EQ(errorOf(changed(test.from, test.to)),
            std::string("tokenizer.json: ") + test.error);
}

const Case kModel[] = {
    {R"("BPE")", R"("Unigram")",
     "model type 'Unigram' is not supported (supported: BPE)"},
    {R"("type": "BPE", )", "", "model.type is missing"},
    {R"("dropout": null)", R"("dropout": 0.1)",
     "model.dropout is not supported, it must be null"},
    {R"("end_of_word_suffix": null)", R"("end_of_word_suffix": "</w>")",
     "model.end_of_word_suffix is not supported, it must be null"},
    {R"("fuse_unk": false)", R"("fuse_unk": 0)",
     "model.fuse_unk must be true or false, it is a number"},
    {R"("fuse_unk")", R"("fuse")",
     "model.fuse is not a known field (known: type, dropout, unk_token, "
     "continuing_subword_prefix, end_of_word_suffix, fuse_unk, byte_fallback, "
     "ignore_merges, vocab, merges)"},
    {R"("unk_token": "?")", R"("unk_token": "<unk>")",
     "model.unk_token '<unk>' is not in model.vocab"},
    {R"("c": 3)", R"("c": 2)", "model.vocab gives id 2 to 'ab' and to 'c'"},
    {R"("c": 3)", R"("c": -3)",
     "model.vocab['c'] is id -3 for token 'c', ids must be below 7, the "
     "vocabulary size of the model"},
    {R"("c": 3)", R"("c": 7)",
     "model.vocab['c'] is id 7 for token 'c', ids must be below 7, the "
     "vocabulary size of the model"},
    {R"("c": 3)", R"("c": 3.5)",
     "model.vocab['c'] must be an integer, it is a number"},
    {R"("c": 3)", R"("c": "3")",
     "model.vocab['c'] must be an integer, it is a string"},
    {R"({"a": 0, "b": 1, "ab": 2, "c": 3, "abc": 4, "?": 5})", "{}",
     "model.vocab is empty"},
    {R"({"a": 0, "b": 1, "ab": 2, "c": 3, "abc": 4, "?": 5})", "[]",
     "model.vocab must be an object, it is an array"},
    {R"("a b")", R"("ab")",
     "model.merges[0] must be two tokens with a space between, it is 'ab'"},
    {R"("a b")", R"("a b c")",
     "model.merges[0] must be two tokens with a space between, it is 'a b c'"},
    {R"(["ab", "c"])", R"(["ab"])",
     "model.merges[1] must be a string or an array of two strings, it is an "
     "array of 1"},
    {R"(["ab", "c"])", R"(["ab", 1])",
     "model.merges[1] must be a string or an array of two strings, it is an "
     "array of 2"},
    {R"(["ab", "c"])", R"(["ab", "x"])",
     "model.merges[1] joins 'ab' and 'x', but 'x' is not in model.vocab"},
    {R"(["ab", "c"])", R"(["c", "ab"])",
     "model.merges[1] joins 'c' and 'ab', but 'cab' is not in model.vocab"},
    {R"("content": "<s>")", R"("content": "")",
     "post_processor.special_tokens.<s>.ids has id 6, which no token has"},
    {R"("id": 6)", R"("id": "6")",
     "added_tokens[0].id must be an integer, it is a string"},
    {R"("content": "<s>")", R"("content": 1)",
     "added_tokens[0].content must be a string, it is a number"},
    {R"("rstrip")", R"("right")",
     "added_tokens[0].right is not a known field (known: id, content, "
     "single_word, lstrip, rstrip, normalized, special)"},
    {R"("special": true}])",
     R"("special": true}, {"id": 6, "content": "<s>"}])",
     "added_tokens[1] is '<s>' as is added_tokens[0], with other settings"},
};

const Case kSteps[] = {
    {R"("truncation": null)", R"("truncation": {"max_length": 4})",
     "truncation is set and cuts texts, which programs do not do; if training "
     "left it there, set it to null"},
    {R"("padding": null)", R"("padding": {"strategy": {"Fixed": 8}})",
     "padding is set and fills up texts, which programs do not do; if training "
     "left it there, set it to null"},
    {R"("padding": null)",
     R"("padding": {"strategy": "BatchLongest", "pad_to_multiple_of": 8})",
     "padding is set and fills up texts, which programs do not do; if training "
     "left it there, set it to null"},
    {R"("version": "1.0")", R"("version": "2.0")",
     "version must be '1.0', it is '2.0'"},
    {R"("truncation")", R"("cut")",
     "cut is not a known field (known: version, truncation, padding, "
     "added_tokens, normalizer, pre_tokenizer, post_processor, decoder, "
     "model)"},
    {R"({"type": "NFC"})", R"({"type": "Lowercase"})",
     "normalizer type 'Lowercase' is not supported (supported: Sequence, NFC, "
     "Prepend, Replace)"},
    {R"({"type": "NFC"})", R"({"type": "Sequence", "normalizers": [{"type":
        "NFC"}, {"type": "NFKC"}]})",
     "normalizer.normalizers[1] type 'NFKC' is not supported (supported: "
     "Sequence, NFC, Prepend, Replace)"},
    {R"({"type": "NFC"})", R"({"type": "NFC", "form": "D"})",
     "normalizer.form is not a known field (known: type)"},
    {R"({"type": "NFC"})", R"("NFC")",
     "normalizer must be an object, it is a string"},
    {R"({"type": "NFC"})", R"({"type": "Replace", "pattern": {"String": ""},
        "content": "x"})",
     "normalizer.pattern.String is empty"},
    {R"({"Regex": "\\s"})", R"({"Regex": "a("})",
     "pre_tokenizer.pattern.Regex 'a(': missing closing parenthesis at offset "
     "2"},
    {R"({"Regex": "\\s"})", R"({"Regex": "a\\h+"})",
     "pre_tokenizer.pattern.Regex 'a\\h+': '\\h' at offset 1 is not "
     "supported"},
    {R"({"Regex": "\\s"})", R"({"Regex": "a", "String": "b"})",
     "pre_tokenizer.pattern must have one field, String or Regex; it has 2"},
    {R"("Isolated")", R"("MergedWithNext")",
     "pre_tokenizer.behavior 'MergedWithNext' is not supported (supported: "
     "Isolated, Removed)"},
    {R"(, "invert": false)", "", "pre_tokenizer.invert is missing"},
    {R"("type": "Split")", R"("type": "BertPreTokenizer")",
     "pre_tokenizer type 'BertPreTokenizer' is not supported (supported: "
     "Sequence, Split, Digits, ByteLevel, Metaspace)"},
    {R"({"type": "Split", "pattern": {"Regex": "\\s"},
  "behavior": "Isolated", "invert": false})",
     R"({"type": "Metaspace", "replacement": "__"})",
     "pre_tokenizer.replacement must be one character, it is '__'"},
    {R"({"type": "Split", "pattern": {"Regex": "\\s"},
  "behavior": "Isolated", "invert": false})",
     R"({"type": "Sequence", "pretokenizers": [{"type": "ByteLevel",
         "add_prefix_space": false}, {"type": "Digits"}]})",
     "pre_tokenizer.pretokenizers[1] type 'Digits' comes after ByteLevel, "
     "which must be the last"},
    {R"("TemplateProcessing")", R"("RobertaProcessing")",
     "post_processor type 'RobertaProcessing' is not supported (supported: "
     "Sequence, TemplateProcessing, ByteLevel)"},
    {R"("ids": [6])", R"("ids": [8])",
     "post_processor.special_tokens.<s>.ids has id 8, which no token has"},
    {R"("special_tokens": {"<s>": {)", R"("special_tokens": {"<t>": {)",
     "post_processor.special_tokens.<s> is missing"},
    {R"({"Sequence": {"id": "A", "type_id": 0}})",
     R"({"SpecialToken": {"id": "<s>", "type_id": 0}})",
     "post_processor.single must have the text once, it has it 0 times"},
    {R"({"type": "Fuse"})", R"({"type": "WordPiece"})",
     "decoder type 'WordPiece' is not supported (supported: Sequence, "
     "ByteLevel, Replace, ByteFallback, Fuse, Strip, Metaspace)"},
    {R"({"type": "Fuse"})",
     R"({"type": "Strip", "content": " ", "start": -1, "stop": 0})",
     "decoder.start must lie in [0, 4294967295], it is -1"},
};

INSTANTIATE_TEST_SUITE_P(Model, BadFileTest, testing::ValuesIn(kModel));
INSTANTIATE_TEST_SUITE_P(Steps, BadFileTest, testing::ValuesIn(kSteps));

TEST(TokenizerCompilerTest, RefusesWhatIsNoTokenizer) {
  EXPECT_EQ(errorOf("[]"),
            "tokenizer.json: the file must be an object, it is an array");
  EXPECT_EQ(errorOf("{}"), "tokenizer.json: model is missing");
  EXPECT_EQ(errorOf("{\"model\": {}}"),
            "tokenizer.json: model.type is missing");
  EXPECT_EQ(errorOf(std::string(1000000, '[')),
            "tokenizer.json:1:66: values are nested more than 64 deep");
  EXPECT_EQ(errorOf(changed(R"("a": 0)", R"("a": 0, "a": 7)")),
            "tokenizer.json:17:21: the key 'a' occurs twice");
  for (size_t size = 0; size < std::string(kGood).size(); ++size)
    EXPECT_NE(errorOf(std::string(kGood).substr(0, size)), "");
  EXPECT_NE(errorOf("\xff"), "");
}

TEST(TokenizerCompilerTest, ReadsSurrogatePairs) {
  // An escaped backslash before "ud840" is no escape of a character.
  std::string text =
      changed(R"("c": 3)", R"("c": 3, "\\ud840\uD840\udc00\\": 6)");
  auto tables = compileTokenizerText(text, "tokenizer.json", 8);
  ASSERT_TRUE(bool(tables)) << llvm::toString(tables.takeError());
  Tokenizer tokenizer;
  std::string error;
  ASSERT_TRUE(
      Tokenizer::create(tables->data(), tables->size(), tokenizer, error));
  EXPECT_EQ(tokenizer.idToToken(6), "\\ud840\U00020000\\");

  const std::string half = "an escape names half of a surrogate pair";
  EXPECT_EQ(errorOf(R"({"\ud840x": 1})"), "tokenizer.json:1:9: " + half);
  EXPECT_EQ(errorOf(R"({"a\ud840\ud840": 1})"), "tokenizer.json:1:16: " + half);
  EXPECT_EQ(errorOf(R"({"a\udc00\ud840": 1})"), "tokenizer.json:1:10: " + half);
}

TEST(TokenizerCompilerTest, LimitsIdsWhateverTheModelSays) {
  std::string text = changed(R"("c": 3)", R"("c": 99999999999)");
  EXPECT_EQ(errorOf(text, INT64_MAX),
            "tokenizer.json: model.vocab['c'] is id 99999999999 for token 'c', "
            "ids must be below 2097152");
}

TEST(TokenizerCompilerTest, NamesAMissingFile) {
  auto tables = compileTokenizer("/nonexistent/tokenizer.json", 7);
  ASSERT_FALSE(bool(tables));
  EXPECT_EQ(llvm::toString(tables.takeError()),
            "/nonexistent/tokenizer.json: cannot be opened: No such file or "
            "directory");
}

TEST(TokenizerCompilerTest, TakesPaddingThatAddsNothing) {
  EXPECT_EQ(errorOf(changed(R"("padding": null)",
                            R"("padding": {"strategy": "BatchLongest",
                                           "pad_to_multiple_of": null})")),
            "");
}

std::string list(const std::string &element, size_t count) {
  std::string text;
  for (size_t i = 0; i != count; ++i)
    text += (i ? "," : "") + element;
  return text;
}

TEST(TokenizerCompilerTest, BoundsEveryList) {
  const std::string special =
      R"({"SpecialToken": {"id": "<s>", "type_id": 0}},)";
  EXPECT_EQ(errorOf(changed(
                R"("single": [)",
                R"("single": [)" +
                    list(special.substr(0, special.size() - 1), 2000) + ",")),
            "tokenizer.json: post_processor.single has 2002 elements, the "
            "limit is 1024");
  EXPECT_EQ(errorOf(changed(R"("ids": [6])",
                            R"("ids": [)" + list("6", 100'000) + "]")),
            "tokenizer.json: post_processor.special_tokens.<s>.ids puts more "
            "than 1024 tokens around a text");
  EXPECT_EQ(errorOf(changed(R"({"type": "NFC"})",
                            R"({"type": "Sequence", "normalizers": [)" +
                                list(R"({"type": "NFC"})", 10'000) + "]}")),
            "tokenizer.json: normalizer.normalizers[64] is beyond the 64 "
            "components that are supported");
  EXPECT_EQ(errorOf(changed(
                R"("added_tokens": [)",
                R"("added_tokens": [)" +
                    list(R"({"id": 6, "content": "<t>"})", 1 << 18) + ",")),
            "tokenizer.json: has 262159 objects, the limit is 131072");
  EXPECT_NE(errorOf(changed(R"("pair": [])",
                            R"("pair": [)" + list("0", 4'000'000) + "]"))
                .find("the file has too many values"),
            std::string::npos);
  std::string manyBeginnings;
  for (int i = 0; i != 3000; ++i)
    manyBeginnings += R"({"id": 0, "content": ")" + std::to_string(i) +
                      std::string(500, '-') + "\"},";
  EXPECT_EQ(errorOf(changed(R"("added_tokens": [)",
                            R"("added_tokens": [)" + manyBeginnings),
                    10'000),
            "tokenizer.json: the added tokens are too long together, at most "
            "1048576 beginnings of texts are told apart");
}

TEST(TokenizerCompilerTest, ReadsRegularFilesOnly) {
  llvm::SmallString<128> folder;
  ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("tokenizer", folder));
  std::string path = (folder + "/tokenizer.json").str();
  auto error = [&] {
    auto tables = compileTokenizer(path, 7);
    return tables ? "" : llvm::toString(tables.takeError());
  };
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(error(), path + ": is not a regular file");
  ASSERT_EQ(unlink(path.c_str()), 0);
  ASSERT_EQ(symlink("nowhere", path.c_str()), 0);
  EXPECT_EQ(error(), path + ": cannot be opened: No such file or directory");
  llvm::sys::fs::remove_directories(folder);
}

TEST(RegexTranslationTest, RewritesWhatDiffers) {
  struct {
    const char *from, *to;
  } cases[] = {
      {"(?i:'s|'t)| ?\\p{L}+", "(?i:'s|'t)| ?\\p{L}+"},
      {"\\s+(?!\\S)", "[\\t-\\r \\x{85}\\p{Z}]+(?![^\\t-\\r \\x{85}\\p{Z}])"},
      {"[^\\s\\p{N}]", "[^\\t-\\r \\x{85}\\p{Z}\\p{N}]"},
      {"[\\S]", "[\\S\\x{180e}]"},
      {"\\w", "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]"},
      {"\\p{Han}\\P{Greek}\\p{^Lu}", "\\p{sc:Han}\\P{sc:Greek}\\P{Lu}"},
      {"\\P{^L}\\d\\D", "\\p{L}\\p{Nd}\\P{Nd}"},
      {"\\u4e00\\x41\\x{1F600}", "\\x{4e00}\\x{41}\\x{1f600}"},
      {"a{2,3}b{2}?{", ""},
      {"a{2,3}b{,", "a{2,3}b\\{,"},
      {"[]a]", ""},
      {"[a[b]]", ""},
      {"[a&&b]", ""},
      {"(?<n>a)", ""},
      {"(?m:a)", ""},
      {"(*FAIL)", ""},
      {"a\\K", ""},
      {"\\1", ""},
      {"a{1,2}+", ""},
      {"a{,2}", ""},
      {"\\p{L", ""},
      {"\\x{110000}", ""},
      {"\\xff", ""},
      {"\\u12", ""},
      {"[a", ""},
      {"a\\", ""},
      {"", ""},
  };
  for (const auto &test : cases) {
    std::string out, error;
    EXPECT_EQ(translateRegex(test.from, out, error), *test.to != 0)
        << test.from << ": " << error;
    if (*test.to)
      EXPECT_EQ(out, test.to);
    else
      EXPECT_NE(error, "") << test.from;
  }
}

TEST(RegexTranslationTest, KeepsTheMeaning) {
  struct {
    const char *pattern, *text;
    bool matches;
  } cases[] = {
      {"\\s", "\u0085", true},
      {"\\s", "\u180e", false},
      {"[\\s]", "\u3000", true},
      {"[\\s]", "\u200b", false},
      {"[\\S]", "\u00a0", false},
      {"[\\S]", "\u180e", true},
      {"\\S", "\u180e", true},
      {"\\w", "\u24b6", true},
      {"\\W", "\u200d", true},
      {"\\w", "\u0301", true},
      {"\\d", "\u0663", true},
      {"\\d", "\u00b2", false},
      {"\\p{N}", "\u00b2", true},
      {"\\p{Han}", "\u4e2d", true},
      {"\\p{Han}", "\u3001", false},
      {"(?i:k)", "\u212a", true},
      {"(?i:'s)", "'\u017f", true},
      {"^b", "a\nb", true},
      {"a$", "a\nb", true},
      {".", "\n", false},
      {".", "\r", true},
      {"\\bb", "\u00e9b", false},
  };
  for (const auto &test : cases) {
    std::string translated, error;
    Regex regex;
    ASSERT_TRUE(translateRegex(test.pattern, translated, error)) << error;
    ASSERT_TRUE(regex.compile(translated, error)) << error;
    Regex::Finder finder(regex);
    finder.start(test.text);
    size_t begin, end;
    EXPECT_EQ(finder.next(begin, end), test.matches)
        << test.pattern << " in " << test.text;
  }
}

} // namespace
