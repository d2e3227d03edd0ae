//===- WeightsTest.cpp - tests of finding and mapping weights ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whole files are mapped and copied; every way in which a file can be broken
// has a message of its own.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Weights.h"
#include "runtime/core/Team.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <numeric>
#include <unistd.h>

using namespace fpmoe;

static constexpr uint64_t fingerprint = 42, weightBytes = 5 << 20;
static constexpr uint64_t offset = 2 << 20;

namespace {
class WeightsTest : public testing::Test {
protected:
  void SetUp() override {
    path = testing::TempDir() + "weights-test-" + std::to_string(getpid());
    model.weight_bytes = weightBytes;
    blob.resize(weightBytes);
    for (size_t i = 0; i < blob.size(); ++i)
      blob[i] = static_cast<uint8_t>(i * 7 + i / 4096);
    trailer.magic = FPMOE_MAGIC;
    trailer.abi_version = FPMOE_ABI_VERSION;
    trailer.offset = offset;
    trailer.bytes = weightBytes;
    trailer.fingerprint = fingerprint;
  }
  void TearDown() override { unlink(path.c_str()); }

  /// Writes the program, the blob and the trailer, cut to `size` bytes.
  void write(size_t size = SIZE_MAX) {
    std::string content(offset, 'x');
    content.append(blob.begin(), blob.end());
    content.append(reinterpret_cast<const char *>(&trailer), sizeof(trailer));
    content.resize(std::min(size, content.size()));
    FILE *file = fopen(path.c_str(), "wb");
    ASSERT_TRUE(file);
    ASSERT_EQ(fwrite(content.data(), 1, content.size(), file), content.size());
    fclose(file);
  }

  std::string open(int32_t rank = 0) {
    std::unique_ptr<Weights> opened;
    Status status = Weights::open(path, model, fingerprint, opened, rank);
    if (!status.failed()) {
      weights = std::move(opened);
      return "";
    }
    EXPECT_EQ(status.message().rfind(path + ": ", 0), 0u) << status.message();
    return status.message().substr(path.size() + 2);
  }

  std::string path;
  FpmoeModel model = {};
  FpmoeTrailer trailer = {};
  std::vector<uint8_t> blob;
  std::unique_ptr<Weights> weights;
};
} // namespace

TEST_F(WeightsTest, mapsTheBlob) {
  write();
  ASSERT_EQ(open(), "");
  EXPECT_EQ(weights->size(), int64_t(weightBytes));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(weights->data()) % 64, 0u);
  EXPECT_TRUE(std::equal(blob.begin(), blob.end(), weights->data()));
}

TEST_F(WeightsTest, aRankHasItsPart) {
  model.ranks = 2;
  model.rank_weight_bytes = 4 << 20;
  model.weight_bytes = trailer.bytes = 8 << 20;
  blob.resize(trailer.bytes, 9);
  write();
  for (int32_t rank : {0, 1}) {
    ASSERT_EQ(open(rank), "");
    EXPECT_EQ(weights->size(), 4 << 20);
    EXPECT_TRUE(std::equal(weights->data(), weights->data() + weights->size(),
                           blob.begin() + rank * (4 << 20)));
  }
  EXPECT_NE(open(2), "");
  EXPECT_NE(open(-1), "");
  model.rank_weight_bytes = 2 << 20;
  EXPECT_EQ(open(), "rank 0 of 2 cannot have 2097152 of its 8388608 bytes of "
                    "weights");
  // No huge pages begin there.
  model.ranks = 8;
  model.rank_weight_bytes = 1 << 20;
  EXPECT_NE(open(), "");
}

TEST_F(WeightsTest, copyIsEqualAndReplacesTheMapping) {
  write();
  ASSERT_EQ(open(), "");
  std::unique_ptr<Team> team;
  ASSERT_FALSE(Team::create(3, team).failed());
  weights->continueCopy(*team, 1, 1); // none is planned
  EXPECT_FALSE(weights->isCopied());
  weights->planCopy(HugePages::on, 1);
  weights->continueCopy(*team, 1e9, 1e9);
  EXPECT_TRUE(weights->isCopied());
  EXPECT_TRUE(std::equal(blob.begin(), blob.end(), weights->data()));
}

TEST_F(WeightsTest, copyGoesOnPieceByPiece) {
  model.weight_bytes = trailer.bytes = 50 << 20;
  blob.resize(trailer.bytes, 9);
  write();
  ASSERT_EQ(open(), "");
  std::unique_ptr<Team> team;
  ASSERT_FALSE(Team::create(2, team).failed());
  weights->planCopy(HugePages::on, 1);
  weights->continueCopy(*team, 0, 1e9);
  EXPECT_FALSE(weights->isCopied());
  EXPECT_TRUE(std::equal(blob.begin(), blob.end(), weights->data()));
  for (int i = 0; i < 10; ++i)
    weights->continueCopy(*team, 0, 1e9);
  EXPECT_TRUE(weights->isCopied());
  EXPECT_TRUE(std::equal(blob.begin(), blob.end(), weights->data()));
}

TEST_F(WeightsTest, copyIsGivenUpWhenItDoesNotPay) {
  model.weight_bytes = trailer.bytes = 50 << 20;
  blob.resize(trailer.bytes, 9);
  write();
  ASSERT_EQ(open(), "");
  std::unique_ptr<Team> team;
  ASSERT_FALSE(Team::create(2, team).failed());
  weights->planCopy(HugePages::on, 1);
  weights->continueCopy(*team, 0, 0);
  for (int i = 0; i < 10; ++i)
    weights->continueCopy(*team, 1e9, 1e9);
  EXPECT_FALSE(weights->isCopied());
  EXPECT_TRUE(std::equal(blob.begin(), blob.end(), weights->data()));
}

TEST_F(WeightsTest, hugeShareIsAShare) {
  write();
  ASSERT_EQ(open(), "");
  int64_t sum = std::accumulate(weights->data(), weights->data() + weightBytes,
                                int64_t(0));
  EXPECT_GT(sum, 0);
  EXPECT_GE(weights->hugeShare(), 0);
  EXPECT_LE(weights->hugeShare(), 1);
}

TEST_F(WeightsTest, automaticSparesSmallBlobs) {
  write();
  ASSERT_EQ(open(), "");
  std::unique_ptr<Team> team;
  ASSERT_FALSE(Team::create(1, team).failed());
  weights->planCopy(HugePages::automatic, 1000);
  weights->continueCopy(*team, 1e9, 1e9);
  EXPECT_FALSE(weights->isCopied());
}

TEST_F(WeightsTest, missingFile) {
  EXPECT_EQ(open(), "cannot open the weights: No such file or directory");
}

TEST_F(WeightsTest, notAFile) {
  path = "/";
  EXPECT_EQ(open(), "is not a regular file, so it holds no weights");
  path = "/nonexistent";
}

TEST_F(WeightsTest, tooShort) {
  write(12);
  EXPECT_EQ(open(), "has 12 bytes, too few to hold weights: 48 bytes at the "
                    "end must say where they are");
  write(0);
  EXPECT_EQ(open().substr(0, 11), "has 0 bytes");
}

TEST_F(WeightsTest, truncated) {
  write(offset + weightBytes / 2);
  EXPECT_EQ(open(), "has no weights at its end: it was truncated or stripped, "
                    "or is not a weights file");
}

TEST_F(WeightsTest, otherVersion) {
  trailer.abi_version = 77;
  write();
  EXPECT_EQ(open(), "holds weights of format 77, this program reads " +
                        std::to_string(FPMOE_ABI_VERSION));
}

TEST_F(WeightsTest, sizesThatDisagree) {
  const char rest[] = ", but the file has 7340032 bytes before its last 48";
  trailer.bytes -= 1;
  write();
  EXPECT_EQ(open(), std::string("its weights should be bytes 2097152 to "
                                "2097152 + 5242879") +
                        rest);
  trailer.offset += 1;
  write();
  EXPECT_NE(open(), "");
  // Sums that wrap around.
  trailer.offset = uint64_t(0) - (2 << 20);
  trailer.bytes = weightBytes + (4 << 20);
  write();
  EXPECT_NE(open(), "");
  trailer.offset = offset;
  trailer.bytes = UINT64_MAX;
  write();
  EXPECT_NE(open(), "");
}

TEST_F(WeightsTest, otherProgram) {
  trailer.fingerprint = 43;
  write();
  EXPECT_EQ(open(), "its weights belong to another program");
}

TEST_F(WeightsTest, otherSize) {
  model.weight_bytes = 1000;
  write();
  EXPECT_EQ(open(), "holds 5242880 bytes of weights, the program needs 1000");
}

TEST(WeightsPathTest, choosesTheFile) {
  EXPECT_EQ(weightsPath("/a/b", "c"), "/a/b");
  EXPECT_EQ(weightsPath("", ""), "/proc/self/exe");
  std::string beside = weightsPath("", "model.weights");
  EXPECT_EQ(beside[0], '/');
  EXPECT_EQ(beside.substr(beside.rfind('/')), "/model.weights");
}
