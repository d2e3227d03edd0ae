//===- CheckpointTest.cpp - tests of opening and reading --------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads small checkpoints that the tests write, whole and broken ones.
//
//===----------------------------------------------------------------------===//

#include "lib/Checkpoint/Checkpoint.h"

#include "lib/Checkpoint/Input.h"
#include "test/lib/Checkpoint/Support.h"

#include <cmath>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

using namespace fpmoe;
using namespace fpmoe::test;
using namespace llvm;

static const char singleName[] = "model.safetensors";
static const char indexName[] = "model.safetensors.index.json";

/// A file with one tensor that holds `data`.
static std::string oneTensor(StringRef name, StringRef dtype, size_t elements,
                             StringRef data) {
  std::string header =
      ("{\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":[" +
       Twine(elements) + "],\"data_offsets\":[0," + Twine(data.size()) + "]}}")
          .str();
  return safetensors(header, 0) + data.str();
}

template <typename T> static std::string bytesOf(const std::vector<T> &values) {
  return std::string(reinterpret_cast<const char *>(values.data()),
                     values.size() * sizeof(T));
}

static std::unique_ptr<Checkpoint> open(const TemporaryDirectory &directory) {
  auto checkpoint = Checkpoint::open(directory.str());
  EXPECT_TRUE(bool(checkpoint)) << toString(checkpoint.takeError());
  return std::move(*checkpoint);
}

static std::string openFault(const TemporaryDirectory &directory) {
  return message(Checkpoint::open(directory.str()));
}

/// The whole of tensor "x" in a checkpoint that holds only it.
static std::vector<float> readX(StringRef dtype, size_t elements,
                                StringRef data) {
  TemporaryDirectory directory;
  directory.write(singleName, oneTensor("x", dtype, elements, data));
  auto checkpoint = open(directory);
  std::vector<float> out(elements);
  EXPECT_EQ(message(checkpoint->read(*checkpoint->find("x"), 0, out)),
            "no error");
  return out;
}

TEST(Checkpoint, ReadsEveryHalf) {
  std::vector<uint16_t> halves(65536);
  for (size_t i = 0; i < halves.size(); ++i)
    halves[i] = static_cast<uint16_t>(i);
  std::vector<float> out = readX("F16", halves.size(), bytesOf(halves));
  for (unsigned i = 0; i < halves.size(); ++i) {
    int exponent = i >> 10 & 31, mantissa = i & 1023;
    float expected = exponent == 31 ? (mantissa ? NAN : INFINITY)
                     : exponent     ? std::ldexp(1024 + mantissa, exponent - 25)
                                    : std::ldexp(mantissa, -24);
    if (std::isnan(expected))
      ASSERT_TRUE(std::isnan(out[i])) << i;
    else
      ASSERT_EQ(out[i], expected * (i >> 15 ? -1 : 1)) << i;
    ASSERT_EQ(std::signbit(out[i]), i >> 15 == 1) << i;
  }
}

TEST(Checkpoint, ReadsBF16) {
  std::vector<float> out =
      readX("BF16", 4,
            bytesOf(std::vector<uint16_t>{0x3f80, 0xc049, 0x0001, 0x7f80}));
  EXPECT_EQ(out[0], 1.0f);
  EXPECT_EQ(out[1], -3.140625f);
  EXPECT_EQ(out[2], std::ldexp(1.0f, -133));
  EXPECT_EQ(out[3], INFINITY);
}

TEST(Checkpoint, ReadsF64RoundedToNearest) {
  std::vector<float> out =
      readX("F64", 3, bytesOf(std::vector<double>{0.1, -1e300, 16777217.0}));
  EXPECT_EQ(out[0], 0.1f);
  EXPECT_EQ(out[1], -INFINITY);
  EXPECT_EQ(out[2], 16777216.0f);
}

TEST(Checkpoint, ReadsAnyRangeFromManyThreads) {
  constexpr size_t elements = 100'003;
  std::vector<float> data(elements);
  for (size_t i = 0; i < elements; ++i)
    data[i] = static_cast<float>(i);
  TemporaryDirectory directory;
  directory.write(singleName, oneTensor("x", "F32", elements, bytesOf(data)));
  auto checkpoint = open(directory);
  const TensorInfo *x = checkpoint->find("x");
  ASSERT_TRUE(x);
  auto work = [&](size_t step) {
    for (size_t first = step; first < elements; first += step) {
      std::vector<float> out(std::min(elements - first, 3 * step));
      ASSERT_EQ(message(checkpoint->read(*x, first, out)), "no error");
      ASSERT_EQ(std::memcmp(out.data(), &data[first], 4 * out.size()), 0);
    }
  };
  std::thread other([&] { work(7919); });
  work(20011);
  other.join();
}

TEST(Checkpoint, ReadsRawBytes) {
  TemporaryDirectory directory;
  directory.write(singleName, oneTensor("x", "I8", 5, "abcde"));
  auto checkpoint = open(directory);
  uint8_t out[3];
  EXPECT_EQ(message(checkpoint->readRaw(*checkpoint->find("x"), 2, out)),
            "no error");
  EXPECT_EQ(StringRef(reinterpret_cast<char *>(out), 3), "cde");
}

TEST(Checkpoint, RangeOutsideTheTensor) {
  TemporaryDirectory directory;
  directory.write(singleName,
                  oneTensor("x", "F32", 2, bytesOf(std::vector<float>{1, 2})));
  auto checkpoint = open(directory);
  const TensorInfo &x = *checkpoint->find("x");
  std::vector<float> out(2);
  EXPECT_EQ(message(checkpoint->read(x, 1, out)),
            directory / singleName + ": tensor 'x' has 2 elements, 2 from 1 on "
                                     "were asked for");
  EXPECT_EQ(message(checkpoint->read(x, UINT64_MAX, out)),
            directory / singleName + ": tensor 'x' has 2 elements, 2 from "
                                     "18446744073709551615 on were asked for");
  uint8_t raw[2];
  EXPECT_EQ(message(checkpoint->readRaw(x, 7, raw)),
            directory / singleName + ": tensor 'x' has 8 bytes, 2 from byte 7 "
                                     "on were asked for");
  EXPECT_EQ(message(checkpoint->readRaw(x, 9, raw)),
            directory / singleName + ": tensor 'x' has 8 bytes, 2 from byte 9 "
                                     "on were asked for");
}

TEST(Checkpoint, DTypeThatCannotBeRead) {
  TemporaryDirectory directory;
  directory.write(singleName, oneTensor("x", "I8", 2, "ab"));
  auto checkpoint = open(directory);
  std::vector<float> out(2);
  EXPECT_EQ(message(checkpoint->read(*checkpoint->find("x"), 0, out)),
            directory / singleName +
                ": tensor 'x' is I8, weights must be one of " + listLoadable());
}

TEST(Checkpoint, FileTruncatedAfterOpening) {
  TemporaryDirectory directory;
  std::string file = oneTensor("x", "F32", 2, "12345678");
  directory.write(singleName, file);
  auto checkpoint = open(directory);
  directory.write(singleName, file.substr(0, file.size() - 3));
  std::vector<float> out(2);
  EXPECT_EQ(message(checkpoint->read(*checkpoint->find("x"), 0, out)),
            directory / singleName + ": is now " +
                std::to_string(file.size() - 3) + " bytes long, it was " +
                std::to_string(file.size()) + " when it was opened");
}

TEST(Checkpoint, FileWrittenToAfterOpening) {
  TemporaryDirectory directory;
  directory.write(singleName, oneTensor("x", "F32", 2, "12345678"));
  auto checkpoint = open(directory);
  struct timespec times[2] = {{1, 0}, {1, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (directory / singleName).c_str(), times, 0),
            0);
  std::vector<float> out(2);
  EXPECT_EQ(message(checkpoint->read(*checkpoint->find("x"), 0, out)),
            directory / singleName + ": was written to after it was opened");
}

TEST(Checkpoint, MissingDirectory) {
  EXPECT_EQ(message(Checkpoint::open("/nonexistent/model")),
            "/nonexistent/model: there is no such directory");
}

TEST(Checkpoint, PointersOfGitLfs) {
  std::string pointer = "version https://git-lfs.github.com/spec/v1\n"
                        "oid sha256:" +
                        std::string(64, 'a') + "\nsize 4\n";
  std::string fault = ": is a pointer of git lfs, not the file itself; run git "
                      "lfs pull";
  TemporaryDirectory directory;
  for (StringRef name : {"model.safetensors", "m.gguf"}) {
    directory.write(name, pointer);
    std::string path = directory / name;
    EXPECT_EQ(
        message(Checkpoint::open(name == "m.gguf" ? path : directory.str())),
        path + fault);
  }
  directory.write("x.json", pointer);
  EXPECT_EQ(message(readSmallFile(directory / "x.json", 1 << 20)),
            directory / "x.json" + fault);
  // A longer file is what it says it is.
  directory.write("x.json", pointer + std::string(1024, ' '));
  EXPECT_EQ(message(readSmallFile(directory / "x.json", 1 << 20)), "no error");
}

TEST(Checkpoint, FileInsteadOfDirectory) {
  TemporaryDirectory directory;
  directory.write("f", "");
  EXPECT_EQ(message(Checkpoint::open(directory / "f")),
            directory / "f" +
                ": is not a directory; a checkpoint is a directory with "
                "model.safetensors or model.safetensors.index.json, or a GGUF "
                "file");
}

TEST(Checkpoint, DirectoryWithoutWeights) {
  TemporaryDirectory directory;
  EXPECT_EQ(openFault(directory), directory.str() +
                                      ": has neither model.safetensors nor "
                                      "model.safetensors.index.json");
}

TEST(Checkpoint, EmptyFile) {
  TemporaryDirectory directory;
  directory.write(singleName, "");
  EXPECT_EQ(openFault(directory),
            directory / singleName +
                ": is 0 bytes long, a safetensors file has "
                "at least 8");
}

TEST(Checkpoint, PipeInsteadOfFile) {
  TemporaryDirectory directory;
  ASSERT_EQ(::mkfifo((directory / singleName).c_str(), 0600), 0);
  EXPECT_EQ(openFault(directory),
            directory / singleName + ": is not a regular file");
  ASSERT_EQ(::unlink((directory / singleName).c_str()), 0);
  ASSERT_EQ(::symlink("/dev/zero", (directory / singleName).c_str()), 0);
  EXPECT_EQ(message(Checkpoint::open(directory.str())),
            directory / singleName + ": is not a regular file");
}

//===----------------------------------------------------------------------===//
// Shards
//===----------------------------------------------------------------------===//

TEST(Checkpoint, ReadsShards) {
  TemporaryDirectory directory;
  directory.write("1.safetensors", oneTensor("a", "I8", 2, "ab"));
  directory.write("2.safetensors", oneTensor("b", "I8", 3, "cde"));
  directory.write(indexName,
                  "{\"metadata\":{\"total_size\":5},\"weight_map\":"
                  "{\"b\":\"2.safetensors\",\"a\":\"1.safetensors\"}}");
  auto checkpoint = open(directory);
  const TensorInfo *a = checkpoint->find("a"), *b = checkpoint->find("b");
  ASSERT_TRUE(a && b);
  EXPECT_EQ(checkpoint->fileName(a->file), directory / "1.safetensors");
  EXPECT_EQ(checkpoint->fileName(b->file), directory / "2.safetensors");
  EXPECT_EQ(checkpoint->tensors().size(), 2u);
  uint8_t out[3];
  EXPECT_EQ(message(checkpoint->readRaw(*b, 0, out)), "no error");
  EXPECT_EQ(StringRef(reinterpret_cast<char *>(out), 3), "cde");
  EXPECT_EQ(checkpoint->find("c"), nullptr);
}

TEST(Checkpoint, MissingShard) {
  TemporaryDirectory directory;
  directory.write(indexName, "{\"weight_map\":{\"a\":\"1.safetensors\"}}");
  EXPECT_EQ(openFault(directory),
            directory / indexName + ": names the shard '1.safetensors', which "
                                    "is not in the directory");
}

TEST(Checkpoint, ShardWithoutItsTensor) {
  TemporaryDirectory directory;
  directory.write("1.safetensors", oneTensor("a", "I8", 2, "ab"));
  directory.write(indexName, "{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":"
                             "\"1.safetensors\"}}");
  EXPECT_EQ(openFault(directory), directory / indexName +
                                      ": puts tensor 'b' into 1.safetensors, "
                                      "which does not have it");
}

TEST(Checkpoint, TensorInAnotherShardThanTheIndexSays) {
  TemporaryDirectory directory;
  directory.write("1.safetensors", oneTensor("a", "I8", 2, "ab"));
  directory.write("2.safetensors", oneTensor("b", "I8", 2, "ab"));
  directory.write(indexName, "{\"weight_map\":{\"b\":\"1.safetensors\",\"a\":"
                             "\"2.safetensors\"}}");
  EXPECT_EQ(openFault(directory), directory / indexName +
                                      ": puts tensor 'a' into 2.safetensors, "
                                      "which does not have it");
}

TEST(Checkpoint, TensorInTwoShards) {
  TemporaryDirectory directory;
  directory.write("1.safetensors", oneTensor("a", "I8", 2, "ab"));
  directory.write("2.safetensors",
                  safetensors("{\"a\":{\"dtype\":\"I8\",\"shape\":[1],"
                              "\"data_offsets\":[0,1]},\"b\":{\"dtype\":\"I8\","
                              "\"shape\":[1],\"data_offsets\":[1,2]}}",
                              2));
  directory.write(indexName, "{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":"
                             "\"2.safetensors\"}}");
  EXPECT_EQ(openFault(directory), directory / "2.safetensors" +
                                      ": tensor 'a' is also in " +
                                      (directory / "1.safetensors"));
}

static std::string indexFault(StringRef text) {
  return message(parseCheckpointIndex(text, "i.json"));
}

TEST(CheckpointIndex, ShardOutsideTheDirectory) {
  for (std::string name : {"../x.safetensors", "/etc/x.safetensors",
                           "a/x.safetensors", "..safetensors"})
    EXPECT_EQ(indexFault("{\"weight_map\":{\"a\":\"" + name + "\"}}"),
              "i.json: the shard '" + name +
                  "' must be a plain file name, without '/', '\\' or '..'");
  EXPECT_EQ(indexFault("{\"weight_map\":{\"a\":\"x\\u0000.safetensors\"}}"),
            "i.json: the shard 'x\\x00.safetensors' must be a plain file name, "
            "without '/', '\\' or '..'");
}

TEST(CheckpointIndex, ShardOfAnotherFormat) {
  EXPECT_EQ(indexFault("{\"weight_map\":{\"a\":\"pytorch_model.bin\"}}"),
            "i.json: the shard 'pytorch_model.bin' must end in .safetensors");
}

TEST(CheckpointIndex, NoWeightMap) {
  EXPECT_EQ(indexFault("{\"metadata\":{}}"), "i.json: has no 'weight_map'");
}

TEST(CheckpointIndex, TensorListedTwice) {
  EXPECT_EQ(indexFault("{\"weight_map\":{\"a\":\"1.safetensors\",\"a\":"
                       "\"2.safetensors\"}}"),
            "i.json:1:36: the key 'a' occurs twice");
}

TEST(CheckpointIndex, FileThatIsNotAString) {
  EXPECT_EQ(indexFault("{\"weight_map\":{\"a\":1}}"),
            "i.json:1:20: expected '\"' to begin a string, found '1'");
}

//===----------------------------------------------------------------------===//
// Claims
//===----------------------------------------------------------------------===//

namespace {
class TensorClaimsTest : public testing::Test {
protected:
  void SetUp() override {
    std::string header = "{";
    size_t bytes = 0;
    auto add = [&](StringRef name, StringRef dtype, size_t size) {
      header +=
          (Twine(bytes ? "," : "") + "\"" + name + "\":{\"dtype\":\"" + dtype +
           "\",\"shape\":[1," + Twine(size / 4) + "],\"data_offsets\":[" +
           Twine(bytes) + "," + Twine(bytes + size) + "]}")
              .str();
      bytes += size;
    };
    for (StringRef name : {"a", "b", "c", "d", "e", "f"})
      add(name, "F32", 8);
    add("i", "I32", 8);
    add("model.layers.0.self_attn.rotary_emb.inv_freq", "F32", 8);
    directory.write(singleName, safetensors(header + "}", bytes));
    checkpoint = open(directory);
  }

  TemporaryDirectory directory;
  std::unique_ptr<Checkpoint> checkpoint;
};
} // namespace

TEST_F(TensorClaimsTest, AllClaimed) {
  TensorClaims claims(*checkpoint);
  // A buffer of old exporters need not be claimed; integers cannot be.
  for (StringRef name : {"a", "b", "c", "d", "e", "f"}) {
    Expected<const TensorInfo *> tensor = claims.claim(name, {1, 2});
    ASSERT_TRUE(bool(tensor)) << toString(tensor.takeError());
    EXPECT_EQ((*tensor)->name, name);
  }
  EXPECT_EQ(message(claims.finish()),
            directory.str() + ": 1 tensor is not part of the model: 'i'");
}

TEST_F(TensorClaimsTest, ExtraTensorsAreNamed) {
  TensorClaims claims(*checkpoint);
  EXPECT_EQ(message(claims.claim("b", {1, 2})), "no error");
  EXPECT_EQ(message(claims.finish()),
            directory.str() + ": 6 tensors are not part of the model: 'a', "
                              "'c', 'd', 'e', ...");
}

TEST_F(TensorClaimsTest, MissingTensor) {
  TensorClaims claims(*checkpoint);
  EXPECT_FALSE(claims.has("z"));
  EXPECT_TRUE(claims.has("a"));
  EXPECT_EQ(message(claims.claim("z", {1})),
            directory.str() + ": tensor 'z' is missing");
}

TEST_F(TensorClaimsTest, WrongShape) {
  TensorClaims claims(*checkpoint);
  EXPECT_EQ(message(claims.claim("a", {2, 1})),
            directory / singleName + ": tensor 'a' has the shape [1, 2], the "
                                     "configuration asks for [2, 1]");
}

TEST_F(TensorClaimsTest, WrongDType) {
  TensorClaims claims(*checkpoint);
  EXPECT_EQ(message(claims.claim("i", {1, 2})),
            directory / singleName +
                ": tensor 'i' is I32, weights must be one of " +
                listLoadable());
}
