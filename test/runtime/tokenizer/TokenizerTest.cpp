//===- TokenizerTest.cpp - the tokenizer against its goldens ----*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ids and texts come from Hugging Face `tokenizers` (compare.py wrote them, for
// one tiny tokenizer of each family); the rest checks what callers rely on:
// streaming, invalid input, damaged tables, very long words.
//
//===----------------------------------------------------------------------===//
#include "runtime/tokenizer/Tokenizer.h"
#include "fpmoe/runtime/tokenizer_format.h"
#include "lib/Tokenizer/Tokenizer.h"
#include "test/runtime/tokenizer/MustEncode.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"

#include <fstream>
#include <gtest/gtest.h>
#include <random>
#include <thread>

using namespace fpmoe;

namespace {

/// A compiled tokenizer with its tables.
struct Loaded {
  std::vector<uint8_t> tables;
  Tokenizer tokenizer;
};

std::string goldenPath(const std::string &name) {
  return std::string(FPMOE_TOKENIZER_GOLDEN_DIR) + "/" + name;
}

std::unique_ptr<Loaded> load(const std::string &name) {
  auto loaded = std::make_unique<Loaded>();
  auto tables = compileTokenizer(goldenPath(name + ".tokenizer.json"), 100000);
  if (!tables) {
    ADD_FAILURE() << llvm::toString(tables.takeError());
    return nullptr;
  }
  loaded->tables = std::move(*tables);
  std::string error;
  if (!Tokenizer::create(loaded->tables.data(), loaded->tables.size(),
                         loaded->tokenizer, error)) {
    ADD_FAILURE() << error;
    return nullptr;
  }
  return loaded;
}

std::vector<int32_t> toIds(const llvm::json::Array &array) {
  std::vector<int32_t> ids;
  for (const llvm::json::Value &value : array)
    ids.push_back(static_cast<int32_t>(*value.getAsInteger()));
  return ids;
}

std::string stream(const Tokenizer &tokenizer,
                   const std::vector<int32_t> &ids) {
  StreamDecoder decoder(tokenizer, /*skipSpecialTokens=*/true);
  std::string text;
  for (int32_t id : ids) {
    text += decoder.push(id);
    size_t badOffset;
    EXPECT_TRUE(isValidUtf8(text, badOffset)) << text;
  }
  return text + decoder.flush();
}

class GoldenTest : public testing::TestWithParam<const char *> {};

TEST_P(GoldenTest, AgreesWithHuggingFace) {
  std::unique_ptr<Loaded> loaded = load(GetParam());
  ASSERT_TRUE(loaded);
  auto file = llvm::MemoryBuffer::getFile(
      goldenPath(std::string(GetParam()) + ".cases.json"));
  ASSERT_TRUE(file);
  auto cases = llvm::json::parse((*file)->getBuffer());
  ASSERT_TRUE(bool(cases));
  ASSERT_GT(cases->getAsArray()->size(), 50u);
  for (const llvm::json::Value &value : *cases->getAsArray()) {
    const llvm::json::Object &object = *value.getAsObject();
    std::string text = object.getString("text")->str();
    std::vector<int32_t> ids = toIds(*object.getArray("ids"));
    EXPECT_EQ(mustEncode(loaded->tokenizer, text, false), ids) << text;

    std::vector<int32_t> all = toIds(*object.getArray("prefix"));
    all.insert(all.end(), ids.begin(), ids.end());
    EXPECT_EQ(mustEncode(loaded->tokenizer, text, true), all) << text;

    std::string decoded = object.getString("decoded")->str();
    EXPECT_EQ(mustDecode(loaded->tokenizer, ids, true), decoded);
    EXPECT_EQ(stream(loaded->tokenizer, ids), decoded);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, GoldenTest,
                         testing::Values("qwen", "llama3", "starcoder2",
                                         "deepseek", "mistral", "metaspace",
                                         "rare-words", "rare-bytes",
                                         "classes"));

TEST(TokenizerTest, AgreesOnHeldOutFiles) {
  const std::string nano = FPMOE_NANO_DIR;
  auto tables = compileTokenizer(nano + "/tokenizer.json", 4096);
  ASSERT_TRUE(bool(tables)) << llvm::toString(tables.takeError());
  Tokenizer tokenizer;
  std::string error;
  ASSERT_TRUE(
      Tokenizer::create(tables->data(), tables->size(), tokenizer, error));
  std::ifstream golden(goldenPath("nano-heldout.txt"));
  size_t count, files = 0;
  std::string wanted, name;
  while (golden >> count >> wanted && std::getline(golden >> std::ws, name)) {
    ++files;
    auto file = llvm::MemoryBuffer::getFile(nano + "/" + name);
    ASSERT_TRUE(file) << name;
    std::vector<int32_t> ids =
        mustEncode(tokenizer, (*file)->getBuffer(), /*addSpecialTokens=*/false);
    uint64_t hash = 0xcbf29ce484222325ull;
    for (int32_t id : ids)
      hash = (hash ^ static_cast<uint32_t>(id)) * 0x100000001b3ull;
    EXPECT_EQ(ids.size(), count) << name;
    EXPECT_EQ(llvm::utohexstr(hash, /*LowerCase=*/true, 16), wanted) << name;
    EXPECT_EQ(mustDecode(tokenizer, ids, true), (*file)->getBuffer().str())
        << name;
  }
  EXPECT_GT(files, 50u);
}

TEST(TokenizerTest, LooksUpTokens) {
  std::unique_ptr<Loaded> loaded = load("qwen");
  ASSERT_TRUE(loaded);
  const Tokenizer &tokenizer = loaded->tokenizer;
  int32_t end = tokenizer.tokenToId("<|endoftext|>");
  int32_t prefix = tokenizer.tokenToId("<|fim_prefix|>");
  ASSERT_GE(end, 0);
  ASSERT_GE(prefix, 0);
  EXPECT_EQ(tokenizer.idToToken(end), "<|endoftext|>");
  EXPECT_TRUE(tokenizer.isSpecial(end));
  EXPECT_FALSE(tokenizer.isSpecial(prefix));
  EXPECT_EQ(mustDecode(tokenizer, {end, prefix}, true), "<|fim_prefix|>");
  EXPECT_EQ(mustDecode(tokenizer, {end, prefix}, false),
            "<|endoftext|><|fim_prefix|>");
  EXPECT_EQ(tokenizer.tokenToId("no such token"), -1);
  for (int32_t id : {-1, tokenizer.idCount(), INT32_MAX, INT32_MIN}) {
    EXPECT_EQ(tokenizer.idToToken(id), "");
    EXPECT_FALSE(tokenizer.isSpecial(id));
    EXPECT_EQ(mustDecode(tokenizer, {id}, false), "");
  }
}

TEST(TokenizerTest, StreamsOnlyWholeCharacters) {
  std::unique_ptr<Loaded> loaded = load("qwen");
  ASSERT_TRUE(loaded);
  // One token per byte of U+1F9E0.
  std::vector<int32_t> ids;
  for (uint8_t byte : {0xf0, 0x9f, 0xa7, 0xa0}) {
    std::string token;
    appendCharacter(tokenizer_format::byteToCharacter(byte), token);
    ids.push_back(loaded->tokenizer.tokenToId(token));
  }
  StreamDecoder decoder(loaded->tokenizer, true);
  EXPECT_EQ(decoder.push(ids[0]), "");
  EXPECT_EQ(decoder.push(ids[1]), "");
  EXPECT_EQ(decoder.push(ids[2]), "");
  EXPECT_EQ(decoder.push(ids[3]), "\U0001f9e0");
  EXPECT_EQ(decoder.flush(), "");
  decoder.push(ids[0]);
  decoder.push(ids[1]);
  EXPECT_EQ(decoder.flush(), "\ufffd"); // one for the unfinished character
  EXPECT_EQ(decoder.flush(), "");
}

TEST(TokenizerTest, StreamsByteTokens) {
  std::unique_ptr<Loaded> loaded = load("mistral");
  ASSERT_TRUE(loaded);
  const Tokenizer &tokenizer = loaded->tokenizer;
  auto byte = [&](const char *token) { return tokenizer.tokenToId(token); };
  StreamDecoder decoder(tokenizer, true);
  EXPECT_EQ(decoder.push(byte("<0xC3>")), "");
  EXPECT_EQ(decoder.push(byte("<0xA9>")), "\u00e9");
  EXPECT_EQ(decoder.push(byte("<0xC3>")), "");
  EXPECT_EQ(decoder.push(byte("a")), "\ufffd"
                                     "a");
  EXPECT_EQ(decoder.flush(), "");
  // All at once, a run that is not UTF-8 is bad as a whole.
  EXPECT_EQ(mustDecode(tokenizer,
                       {byte("<0xC3>"), byte("<0xA9>"), byte("<0xC3>")}, true),
            "\ufffd\ufffd\ufffd");
}

TEST(TokenizerTest, MergesAcrossMetaspaceWhereMergesSaySo) {
  auto idsFor = [](const std::string &merges) {
    auto tables = compileTokenizerText(
        R"({"model": {"type": "BPE", "merges": [)" + merges +
            "], \"vocab\": {\"a\": 0, \"\u2581\": 1, \"a\u2581\": 2, "
            "\"\u2581a\": 3, \"\u2581\u2581\": 4}}}",
        "tokenizer.json", 8);
    Tokenizer tokenizer;
    std::string error;
    if (!tables ||
        !Tokenizer::create(tables->data(), tables->size(), tokenizer, error)) {
      ADD_FAILURE();
      return std::vector<int32_t>();
    }
    return mustEncode(tokenizer, "a\u2581\u2581a", false);
  };
  using Ids = std::vector<int32_t>;
  EXPECT_EQ(idsFor("\"a \u2581\""), (Ids{2, 1, 0}));
  EXPECT_EQ(idsFor("\"\u2581 \u2581\", \"\u2581 a\""), (Ids{0, 4, 0}));
  EXPECT_EQ(idsFor("\"\u2581 a\""), (Ids{0, 1, 3}));
}

TEST(TokenizerTest, TakesInvalidUtf8AsReplacement) {
  std::unique_ptr<Loaded> loaded = load("qwen");
  ASSERT_TRUE(loaded);
  EXPECT_EQ(mustEncode(loaded->tokenizer, "a\xff z\xe2\x82", false),
            mustEncode(loaded->tokenizer, "a\ufffd z\ufffd", false));
}

TEST(TokenizerTest, EncodesLongWords) {
  std::mt19937 random(1);
  for (const char *name : {"qwen", "llama3", "mistral", "rare-words"}) {
    std::unique_ptr<Loaded> loaded = load(name);
    ASSERT_TRUE(loaded);
    // Letters alone: one word for every pre-tokenizer.
    std::string text;
    for (int i = 0; i != 300000; ++i)
      text += "etaoinshr"[random() % 9];
    std::vector<int32_t> ids = mustEncode(loaded->tokenizer, text, false);
    EXPECT_LT(ids.size(), text.size());
    EXPECT_EQ(mustDecode(loaded->tokenizer, ids, true), text);
    std::string spaces(300000, ' ');
    ids = mustEncode(loaded->tokenizer, spaces + "x", false);
    EXPECT_FALSE(ids.empty());
  }
}

// Of merges of two letters, several make the same token, in any order.
TEST(TokenizerTest, MergesLongWordsByRankAndThenFromTheLeft) {
  std::mt19937 random(2);
  for (int round = 0; round != 1000; ++round) {
    std::vector<std::string> tokens{"a", "b"};
    std::vector<std::pair<std::string, std::string>> merges;
    while (merges.size() != 60) {
      const std::string left = tokens[random() % tokens.size()];
      const std::string right = tokens[random() % tokens.size()];
      if (left.size() + right.size() > 6 ||
          llvm::is_contained(merges, std::pair(left, right)))
        continue;
      merges.push_back({left, right});
      if (!llvm::is_contained(tokens, left + right))
        tokens.push_back(left + right);
    }
    llvm::json::Object vocabulary;
    for (size_t id = 0; id != tokens.size(); ++id)
      vocabulary[tokens[id]] = static_cast<int64_t>(id);
    llvm::json::Array list;
    for (const auto &[left, right] : merges)
      list.push_back(left + " " + right);
    std::string file;
    llvm::raw_string_ostream(file) << llvm::json::Value(llvm::json::Object{
        {"model", llvm::json::Object{{"type", "BPE"},
                                     {"vocab", std::move(vocabulary)},
                                     {"merges", std::move(list)}}}});
    auto tables = compileTokenizerText(file, "tokenizer.json", 1 << 20);
    ASSERT_TRUE(bool(tables)) << llvm::toString(tables.takeError());
    Tokenizer tokenizer;
    std::string error;
    ASSERT_TRUE(
        Tokenizer::create(tables->data(), tables->size(), tokenizer, error));

    std::string text;
    for (int i = 65 + random() % 300; i != 0; --i)
      text += random() % 8 ? "a" : "b";
    std::vector<std::string> word;
    for (char letter : text)
      word.push_back(std::string(1, letter));
    for (size_t rank = 0; rank != merges.size();) {
      const auto &[left, right] = merges[rank++];
      for (size_t i = 0; i + 1 < word.size(); ++i)
        if (word[i] == left && word[i + 1] == right) {
          word[i] += right;
          word.erase(word.begin() + i + 1);
          rank = 0; // it may have made one of a lower rank
          break;
        }
    }
    std::vector<int32_t> wanted;
    for (const std::string &token : word)
      wanted.push_back(
          static_cast<int32_t>(llvm::find(tokens, token) - tokens.begin()));
    ASSERT_EQ(mustEncode(tokenizer, text, false), wanted) << text;
  }
}

TEST(TokenizerTest, EncodesInSeveralThreads) {
  std::unique_ptr<Loaded> loaded = load("deepseek");
  ASSERT_TRUE(loaded);
  std::string text;
  for (int i = 0; i != 500; ++i)
    text += "let x" + std::to_string(i) + " = \u4e2d\u6587 (* caf\u00e9 *)\n";
  std::vector<int32_t> wanted = mustEncode(loaded->tokenizer, text, true),
                       other[2];
  std::thread first(
      [&] { other[0] = mustEncode(loaded->tokenizer, text, true); });
  std::thread second(
      [&] { other[1] = mustEncode(loaded->tokenizer, text, true); });
  first.join();
  second.join();
  EXPECT_EQ(other[0], wanted);
  EXPECT_EQ(other[1], wanted);
}

TEST(TokenizerTest, RefusesDamagedTables) {
  std::unique_ptr<Loaded> loaded = load("qwen");
  ASSERT_TRUE(loaded);
  const std::vector<uint8_t> &tables = loaded->tables;
  Tokenizer tokenizer;
  std::string error;
  EXPECT_FALSE(Tokenizer::create(nullptr, 0, tokenizer, error));
  EXPECT_EQ(error, "tokenizer tables: 0 bytes are too few for the header of "
                   "136");
  EXPECT_FALSE(
      Tokenizer::create(tables.data(), tables.size() - 1, tokenizer, error));
  std::vector<uint8_t> other = tables;
  other[4] = 99;
  EXPECT_FALSE(Tokenizer::create(other.data(), other.size(), tokenizer, error));
  EXPECT_EQ(error, "tokenizer tables: version 99, this runtime reads version "
                   "3");

  // Whatever the damage, nothing outside the tables may be read.
  std::mt19937 random(1);
  for (int i = 0; i != 2000; ++i) {
    other = tables;
    size_t end = i % 2 ? sizeof(tokenizer_format::Header) : other.size();
    for (int k = 0; k != 3; ++k)
      other[random() % end] = static_cast<uint8_t>(random());
    Tokenizer damaged;
    std::vector<int32_t> ids;
    std::string text;
    if (Tokenizer::create(other.data(), other.size(), damaged, error) &&
        damaged.encode("let caf\u00e9 = 1 + 22", true, ids, error))
      damaged.decode(ids, true, text, error);
  }
}

TEST(Utf8Test, FindsTheFirstBadByte) {
  struct {
    std::string_view text;
    int bad; // -1: none
  } cases[] = {
      {"", -1},
      {"ascii text of more than eight bytes", -1},
      {"\u00e9\u0800\uffff\U0010ffff", -1},
      {"12345678\x80", 8},
      {"\xc0\xaf", 0},            // overlong
      {"\xe0\x9f\xbf", 0},        // overlong
      {"\xf0\x8f\xbf\xbf", 0},    // overlong
      {"a\xed\xa0\x80", 1},       // surrogate
      {"ab\xf4\x90\x80\x80", 2},  // above U+10FFFF
      {"abc\xf8\x88\x80\x80", 3}, // no such lead
      {"abcd\xe2\x82", 4},        // cut off
      {"abcde\xe2\x28\xa1", 5},   // no continuation
  };
  for (const auto &test : cases) {
    size_t offset = 12345;
    EXPECT_EQ(isValidUtf8(test.text, offset), test.bad < 0) << test.text;
    EXPECT_EQ(offset, test.bad < 0 ? 12345 : size_t(test.bad)) << test.text;
  }
}

TEST(Utf8Test, ReplacesEachLongestBadSequence) {
  std::string out;
  EXPECT_EQ(appendLossy("a\xf0\x9f\x98z\xff\xe2\x82", true, out), 8u);
  EXPECT_EQ(out, "a\ufffdz\ufffd\ufffd");
  out.clear();
  EXPECT_EQ(appendLossy("a\xe2\x82", false, out), 1u);
  EXPECT_EQ(out, "a");
}

} // namespace
