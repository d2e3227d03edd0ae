//===- RanksRunnerTest.cpp - tests of steps on several ranks ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two ranks in one process, each with threads of its own, whose messages go
// through memory instead of MPI.
//
//===----------------------------------------------------------------------===//

#include "runtime/ranks/RanksRunner.h"
#include "runtime/ranks/Follower.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <unistd.h>

using namespace fpmoe;

using Bytes = std::vector<uint8_t>;

namespace {
/// What ranks send each other, by kind and receiver.
class Mail {
public:
  void put(int kind, int to, const void *data, int64_t bytes) {
    std::lock_guard<std::mutex> lock(mutex);
    auto from = static_cast<const uint8_t *>(data);
    letters[{kind, to}].emplace_back(from, from + bytes);
    changed.notify_all();
  }
  /// The next one, which stays there if it is only looked at.
  Bytes take(int kind, int to, bool stays = false) {
    std::unique_lock<std::mutex> lock(mutex);
    auto &box = letters[{kind, to}];
    changed.wait(lock, [&] { return !box.empty(); });
    Bytes letter = box.front();
    if (!stays)
      box.pop_front();
    return letter;
  }

private:
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::pair<int, int>, std::deque<Bytes>> letters;
};
enum { message, record, number, matrix };
} // namespace

static Mail mail;

template <int self> static FpmoeMpi makeMpi() {
  FpmoeMpi mpi = {};
  mpi.rank = [] { return int32_t(self); };
  mpi.count = [] { return int32_t(2); };
  mpi.host = [](int32_t) { return "here"; };
  mpi.error = [] { return ""; };
  mpi.send = [](const void *data, int64_t bytes) {
    mail.put(message, 1, data, bytes);
    return 0;
  };
  mpi.wait = [] { return int64_t(mail.take(message, 1, true).size()); };
  mpi.receive = [](void *data, int64_t bytes) {
    Bytes letter = mail.take(message, 1);
    memcpy(data, letter.data(), bytes);
    return 0;
  };
  mpi.collect = [](const void *own, int64_t bytes, void *all) {
    if (self == 1) {
      mail.put(record, 0, own, bytes);
      return 0;
    }
    memcpy(all, own, bytes);
    memcpy(static_cast<char *>(all) + bytes, mail.take(record, 0).data(),
           bytes);
    return 0;
  };
  mpi.reduce = [](float *numbers, int64_t count) {
    mail.put(number, 1 - self, numbers, count * sizeof(float));
    Bytes letter = mail.take(number, self);
    auto other = reinterpret_cast<const float *>(letter.data());
    for (int64_t i = 0; i < count; ++i)
      numbers[i] += other[i];
    return 0;
  };
  mpi.gather = [](const float *part, int64_t rows, int64_t partColumns,
                  float *all, int64_t columns) {
    if (self == 1) {
      mail.put(matrix, 0, part, rows * partColumns * sizeof(float));
      return 0;
    }
    Bytes letter = mail.take(matrix, 0);
    auto other = reinterpret_cast<const float *>(letter.data());
    for (int64_t i = 0; i < rows * columns; ++i) {
      int64_t row = i / columns, column = i % columns;
      all[i] = column < partColumns
                   ? part[row * partColumns + column]
                   : other[row * partColumns + column - partColumns];
    }
    return 0;
  };
  mpi.finish = [](int) { return 0; };
  mpi.abort = [](int) { abort(); };
  return mpi;
}

static constexpr int64_t vocabulary = 7, rankVocabulary = 4, maxTokens = 4;

/// A logit is the weights' bytes of both ranks together, times the token, plus
/// the token before from the cache, plus its column.
static void run(const FpmoeStep *step, int64_t worker, uint8_t *) {
  auto *sums = reinterpret_cast<float *>(step->shared);
  auto *cache = reinterpret_cast<int32_t *>(step->cache);
  auto at = [&](int64_t row, int32_t position) -> int32_t & {
    return cache[step->pages[row][position / 32] * 32 + position % 32];
  };
  if (worker == 0)
    for (int64_t i = 0; i < step->count; ++i) {
      at(i, step->positions[i]) = step->tokens[i];
      sums[i] = static_cast<float>(step->tokens[i] * step->weights[0]);
    }
  fpmoe_barrier(step->team, worker);
  if (worker == step->workers - 1)
    step->reduce(step->ranks, sums, step->count);
  fpmoe_barrier(step->team, worker);
  for (int64_t i = worker; i < step->logits_count; i += step->workers) {
    int32_t row = step->logits_rows[i], position = step->positions[row];
    for (int64_t v = 0; v < rankVocabulary; ++v)
      step->logits[i * rankVocabulary + v] =
          sums[row] + (position ? at(row, position - 1) : 0) +
          static_cast<float>(step->first_token + v) / 16;
  }
  fpmoe_barrier(step->team, worker);
}

namespace {
class RanksRunnerTest : public testing::TestWithParam<int> {
protected:
  /// What a rank has.
  struct Part {
    std::unique_ptr<Weights> weights;
    std::unique_ptr<Team> team;
  };

  void SetUp() override {
    model.vocabulary = vocabulary;
    model.context = 64;
    model.ranks = 2;
    model.rank_vocabulary = rankVocabulary;
    model.rank_weight_bytes = hugePageBytes;
    model.weight_bytes = 2 * hugePageBytes;
    level.max_tokens = maxTokens;
    level.query_rows = 2;
    level.cache_bytes_per_position = 4;
    level.shared_bytes = 64;
    level.private_bytes = 64;
    level.decode = level.prefill = run;
    path = testing::TempDir() + "ranks-test-" + std::to_string(getpid());
    std::string content(2 * hugePageBytes, 1);
    content[hugePageBytes] = 2; // what rank 1 has begins here
    FpmoeTrailer trailer = {FPMOE_MAGIC,    FPMOE_ABI_VERSION, 0, 0,
                            content.size(), /*fingerprint=*/5, 0};
    content.append(reinterpret_cast<const char *>(&trailer), sizeof(trailer));
    FILE *file = fopen(path.c_str(), "wb");
    ASSERT_EQ(fwrite(content.data(), 1, content.size(), file), content.size());
    fclose(file);
    for (int rank = 0; rank < 2; ++rank) {
      Status status = Weights::open(path, model, 5, parts[rank].weights, rank);
      ASSERT_FALSE(status.failed()) << status.message();
      ASSERT_FALSE(Team::create(GetParam(), parts[rank].team).failed());
    }
    secondLevel = level;
    follower = std::thread([this] { follow(); });
  }
  void TearDown() override {
    RanksCommand command = {RanksCommand::leave, 0};
    RanksMessage message;
    append(message, &command);
    first.send(message);
    follower.join();
    unlink(path.c_str());
  }

  void follow() {
    Follower follower(second, model, secondLevel, *parts[1].team,
                      *parts[1].weights, HugePages::on);
    while (true) {
      RanksMessage message = second.receive();
      MessageReader reader(message);
      RanksCommand command = {};
      reader.read(&command);
      if (command.kind == RanksCommand::leave)
        return;
      follower.obey(command, reader);
    }
  }

  std::unique_ptr<StepRunner> make(int64_t pages) {
    StepperOptions options;
    options.pages = pages;
    options.logitsRows = 3;
    std::unique_ptr<StepRunner> runner;
    Status status = RanksRunner::create(first, model, level, *parts[0].team,
                                        *parts[0].weights, options, runner);
    error = status.message();
    return runner;
  }

  /// Feeds tokens from a position on, and compares all logits; `before` is the
  /// one before them.
  void feed(StepRunner &runner, std::vector<int32_t> tokens, int32_t position,
            const std::vector<int32_t> &table, int32_t before) {
    std::vector<int32_t> positions, rows;
    std::vector<const int32_t *> pages(tokens.size(), table.data());
    std::vector<FpmoeQueryBlock> blocks;
    for (int32_t i = 0; i < int32_t(tokens.size()); ++i) {
      positions.push_back(position + i);
      rows.push_back(i);
      blocks.push_back({i, 1});
    }
    FpmoeStep step = {};
    step.tokens = tokens.data();
    step.count = step.logits_count = step.query_block_count = tokens.size();
    step.positions = positions.data();
    step.pages = pages.data();
    step.query_blocks = blocks.data();
    step.logits_rows = rows.data();
    int64_t firstRow = 3 - tokens.size();
    ASSERT_FALSE(runner.run(step, firstRow).failed());
    for (size_t i = 0; i < tokens.size(); ++i) {
      for (int64_t v = 0; v < vocabulary; ++v)
        EXPECT_EQ(runner.logits()[(firstRow + i) * vocabulary + v],
                  tokens[i] * 3 + before + v / 16.f)
            << "row " << i << ", column " << v;
      before = tokens[i];
    }
  }

  FpmoeModel model = {};
  FpmoeLevel level = {}, secondLevel = {};
  std::string path, error;
  FpmoeMpi mpis[2] = {makeMpi<0>(), makeMpi<1>()};
  Ranks first{mpis[0]}, second{mpis[1]};
  Part parts[2];
  std::thread follower;
};
} // namespace

TEST_P(RanksRunnerTest, logitsAreThoseOfAllRanks) {
  std::unique_ptr<StepRunner> runner = make(4);
  ASSERT_EQ(error, "");
  std::vector<int32_t> table = {3, 1};
  feed(*runner, {4, 5, 6}, 0, table, 0);
  feed(*runner, {2}, 3, table, 6);
  feed(*runner, {1, 3}, 4, table, 2);
}

TEST_P(RanksRunnerTest, runnersHaveTheirOwnCaches) {
  std::unique_ptr<StepRunner> a = make(2), b = make(3);
  std::vector<int32_t> table = {1};
  feed(*a, {4, 5}, 0, table, 0);
  feed(*b, {6, 1}, 0, table, 0);
  feed(*a, {2}, 2, table, 5);
  a.reset();
  feed(*b, {3}, 2, table, 1);
  std::unique_ptr<StepRunner> c = make(1);
  feed(*c, {5}, 0, {0}, 0);
  // Filled on all ranks, or they would not have the same of it.
  c->fillCache();
  feed(*c, {5}, 9, {0}, 0x3c3c3c3c);
}

TEST_P(RanksRunnerTest, weightsAreCopiedOnAllRanks) {
  std::unique_ptr<StepRunner> runner = make(1);
  parts[0].weights->planCopy(HugePages::on, 1);
  feed(*runner, {4}, 0, {0}, 0);
  parts[0].weights->continueCopy(*parts[0].team, 1e9, 1e9);
  EXPECT_TRUE(parts[0].weights->isCopied());
  feed(*runner, {2}, 1, {0}, 4);
  EXPECT_TRUE(parts[1].weights->isCopied());
}

TEST_P(RanksRunnerTest, aRankThatHasNoRoomIsNamed) {
  secondLevel.cache_bytes_per_position = INT64_MAX / 2;
  EXPECT_EQ(make(1), nullptr);
  EXPECT_EQ(error, "rank 1 on here: the key/value cache is larger than memory "
                   "can be");
  secondLevel = level;
  std::unique_ptr<StepRunner> runner = make(1);
  ASSERT_EQ(error, "");
  feed(*runner, {4}, 0, {0}, 0);
}

INSTANTIATE_TEST_SUITE_P(Threads, RanksRunnerTest, testing::Values(1, 3));
