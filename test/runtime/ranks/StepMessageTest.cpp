//===- StepMessageTest.cpp - tests of steps as messages ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is read is what was written; what is cut, too long or out of range is
// refused, wherever it is.
//
//===----------------------------------------------------------------------===//

#include "runtime/ranks/StepMessage.h"

#include <gtest/gtest.h>

using namespace fpmoe;

namespace {
/// Two sequences, of three rows and of one.
class StepMessageTest : public testing::Test {
protected:
  void SetUp() override {
    model.vocabulary = 100;
    model.context = 200;
    model.experts = 3;
    model.languages = 2;
    model.segment = 2;
    level.max_tokens = 8;
    level.query_rows = 2;
    options.pages = 10;
    options.logitsRows = 2;
    step.tokens = tokens;
    step.count = 4;
    step.positions = positions;
    step.pages = pages;
    step.query_blocks = blocks;
    step.query_block_count = 3;
    step.logits_rows = logitsRows;
    step.logits_count = 2;
    step.segments = segments;
    step.segment_count = 1;
    step.forced = forced;
    step.languages = languages;
    step.whole_text = 1;
  }

  RanksMessage encode() {
    RanksMessage message;
    encodeStep(step, CopyState::planned, message);
    return message;
  }
  std::string decode(const RanksMessage &message) {
    MessageReader reader(message);
    return decoded.decode(reader, model, level, options).message();
  }
  std::string error() { return decode(encode()); }

  int32_t tokens[4] = {5, 99, 0, 7}, positions[4] = {62, 63, 64, 0};
  int32_t first[3] = {4, 2, 9}, second[1] = {0};
  const int32_t *pages[4] = {first, first, first, second};
  FpmoeQueryBlock blocks[3] = {{0, 2}, {2, 1}, {3, 1}};
  int32_t logitsRows[2] = {2, 3}, segments[1] = {1};
  int32_t forced[4] = {-1, 2, -1, 0}, languages[4] = {1, -1, 0, 0};
  FpmoeModel model = {};
  FpmoeLevel level = {};
  StepperOptions options;
  FpmoeStep step = {};
  DecodedStep decoded;
};
} // namespace

template <typename T>
static std::vector<T> listOf(const T *data, int64_t count) {
  return std::vector<T>(data, data + count);
}

TEST_F(StepMessageTest, isTheStepThatWasWritten) {
  ASSERT_EQ(error(), "");
  const FpmoeStep &got = decoded.step;
  ASSERT_EQ(got.count, 4);
  EXPECT_EQ(listOf(got.tokens, 4), listOf(tokens, 4));
  EXPECT_EQ(listOf(got.positions, 4), listOf(positions, 4));
  EXPECT_EQ(listOf(got.forced, 4), listOf(forced, 4));
  EXPECT_EQ(listOf(got.languages, 4), listOf(languages, 4));
  ASSERT_EQ(got.logits_count, 2);
  EXPECT_EQ(listOf(got.logits_rows, 2), listOf(logitsRows, 2));
  ASSERT_EQ(got.segment_count, 1);
  EXPECT_EQ(got.segments[0], 1);
  ASSERT_EQ(got.query_block_count, 3);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(got.query_blocks[i].first, blocks[i].first);
    EXPECT_EQ(got.query_blocks[i].rows, blocks[i].rows);
  }
  // Rows of a sequence have one pointer.
  EXPECT_EQ(got.pages[0], got.pages[2]);
  EXPECT_NE(got.pages[0], got.pages[3]);
  EXPECT_EQ(listOf(got.pages[0], 3), listOf(first, 3));
  EXPECT_EQ(got.pages[3][0], 0);
  EXPECT_EQ(got.whole_text, 1);
  EXPECT_EQ(got.cache_pages, 10);
  EXPECT_EQ(got.routes, nullptr);
  EXPECT_EQ(decoded.copy, CopyState::planned);
}

TEST_F(StepMessageTest, whatIsMissingStaysSo) {
  step.forced = step.languages = nullptr;
  step.segment_count = step.logits_count = step.whole_text = 0;
  ASSERT_EQ(error(), "");
  EXPECT_EQ(decoded.step.forced, nullptr);
  EXPECT_EQ(decoded.step.languages, nullptr);
  EXPECT_EQ(decoded.step.segment_count, 0);
  EXPECT_EQ(decoded.step.logits_count, 0);
  EXPECT_EQ(decoded.step.whole_text, 0);
}

TEST_F(StepMessageTest, pagesThatAreNotUsedAreNotSent) {
  size_t before = encode().size();
  positions[0] = 61, positions[1] = 62, positions[2] = 63;
  EXPECT_EQ(encode().size(), before - sizeof(int32_t));
}

TEST_F(StepMessageTest, refusesWhatIsCutOrTooLong) {
  RanksMessage whole = encode();
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_NE(decode(RanksMessage(whole.begin(), whole.begin() + size)), "")
        << size;
  whole.push_back(0);
  EXPECT_EQ(decode(whole), "it does not end where it should");
}

/// Whatever a number is, what is taken stays within the runner's memory.
TEST_F(StepMessageTest, anyWordMayBeWrong) {
  RanksMessage whole = encode();
  for (size_t at = 0; at + 4 <= whole.size(); at += 4)
    for (int32_t word :
         {INT32_MIN, -2, -1, 0, 1, 2, 3, 64, 1 << 20, INT32_MAX}) {
      RanksMessage wrong = whole;
      memcpy(&wrong[at], &word, sizeof(word));
      if (decode(wrong) != "")
        continue;
      const FpmoeStep &got = decoded.step;
      ASSERT_LE(got.count, level.max_tokens);
      for (int64_t i = 0; i < got.count; ++i) {
        ASSERT_TRUE(got.tokens[i] >= 0 && got.tokens[i] < 100);
        ASSERT_TRUE(got.positions[i] >= 0 && got.positions[i] < 200);
        for (int32_t page = 0; page <= got.positions[i] / 32; ++page)
          ASSERT_TRUE(got.pages[i][page] >= 0 && got.pages[i][page] < 10);
        ASSERT_TRUE(!got.forced || got.forced[i] < 3);
      }
      ASSERT_LE(got.logits_count, 2);
      for (int64_t i = 0; i < got.logits_count; ++i)
        ASSERT_TRUE(got.logits_rows[i] >= 0 && got.logits_rows[i] < got.count);
    }
}

TEST_F(StepMessageTest, namesWhatIsWrong) {
  tokens[1] = 100;
  EXPECT_EQ(error(), "an id is outside of the vocabulary");
  tokens[1] = 1;
  first[2] = 10;
  EXPECT_EQ(error(), "a page is outside of the cache");
  first[2] = 9;
  logitsRows[1] = 4;
  EXPECT_EQ(error(), "logits are wanted of rows that it does not have");
  logitsRows[1] = 2;
  EXPECT_EQ(error(), "logits are wanted of rows that it does not have");
  logitsRows[1] = 3;
  options.logitsRows = 1;
  EXPECT_EQ(error(), "its sizes are not those of a step");
  options.logitsRows = 2;
  level.max_tokens = 3;
  EXPECT_EQ(error(), "its sizes are not those of a step");
  level.max_tokens = 8;
  blocks[0] = {0, 3};
  EXPECT_EQ(error(), "its query blocks are not all of its rows");
  blocks[0] = {0, 2};
  step.query_block_count = 2;
  EXPECT_EQ(error(), "its query blocks are not all of its rows");
  step.query_block_count = 3;
  segments[0] = 3;
  EXPECT_EQ(error(), "its segments are not all in it");
  segments[0] = 1;
  forced[0] = 3;
  EXPECT_EQ(error(), "it names an expert that does not exist");
  forced[0] = -1;
  languages[0] = 2;
  EXPECT_EQ(error(), "it names an expert that does not exist");
  languages[0] = 0;
  positions[1] = 64;
  EXPECT_EQ(error(), "rows do not make sequences");
  positions[1] = 63;
  model.context = 64;
  EXPECT_EQ(error(), "rows do not make sequences");
  model.context = 65;
  EXPECT_EQ(error(), "");
}
