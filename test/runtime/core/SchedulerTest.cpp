//===- SchedulerTest.cpp - tests of many sequences in steps ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model whose logits depend on every token before, as it finds them in the
// pages of the cache: a page too few, of another text, or overwritten, and the
// text is another one. It also sees what language a token was given, and
// whether it was computed with its segment when that was complete.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Scheduler.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <unistd.h>

using namespace fpmoe;

static constexpr int64_t vocabulary = 50, context = 200, maxTokens = 24,
                         blockRows = 4;

/// What a step looked like, and what was wrong with it.
static int64_t steps, largestStep;
static std::vector<int64_t> rowsOfSteps;
static std::string fault;
static int64_t stepTokens; ///< that a step may have
static int64_t segment;    ///< tokens; 0: none
static bool hasLanguages;  ///< of tokens, as languageAfter says

/// What the model makes of a text: the hash of all tokens.
static int32_t follows(const std::vector<int32_t> &tokens) {
  uint32_t hash = 1;
  for (int32_t token : tokens)
    hash = hash * 31 + token + 1;
  // Repeats itself now and then.
  return hash % 5 == 0 ? tokens[tokens.size() / 2] : hash % vocabulary;
}

/// The language of the token that comes next.
static int32_t languageAfter(const std::vector<int32_t> &tokens) {
  return tokens.empty() ? -1 : (tokens.back() + tokens.size() / 8) % 3;
}

/// What the cache holds of a token.
struct Entry {
  int32_t token;
  int16_t language;
  /// What a complete segment makes of its tokens; 0: it was not complete.
  int16_t closed;
};

/// What tokens become that are a complete segment.
static int16_t closedAs(const int32_t *tokens) {
  uint32_t hash = 7;
  for (int64_t i = 0; i < segment; ++i)
    hash = hash * 31 + tokens[i];
  return hash % 30000 + 1;
}

static void run(const FpmoeStep *step, int64_t worker, uint8_t *) {
  if (worker > 0)
    return;
  ++steps;
  rowsOfSteps.push_back(step->count);
  largestStep = std::max(largestStep, step->count);
  auto *cache = reinterpret_cast<Entry *>(step->cache);
  auto at = [&](int64_t row, int64_t position) -> Entry & {
    int32_t page = step->pages[row][position / pagePositions];
    if (page < 0 || page >= step->cache_pages)
      fault = "a page that is none";
    return cache[page * pagePositions + position % pagePositions];
  };
  // Rows are covered by query blocks, each of one sequence and block of rows.
  int64_t next = 0;
  for (int64_t i = 0; i < step->query_block_count; ++i) {
    const FpmoeQueryBlock &block = step->query_blocks[i];
    int64_t last = block.first + block.rows - 1;
    if (block.first != next || block.rows < 1 ||
        block.first / blockRows != last / blockRows ||
        step->pages[block.first] != step->pages[last] ||
        step->positions[last] != step->positions[block.first] + block.rows - 1)
      fault = "query blocks are wrong";
    next = last + 1;
  }
  if (next != step->count || step->count > stepTokens)
    fault = "query blocks do not cover the rows";
  std::vector<int16_t> closed(step->count);
  for (int64_t i = 0; i < step->segment_count; ++i) {
    if (step->positions[step->segments[i]] % segment != 0)
      fault = "a segment begins where none does";
    std::fill_n(closed.begin() + step->segments[i], segment,
                closedAs(step->tokens + step->segments[i]));
  }
  for (int64_t row = 0; row < step->count; ++row)
    at(row, step->positions[row]) = {
        step->tokens[row],
        static_cast<int16_t>(hasLanguages ? step->languages[row] : -1),
        closed[row]};
  for (int64_t i = 0; i < step->logits_count; ++i) {
    int64_t row = step->logits_rows[i];
    int64_t last = step->positions[row];
    std::vector<int32_t> tokens, whole;
    for (int64_t p = 0; p <= last; ++p)
      whole.push_back(at(row, p).token);
    for (int64_t p = 0; p <= last; ++p) {
      const Entry &entry = at(row, p);
      if (hasLanguages && entry.language != languageAfter(tokens))
        fault = "a token has another language";
      if (segment > 0 &&
          entry.closed != (p / segment < last / segment
                               ? closedAs(&whole[p / segment * segment])
                               : 0))
        fault = "logits see tokens as no segment has them";
      tokens.push_back(entry.token);
    }
    float *logits = step->logits + i * vocabulary;
    std::fill(logits, logits + vocabulary, 0.0f);
    logits[follows(tokens)] = 1;
  }
}

namespace {

struct Writer : Task {
  Writer(std::vector<int32_t> text, int64_t count) : left(count) {
    prompt = std::move(text);
  }
  std::vector<int32_t>
  languagesOf(const std::vector<int32_t> &tokens) override {
    std::vector<int32_t> languages = languagesAhead(tokens);
    followed.insert(followed.end(), tokens.begin(), tokens.end());
    return languages;
  }
  std::vector<int32_t>
  languagesAhead(const std::vector<int32_t> &tokens) const override {
    std::vector<int32_t> text = followed, languages;
    for (int32_t token : tokens) {
      languages.push_back(languageAfter(text));
      text.push_back(token);
    }
    return languages;
  }
  Next next(float *logits) override {
    for (int32_t token = 0; token < vocabulary; ++token)
      if (logits[token] == 1)
        made.push_back(token);
    return {made.back(), --left == 0};
  }
  void onStart(int64_t count) override { found = count; }
  void onPromptLogits(int64_t position, float *logits) override {
    for (int32_t token = 0; token < vocabulary; ++token)
      if (logits[token] == 1)
        ofPrompt[position] = token;
  }
  void onEnd(End how) override {
    end = how;
    ++ends;
  }

  int64_t left, found = -1;
  std::vector<int32_t> made, followed;
  std::map<int64_t, int32_t> ofPrompt;
  int ends = 0;
  End end = End::cancelled;
};

class SchedulerTest : public testing::Test {
protected:
  void SetUp() override {
    steps = largestStep = segment = 0;
    hasLanguages = false;
    rowsOfSteps.clear();
    fault.clear();
    model.vocabulary = vocabulary;
    model.layers = 1;
    model.context = context;
    model.weight_bytes = 64;
    level.max_tokens = maxTokens;
    level.block_rows = level.query_rows = blockRows;
    level.cache_bytes_per_position = sizeof(Entry);
    level.shared_bytes = level.private_bytes = 64;
    level.tickets = 1;
    level.decode = level.prefill = run;
    path = testing::TempDir() + "scheduler-test-" + std::to_string(getpid());
    FpmoeTrailer trailer = {FPMOE_MAGIC, FPMOE_ABI_VERSION, 0, 0, 64, 5, 0};
    FILE *file = fopen(path.c_str(), "wb");
    char zeros[64] = {};
    fwrite(zeros, sizeof(zeros), 1, file);
    fwrite(&trailer, sizeof(trailer), 1, file);
    fclose(file);
    ASSERT_FALSE(Weights::open(path, model, 5, weights).failed());
    ASSERT_FALSE(Team::create(1, team).failed());
  }
  void TearDown() override {
    unlink(path.c_str());
    EXPECT_EQ(fault, "");
  }
  void open(int64_t sequences, int64_t pages = 0) {
    SchedulerOptions options;
    options.sequences = sequences;
    options.cacheBytes = pages * pagePositions * sizeof(Entry);
    stepTokens = level.max_tokens;
    segment = model.segment;
    hasLanguages = model.languages > 0;
    Status status =
        Scheduler::create(model, level, *team, *weights, options, scheduler);
    ASSERT_FALSE(status.failed()) << status.message();
  }
  void add(Writer &writer) {
    Status status = scheduler->add(writer);
    EXPECT_FALSE(status.failed()) << status.message();
  }
  void checkMix(int64_t sequences, int64_t pages, int64_t drafts);
  void finish() {
    while (scheduler->step())
      ASSERT_LT(steps, 100000);
    EXPECT_EQ(scheduler->counts().running, 0);
    EXPECT_EQ(scheduler->counts().waiting, 0);
    EXPECT_EQ(scheduler->counts().pagesInUse, 0);
  }
  static std::vector<int32_t> promptOf(int64_t count, int32_t seed) {
    std::vector<int32_t> tokens;
    for (int64_t i = 0; i < count; ++i)
      tokens.push_back((seed * 7 + i * i * 3 + i / 11) % vocabulary);
    return tokens;
  }
  static std::vector<int32_t> expected(const Writer &writer, int64_t count) {
    std::vector<int32_t> tokens = writer.prompt;
    for (int64_t i = 0; i < count; ++i)
      tokens.push_back(follows(tokens));
    return std::vector<int32_t>(tokens.begin() + writer.prompt.size(),
                                tokens.end());
  }

  FpmoeModel model = {};
  FpmoeLevel level = {};
  std::string path;
  std::unique_ptr<Weights> weights;
  std::unique_ptr<Team> team;
  std::unique_ptr<Scheduler> scheduler;
};

} // namespace

TEST_F(SchedulerTest, oneTextAlone) {
  open(4);
  Writer writer(promptOf(50, 1), 60);
  add(writer);
  finish();
  EXPECT_EQ(writer.made, expected(writer, 60));
  EXPECT_EQ(writer.ends, 1);
  EXPECT_EQ(writer.end, Task::End::finished);
  // The prompt is read as fast as steps allow.
  EXPECT_EQ(rowsOfSteps[0], maxTokens);
  EXPECT_EQ(rowsOfSteps[1], maxTokens);
  EXPECT_EQ(rowsOfSteps[2], 2);
  EXPECT_EQ(rowsOfSteps[3], 1);
  EXPECT_EQ(steps, 3 + 59) << "the last token is not fed";
}

/// 40 texts of all lengths, which begin alike.
void SchedulerTest::checkMix(int64_t sequences, int64_t pages, int64_t drafts) {
  SCOPED_TRACE(format("%d at a time, %d pages, %d drafts", int(sequences),
                      int(pages), int(drafts)));
  open(sequences, pages);
  std::vector<std::unique_ptr<Writer>> writers;
  std::vector<int64_t> counts;
  for (int i = 0; i < 40; ++i) {
    int64_t size = 1 + (i * 37) % 120;
    counts.push_back(1 + i * 13 % 70);
    writers.push_back(
        std::make_unique<Writer>(promptOf(size, i % 5), counts.back()));
    writers.back()->drafts = drafts;
    add(*writers.back());
    scheduler->step();
  }
  finish();
  for (size_t i = 0; i < writers.size(); ++i) {
    EXPECT_EQ(writers[i]->made, expected(*writers[i], counts[i])) << i;
    EXPECT_EQ(writers[i]->ends, 1) << i;
  }
  EXPECT_EQ(scheduler->counts().accepted > 0, drafts > 0);
}

TEST_F(SchedulerTest, manyTextsOfAllLengths) {
  for (int64_t sequences : {1, 3, 8, 64})
    for (int64_t pages : {7, 20, 1000})
      for (int64_t drafts : {0, 3, 7})
        checkMix(sequences, pages, drafts);
}

TEST_F(SchedulerTest, guessesOfTokensThatHaveLanguages) {
  model.languages = 3;
  for (int64_t sequences : {1, 8})
    for (int64_t drafts : {0, 3, 7})
      checkMix(sequences, /*pages=*/20, drafts);
}

TEST_F(SchedulerTest, guessesEndWithTheSegment) {
  for (int64_t length : {1, 5, 8, 24}) {
    model.segment = length;
    for (int64_t sequences : {1, 8})
      for (int64_t drafts : {0, 3, 7})
        if (length > 1 || drafts == 0) // else there is no room for guesses
          checkMix(sequences, /*pages=*/20, drafts);
  }
}

TEST_F(SchedulerTest, whoGivesUpPagesIsComputedAgain) {
  for (int64_t drafts : {0, 7}) {
    open(5, 9);
    std::vector<std::unique_ptr<Writer>> writers;
    for (int i = 0; i < 5; ++i) {
      writers.push_back(std::make_unique<Writer>(promptOf(3 + i, i), 190));
      writers.back()->drafts = drafts;
      add(*writers.back());
    }
    finish();
    for (auto &writer : writers) {
      EXPECT_EQ(writer->made, expected(*writer, 190));
      EXPECT_EQ(writer->ends, 1);
    }
    EXPECT_GT(scheduler->counts().preemptions, 0);
  }
}

TEST_F(SchedulerTest, beginningsAreShared) {
  open(4, 100);
  std::vector<int32_t> start = promptOf(100, 3);
  Writer first(start, 10);
  add(first);
  finish();
  // Whole pages of the prompt and of what was made, but for the last token.
  Writer same(start, 10);
  add(same);
  finish();
  EXPECT_EQ(same.found, 96);
  EXPECT_EQ(same.made, first.made);
  std::vector<int32_t> other = start;
  other[40] = (other[40] + 1) % vocabulary;
  Writer branch(other, 10);
  add(branch);
  finish();
  EXPECT_EQ(branch.found, 32);
  EXPECT_EQ(branch.made, expected(branch, 10));
  Writer exact(std::vector<int32_t>(start.begin(), start.begin() + 64), 5);
  add(exact);
  finish();
  EXPECT_EQ(exact.found, 32) << "logits are wanted of the last token";
  EXPECT_EQ(exact.made, expected(exact, 5));
}

TEST_F(SchedulerTest, nobodyFindsPagesOfOthers) {
  open(4, 100);
  std::vector<int32_t> start = promptOf(100, 3);
  Writer first(start, 1), stranger(start, 1), forced(start, 1);
  first.owner = 1;
  stranger.owner = 2;
  forced.owner = 1;
  forced.forced = 0;
  for (Writer *writer : {&first, &stranger, &forced}) {
    add(*writer);
    finish();
  }
  EXPECT_EQ(stranger.found, 0);
  EXPECT_EQ(forced.found, 0);
}

TEST_F(SchedulerTest, ownersTakeTurns) {
  open(1, 100);
  Writer a(promptOf(5, 1), 4), b(promptOf(6, 2), 4), c(promptOf(7, 3), 4);
  a.owner = b.owner = 1;
  c.owner = 2;
  open(2, 100);
  add(a);
  scheduler->step();
  add(b);
  add(c);
  scheduler->step();
  EXPECT_EQ(c.found, 0) << "the other owner's comes before the second";
  EXPECT_EQ(b.found, -1);
  finish();
}

TEST_F(SchedulerTest, cancelsWhereverATextIs) {
  open(1, 100);
  Writer running(promptOf(60, 1), 50), waiting(promptOf(5, 2), 5),
      writing(promptOf(5, 3), 50);
  add(running);
  add(waiting);
  scheduler->step();
  scheduler->cancel(waiting);
  scheduler->cancel(running); // in its prompt
  EXPECT_EQ(running.ends, 1);
  EXPECT_EQ(waiting.ends, 1);
  EXPECT_EQ(waiting.end, Task::End::cancelled);
  add(writing);
  for (int i = 0; i < 5; ++i)
    scheduler->step();
  scheduler->cancel(writing);
  scheduler->cancel(writing); // it is gone: nothing happens
  EXPECT_EQ(writing.ends, 1);
  EXPECT_EQ(writing.made.size(), 5u);
  finish();
}

TEST_F(SchedulerTest, aTextThatIsHeldWaits) {
  open(2, 100);
  Writer held(promptOf(5, 1), 10), other(promptOf(6, 2), 3);
  add(held);
  scheduler->step();
  held.isHeld = true;
  add(other);
  while (scheduler->step())
    ;
  EXPECT_EQ(other.ends, 1);
  EXPECT_EQ(held.made.size(), 1u);
  held.isHeld = false;
  finish();
  EXPECT_EQ(held.made, expected(held, 10));
}

TEST_F(SchedulerTest, theContextEndsAText) {
  open(1);
  Writer writer(promptOf(context - 3, 1), 100);
  add(writer);
  finish();
  EXPECT_EQ(writer.end, Task::End::full);
  EXPECT_EQ(writer.made, expected(writer, 4)) << "one more than fits is made";
}

TEST_F(SchedulerTest, logitsOfThePrompt) {
  open(3, 100);
  Writer wants(promptOf(90, 1), 3), other(promptOf(40, 2), 30);
  wants.wantsPromptLogits = true;
  add(other);
  scheduler->step();
  add(wants);
  finish();
  EXPECT_EQ(wants.ofPrompt.size(), 89u);
  for (auto [position, token] : wants.ofPrompt)
    EXPECT_EQ(token,
              follows(std::vector<int32_t>(
                  wants.prompt.begin(), wants.prompt.begin() + position + 1)));
  EXPECT_EQ(wants.made, expected(wants, 3));
}

TEST_F(SchedulerTest, writersDoNotWaitForALongPrompt) {
  open(3, 1000);
  Writer writer(promptOf(5, 1), 40), reader(promptOf(150, 2), 1);
  add(writer);
  scheduler->step();
  add(reader);
  size_t before = writer.made.size();
  for (int i = 0; i < 4; ++i)
    scheduler->step();
  EXPECT_EQ(writer.made.size(), before + 4) << "a token in every step";
  finish();
}

TEST_F(SchedulerTest, refusesWhatDoesNotFit) {
  open(1, 2);
  auto errorOf = [&](std::vector<int32_t> prompt) {
    Writer writer(std::move(prompt), 1);
    return std::string(scheduler->add(writer).message());
  };
  EXPECT_EQ(errorOf({}), "the prompt is empty");
  EXPECT_EQ(errorOf(promptOf(65, 1)),
            "the prompt has 65 tokens, there is room for 64: the model's "
            "context is 200, the cache has 64 positions");
  EXPECT_EQ(errorOf({1, 50}),
            "token 1 has id 50, outside the vocabulary of 50");
  EXPECT_FALSE(scheduler->step());
}

TEST_F(SchedulerTest, textsThatPartInsideASegmentShareNothingOfIt) {
  model.segment = 64;
  level.max_tokens = 64;
  open(3, 100);
  std::vector<int32_t> start = promptOf(150, 3), other = start;
  other[100] = (other[100] + 1) % vocabulary; // not in the first page of its segment
  std::vector<int64_t> found;
  for (auto *text : {&start, &other, &other, &start}) {
    Writer writer(*text, 5);
    add(writer);
    finish();
    EXPECT_EQ(writer.made, expected(writer, 5));
    found.push_back(writer.found);
  }
  EXPECT_EQ(found, (std::vector<int64_t>{0, 64, 128, 128}));
}

TEST_F(SchedulerTest, segmentsEndBeforePagesAreShared) {
  model.segment = 5;
  open(3, 100);
  std::vector<int32_t> start = promptOf(180, 3);
  Writer first(start, 12), second(start, 12);
  add(first);
  finish();
  add(second);
  finish();
  // 160 positions are whole pages and whole segments.
  EXPECT_EQ(second.found, 160);
  EXPECT_EQ(first.made, expected(first, 12));
  EXPECT_EQ(second.made, first.made);
}
