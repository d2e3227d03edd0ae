//===- GgufTokenizerTest.cpp - tokenizers of GGUF files ---------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The golden tokenizers, written as metadata and read back, must give the ids
// that Hugging Face `tokenizers` gives; and metadata with one fault each.
//
//===----------------------------------------------------------------------===//
#include "lib/Tokenizer/Gguf.h"
#include "lib/Tokenizer/Tokenizer.h"
#include "runtime/tokenizer/Tokenizer.h"
#include "test/lib/Checkpoint/GgufSupport.h"
#include "test/runtime/tokenizer/MustEncode.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace fpmoe;
using namespace fpmoe::test;
using namespace llvm;

namespace {

/// The `tokenizer.ggml.*` of one file; each part can be changed.
struct Metadata {
  std::string model = "gpt2", pre;
  std::vector<std::string> tokens;
  std::vector<int32_t> types;
  std::vector<std::string> merges;
  std::vector<float> scores;
  std::vector<std::string> more;

  GgufMetadata parse() const {
    auto numbers = [](auto &values) {
      std::string bytes;
      for (auto value : values)
        bytes += raw(value);
      return bytes;
    };
    std::vector<std::string> keys = more;
    auto key = [](StringRef name) { return ("tokenizer.ggml." + name).str(); };
    if (!model.empty())
      keys.push_back(ggufKey(key("model"), kString, ggufString(model)));
    if (!pre.empty())
      keys.push_back(ggufKey(key("pre"), kString, ggufString(pre)));
    keys.push_back(ggufStrings(key("tokens"), tokens));
    if (!types.empty())
      keys.push_back(
          ggufArray(key("token_type"), kI32, types.size(), numbers(types)));
    if (!merges.empty())
      keys.push_back(ggufStrings(key("merges"), merges));
    if (!scores.empty())
      keys.push_back(
          ggufArray(key("scores"), kF32, scores.size(), numbers(scores)));
    auto file = parseGguf(ggufFile(keys, {}, 0), "m.gguf");
    EXPECT_TRUE(bool(file)) << toString(file.takeError());
    return std::move(file->metadata);
  }

  void add(StringRef name, uint32_t type, const std::string &value) {
    more.push_back(ggufKey(("tokenizer.ggml." + name).str(), type, value));
  }

  std::string fault(int64_t vocabulary = 100) const {
    return message(compileGgufTokenizer(parse(), vocabulary));
  }
};

/// Tables and what reads them.
struct Loaded {
  explicit Loaded(const Metadata &metadata) {
    auto made = compileGgufTokenizer(metadata.parse(), 100000);
    if (!made) {
      ADD_FAILURE() << toString(made.takeError());
      return;
    }
    tables = std::move(*made);
    std::string error;
    EXPECT_TRUE(
        Tokenizer::create(tables.data(), tables.size(), tokenizer, error));
  }
  std::vector<uint8_t> tables;
  Tokenizer tokenizer;
};

json::Value readGolden(const std::string &name) {
  auto file = MemoryBuffer::getFile(FPMOE_TOKENIZER_GOLDEN_DIR "/" + name);
  EXPECT_TRUE(file);
  auto value = json::parse((*file)->getBuffer());
  EXPECT_TRUE(bool(value));
  return std::move(*value);
}

/// As a converter to GGUF writes the file.
Metadata toMetadata(const json::Object &file) {
  Metadata metadata;
  const json::Object &model = *file.getObject("model");
  for (const auto &[text, id] : *model.getObject("vocab")) {
    size_t index = *id.getAsInteger();
    metadata.tokens.resize(std::max(metadata.tokens.size(), index + 1));
    metadata.tokens[index] = StringRef(text).str();
  }
  metadata.types.resize(metadata.tokens.size(), 1);
  for (const json::Value &value : *file.getArray("added_tokens")) {
    const json::Object &token = *value.getAsObject();
    size_t id = *token.getInteger("id");
    metadata.tokens.resize(std::max(metadata.tokens.size(), id + 1));
    metadata.types.resize(metadata.tokens.size(), 1);
    metadata.tokens[id] = token.getString("content")->str();
    metadata.types[id] = *token.getBoolean("special") ? 3 : 4;
  }
  for (const json::Value &merge : *model.getArray("merges"))
    metadata.merges.push_back((*(*merge.getAsArray())[0].getAsString() + " " +
                               *(*merge.getAsArray())[1].getAsString())
                                  .str());
  return metadata;
}

void compareWithGolden(const Tokenizer &tokenizer, const std::string &name) {
  json::Value cases = readGolden(name + ".cases.json");
  for (const json::Value &value : *cases.getAsArray()) {
    const json::Object &object = *value.getAsObject();
    std::string text = object.getString("text")->str();
    std::vector<int32_t> ids;
    for (const json::Value &id : *object.getArray("ids"))
      ids.push_back(static_cast<int32_t>(*id.getAsInteger()));
    EXPECT_EQ(mustEncode(tokenizer, text, false), ids) << text;
    EXPECT_EQ(mustDecode(tokenizer, ids, true),
              object.getString("decoded")->str());
    std::vector<int32_t> withPrefix;
    for (const json::Value &id : *object.getArray("prefix"))
      withPrefix.push_back(static_cast<int32_t>(*id.getAsInteger()));
    withPrefix.insert(withPrefix.end(), ids.begin(), ids.end());
    EXPECT_EQ(mustEncode(tokenizer, text, true), withPrefix) << text;
  }
}

struct Golden {
  const char *file, *pre;
  /// Of the token that starts every text.
  int bos = -1;
};

class GgufGoldenTest : public testing::TestWithParam<Golden> {};

} // namespace

TEST_P(GgufGoldenTest, GivesTheIdsOfTokenizerJson) {
  json::Value file =
      readGolden(GetParam().file + std::string(".tokenizer.json"));
  Metadata metadata = toMetadata(*file.getAsObject());
  metadata.pre = GetParam().pre;
  if (GetParam().bos >= 0) {
    metadata.add("bos_token_id", kU32, raw<uint32_t>(GetParam().bos));
    metadata.add("add_bos_token", kBool, raw<uint8_t>(1));
  }
  compareWithGolden(Loaded(metadata).tokenizer, GetParam().file);
}

INSTANTIATE_TEST_SUITE_P(
    All, GgufGoldenTest,
    testing::Values(Golden{"qwen", "qwen2"}, Golden{"llama3", "llama-bpe", 900},
                    Golden{"deepseek", "deepseek-coder", 900},
                    Golden{"starcoder2", "starcoder"}),
    [](auto &info) { return info.param.file; });

/// llama.cpp reads the same file.
class LlamaCppTest : public testing::TestWithParam<const char *> {};

TEST_P(LlamaCppTest, GivesTheSameIds) {
  std::string folder = FPMOE_GGUF_GOLDEN_DIR "/" + std::string(GetParam());
  auto file = readGguf(folder + "/model.gguf");
  ASSERT_TRUE(bool(file)) << toString(file.takeError());
  auto tables = compileGgufTokenizer(file->metadata, 1000);
  ASSERT_TRUE(bool(tables)) << toString(tables.takeError());
  Tokenizer tokenizer;
  std::string error;
  ASSERT_TRUE(
      Tokenizer::create(tables->data(), tables->size(), tokenizer, error));
  auto texts = MemoryBuffer::getFile(folder + "/texts.txt");
  ASSERT_TRUE(texts);
  SmallVector<StringRef> lines;
  (*texts)->getBuffer().rtrim().split(lines, '\n');
  ASSERT_GT(lines.size(), 5u);
  for (StringRef line : lines) {
    json::Value pair = cantFail(json::parse(line));
    std::string text = (*pair.getAsArray())[0].getAsString()->str();
    std::vector<int32_t> ids;
    for (const json::Value &id : *(*pair.getAsArray())[1].getAsArray())
      ids.push_back(static_cast<int32_t>(*id.getAsInteger()));
    EXPECT_EQ(mustEncode(tokenizer, text, true), ids) << text;
  }
}

INSTANTIATE_TEST_SUITE_P(All, LlamaCppTest,
                         testing::Values("llama", "llama-spm"), [](auto &info) {
                           return StringRef(info.param).contains("spm")
                                      ? "SentencePiece"
                                      : "ByteLevel";
                         });

/// SentencePiece: the scores stand in for the list of merges.
TEST(GgufTokenizer, MergesFollowFromScores) {
  json::Value file = readGolden("mistral.tokenizer.json");
  Metadata metadata = toMetadata(*file.getAsObject());
  metadata.model = "llama";
  metadata.scores.resize(metadata.tokens.size(), -1e9f);
  for (const auto &[rank, merge] : enumerate(metadata.merges)) {
    auto [left, right] = StringRef(merge).split(' ');
    size_t id =
        find(metadata.tokens, (left + right).str()) - metadata.tokens.begin();
    metadata.scores[id] = -static_cast<float>(rank);
  }
  metadata.merges.clear();
  for (const auto &[id, text] : enumerate(metadata.tokens))
    if (text.size() == 6 && StringRef(text).starts_with("<0x"))
      metadata.types[id] = 6;
  metadata.types[0] = 2;
  metadata.add("bos_token_id", kU32, raw<uint32_t>(1));
  metadata.add("unknown_token_id", kU32, raw<uint32_t>(0));
  compareWithGolden(Loaded(metadata).tokenizer, "mistral");
}

//===----------------------------------------------------------------------===//
// Small vocabularies
//===----------------------------------------------------------------------===//

/// Of a, b, c with one merge, and a control token.
static Metadata small() {
  Metadata metadata;
  metadata.pre = "gpt-2";
  metadata.tokens = {"a", "b", "ab", "<s>", "x", "\u0120"};
  metadata.types = {1, 1, 1, 3, 5, 1};
  metadata.merges = {"a b"};
  return metadata;
}

TEST(GgufTokenizer, ReadsTokensAndMerges) {
  Metadata metadata = small();
  metadata.add("bos_token_id", kU32, raw<uint32_t>(3));
  metadata.add("eos_token_id", kU32, raw<uint32_t>(0));
  metadata.add("add_eos_token", kBool, raw<uint8_t>(1));
  Loaded without(metadata);
  EXPECT_EQ(mustEncode(without.tokenizer, "ab ba<s>", true),
            (std::vector<int32_t>{2, 5, 1, 0, 3, 0}));
  metadata.add("add_bos_token", kBool, raw<uint8_t>(1));
  Loaded with(metadata);
  EXPECT_EQ(mustEncode(with.tokenizer, "ab", true),
            (std::vector<int32_t>{3, 2, 0}));
  // An unused token stands for no text.
  EXPECT_EQ(mustDecode(with.tokenizer, {0, 4, 1}, true), "ab");
}

TEST(GgufTokenizer, TextsThatLookLikeBytes) {
  Metadata metadata;
  metadata.model = "llama";
  metadata.tokens = {"<unk>", "<s>", "<0x-1>", "<0x1-1>", "<0xZZ>", "<0x", "a"};
  metadata.types = {2, 3, 1, 6, 6, 1, 1};
  metadata.scores.resize(7, 0);
  metadata.add("bos_token_id", kU32, raw<uint32_t>(1));
  Loaded loaded(metadata);
  EXPECT_EQ(mustDecode(loaded.tokenizer, {6, 2, 3, 4, 6}, true),
            "a<0x-1><0x1-1><0xZZ>a");
}

TEST(GgufTokenizer, Faults) {
  EXPECT_EQ(small().fault(), "no error");
  Metadata m = small();
  m.model = "";
  EXPECT_EQ(m.fault(), "m.gguf: has no key 'tokenizer.ggml.model'");
  m.model = "bert";
  EXPECT_EQ(m.fault(), "m.gguf: tokenizer.ggml.model is 'bert', which is not "
                       "supported (supported: gpt2, llama)");
  m = small();
  m.pre = "qwen9";
  EXPECT_EQ(m.fault(),
            "m.gguf: tokenizer.ggml.pre is 'qwen9', which is not supported "
            "(supported: " +
                listPreTokenizers() + ")");
  m = small();
  m.types.pop_back();
  EXPECT_EQ(m.fault(), "m.gguf: tokenizer.ggml.token_type has 5 elements, "
                       "tokenizer.ggml.tokens has 6");
  m = small();
  m.types[2] = 7;
  EXPECT_EQ(m.fault(),
            "m.gguf: tokenizer.ggml.token_type[2] is 7, types are 1 to 6");
  m = small();
  m.tokens[5] = "b";
  EXPECT_EQ(m.fault(),
            "m.gguf: tokenizer.ggml.tokens[5] is 'b', as is element 1");
  m = small();
  m.tokens[1] = "\xff";
  EXPECT_EQ(m.fault(), "m.gguf: tokenizer.ggml.tokens[1] '\xef\xbf\xbd' is "
                       "not valid UTF-8");
  EXPECT_EQ(small().fault(5),
            "m.gguf: tokenizer.ggml: model.vocab['\u0120'] is id 5 for token "
            "'\u0120', ids must be below 5, the vocabulary size of the model");
}

TEST(GgufTokenizer, FaultsOfMerges) {
  Metadata m = small();
  m.merges.clear();
  EXPECT_EQ(m.fault(), "m.gguf: has no key 'tokenizer.ggml.merges'");
  for (const char *wrong : {"ab", "", " ", " b", "a "}) {
    m.merges = {"a b", wrong};
    EXPECT_EQ(m.fault(), std::string("m.gguf: tokenizer.ggml.merges[1] is '") +
                             wrong +
                             "', it must be two tokens with a space between");
  }
  m.merges = {"a c"};
  EXPECT_EQ(m.fault(), "m.gguf: tokenizer.ggml.merges[0] is 'a c', but 'c' is "
                       "no token");
  m.merges = {"b a"};
  EXPECT_EQ(m.fault(), "m.gguf: tokenizer.ggml: model.merges[0] joins 'b' and "
                       "'a', but 'ba' is not in model.vocab");
}

TEST(GgufTokenizer, FaultsOfScores) {
  Metadata m = small();
  m.model = "llama";
  m.add("bos_token_id", kU32, raw<uint32_t>(3));
  EXPECT_EQ(m.fault(), "m.gguf: has no key 'tokenizer.ggml.scores'");
  m.scores = {1};
  EXPECT_EQ(m.fault(), "m.gguf: tokenizer.ggml.scores has 1 elements, "
                       "tokenizer.ggml.tokens has 6");
  m.scores = {0, 0, NAN, 0, 0, 0};
  EXPECT_EQ(m.fault(),
            "m.gguf: tokenizer.ggml.scores[2] is not a finite number");
  m.scores[2] = 0;
  EXPECT_EQ(m.fault(), "no error");
  m.tokens[4] = std::string(513, 'x');
  m.types[4] = 1;
  EXPECT_EQ(m.fault(), "m.gguf: tokenizer.ggml.tokens[4] has 513 bytes, the "
                       "limit is 512");
  m.types[4] = 5;
  m.add("remove_extra_whitespaces", kBool, raw<uint8_t>(1));
  EXPECT_EQ(m.fault(), "m.gguf: tokenizer.ggml.remove_extra_whitespaces is "
                       "the BOOL true, which is not supported");
}

TEST(GgufTokenizer, FaultsOfSpecialTokens) {
  Metadata m = small();
  m.add("add_bos_token", kBool, raw<uint8_t>(1));
  EXPECT_EQ(m.fault(), "m.gguf: tokenizer.ggml.add_bos_token asks for a "
                       "token, but there is no tokenizer.ggml.bos_token_id");
  Metadata outside = m;
  outside.add("bos_token_id", kU32, raw<uint32_t>(6));
  EXPECT_EQ(outside.fault(), "m.gguf: tokenizer.ggml.bos_token_id is 6, there "
                             "are 6 tokens");
  Metadata unused = m;
  unused.add("bos_token_id", kU32, raw<uint32_t>(4));
  EXPECT_EQ(unused.fault(), "m.gguf: tokenizer.ggml.bos_token_id is 4, which "
                            "is an unused token");
}
