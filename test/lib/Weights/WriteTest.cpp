//===- WriteTest.cpp - weights in a file --------------------------*- C++
//-*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What writeWeights() puts into a file, against the naive evaluation of the
// recipes; that threads do not change it; and its errors. Packings stand in
// PackTest.cpp.
//
//===----------------------------------------------------------------------===//

#include "WriteFixture.h"

#include <unistd.h>

using namespace fpmoe;
using namespace fpmoe::test;

namespace {

class WriteTest : public WriteFixture {};

TEST_F(WriteTest, EveryKindOfWeight) {
  for (const char *layer : {"1", "4", "6"}) {
    add(std::string("a.") + layer, {20, 7}, false);
    add(std::string("b.") + layer, {20, 7}, true);
  }
  add("even", {40, 12}, true);
  add("norm", {9}, false);
  openCheckpoint();
  parse(R"(
    fpmoe.weight @norm at 64 stride 64 : tensor<9xf32> {
      %0 = fpmoe.load "norm" : tensor<9xf32>
      fpmoe.yield %0 : tensor<9xf32>
    }
    fpmoe.weight @norm16 at 0 stride 64 : tensor<9xbf16> {
      %0 = fpmoe.load "norm" : tensor<9xbf16>
      fpmoe.yield %0 : tensor<9xbf16>
    }
    fpmoe.weight @experts layers [1, 4, 6] at 128 stride 8192 : tensor<2x20x7xbf16, #mega.packed<n = 16, k = 2>> {
    ^bb0(%l: index):
      %a = fpmoe.load "a.{}"[%l] : tensor<20x7xf32>
      %b = fpmoe.load "b.{}"[%l] : tensor<20x7xf32>
      %s = fpmoe.stack %a, %b : tensor<20x7xf32>, tensor<20x7xf32> -> tensor<2x20x7xf32>
      %c = fpmoe.convert %s : tensor<2x20x7xf32> -> tensor<2x20x7xbf16>
      %0 = fpmoe.pack %c : tensor<2x20x7xbf16> -> tensor<2x20x7xbf16, #mega.packed<n = 16, k = 2>>
      fpmoe.yield %0 : tensor<2x20x7xbf16, #mega.packed<n = 16, k = 2>>
    }
    fpmoe.weight @even at 40960 stride 4096 : tensor<40x12xbf16, #mega.packed<n = 16, k = 2>> {
      %a = fpmoe.load "even" : tensor<40x12xbf16>
      %0 = fpmoe.pack %a : tensor<40x12xbf16> -> tensor<40x12xbf16, #mega.packed<n = 16, k = 2>>
      fpmoe.yield %0 : tensor<40x12xbf16, #mega.packed<n = 16, k = 2>>
    }
    fpmoe.weight @odd at 45056 stride 4096 : tensor<20x7xf32, #mega.packed<n = 16, k = 1>> {
      %a = fpmoe.load "a.1" : tensor<20x7xf32>
      %0 = fpmoe.pack %a : tensor<20x7xf32> -> tensor<20x7xf32, #mega.packed<n = 16, k = 1>>
      fpmoe.yield %0 : tensor<20x7xf32, #mega.packed<n = 16, k = 1>>
    }
    fpmoe.weight @half at 49152 stride 64 : tensor<9xf16> {
      %a = fpmoe.load "norm" : tensor<9xf32>
      %0 = fpmoe.convert %a : tensor<9xf32> -> tensor<9xf16>
      fpmoe.yield %0 : tensor<9xf16>
    }
    fpmoe.weight @elsewhere : tensor<9xf32> {
      %0 = fpmoe.load "norm" : tensor<9xf32>
      fpmoe.yield %0 : tensor<9xf32>
    })");
  EXPECT_EQ(getBlobBytes(*module), 53248u);
  constexpr uint64_t base = 12288;
  std::string file = write(1, base);
  ASSERT_EQ(file.size(), base + 49152 + 9 * 2);
  for (WeightOp weight : module->getOps<WeightOp>())
    if (weight.getOffset())
      expectWeight(file, base, weight);
  EXPECT_EQ(write(2, base), file);
  EXPECT_EQ(write(7, base), file);
}

TEST_F(WriteTest, ManyChunks) {
  parse(R"(
    fpmoe.weight @packed layers [0, 1] at 0 stride 12582912 : tensor<1000x2000xbf16, #mega.packed<n = 16, k = 2>> {
    ^bb0(%l: index):
      %a = fpmoe.random "packed.{}"[%l] seed 1 mean 0.0 stddev 1.0 : tensor<1000x2000xbf16>
      %0 = fpmoe.pack %a : tensor<1000x2000xbf16> -> tensor<1000x2000xbf16, #mega.packed<n = 16, k = 2>>
      fpmoe.yield %0 : tensor<1000x2000xbf16, #mega.packed<n = 16, k = 2>>
    }
    fpmoe.weight @plain at 25165824 stride 12001280 : tensor<3000001xf32> {
      %0 = fpmoe.random "plain" seed 1 mean 0.0 stddev 1.0 : tensor<3000001xf32>
      fpmoe.yield %0 : tensor<3000001xf32>
    })");
  std::string file = write(1, 0);
  RecipeEvaluator evaluator(nullptr);
  std::vector<float> plain(3000001);
  ASSERT_FALSE(
      evaluator.evaluate(weight("plain").getResultValue(), 0, 0, {plain}));
  ASSERT_EQ(file.size(), 25165824u + plain.size() * 4);
  EXPECT_EQ(std::memcmp(file.data() + 25165824, plain.data(), plain.size() * 4),
            0);
  expectWeight(file, 0, weight("packed"));
  EXPECT_EQ(write(3, 0), file);
}

// A row is longer than a block, and its panel longer than a chunk.
TEST_F(WriteTest, LongRows) {
  parse(R"(
    fpmoe.weight @narrow at 0 stride 13104128 : tensor<18x204745xbf16, #mega.packed<n = 16, k = 2>> {
      %a = fpmoe.random "w" seed 1 mean 0.0 stddev 1.0 : tensor<18x204745xbf16>
      %0 = fpmoe.pack %a : tensor<18x204745xbf16> -> tensor<18x204745xbf16, #mega.packed<n = 16, k = 2>>
      fpmoe.yield %0 : tensor<18x204745xbf16, #mega.packed<n = 16, k = 2>>
    }
    fpmoe.weight @wide at 13107200 stride 4198400 : tensor<5x16385xf32, #mega.packed<n = 64, k = 1>> {
      %a = fpmoe.random "w" seed 1 mean 0.0 stddev 1.0 : tensor<5x16385xf32>
      %0 = fpmoe.pack %a : tensor<5x16385xf32> -> tensor<5x16385xf32, #mega.packed<n = 64, k = 1>>
      fpmoe.yield %0 : tensor<5x16385xf32, #mega.packed<n = 64, k = 1>>
    })");
  std::string file = write(2, 0);
  // 16385 columns are 16400 with those that fill up vectors.
  ASSERT_EQ(file.size(), 13107200u + 16400 * 64 * 4);
  expectWeight(file, 0, weight("narrow"));
  expectWeight(file, 0, weight("wide"));
}

TEST_F(WriteTest, Overlap) {
  parse(R"(
    fpmoe.weight @a layers [0, 1] at 0 stride 128 : tensor<32xf32> {
    ^bb0(%l: index):
      %0 = fpmoe.random "a.{}"[%l] seed 1 mean 0.0 stddev 1.0 : tensor<32xf32>
      fpmoe.yield %0 : tensor<32xf32>
    }
    fpmoe.weight @b at 192 stride 128 : tensor<32xf32> {
      %0 = fpmoe.random "b" seed 1 mean 0.0 stddev 1.0 : tensor<32xf32>
      fpmoe.yield %0 : tensor<32xf32>
    })");
  EXPECT_EQ(write(1, 0), "error: weights 'a' and 'b' overlap at byte 192");
}

TEST_F(WriteTest, BeyondEveryFile) {
  parse(R"(
    fpmoe.weight @a at 9223372036854775744 stride 128 : tensor<32xf32> {
      %0 = fpmoe.random "a" seed 1 mean 0.0 stddev 1.0 : tensor<32xf32>
      fpmoe.yield %0 : tensor<32xf32>
    })");
  EXPECT_EQ(write(1, 0),
            "error: weight 'a': instance 0 does not fit in a file");
}

TEST_F(WriteTest, DigestIsOfWeightsAndOffsets) {
  auto digestOf = [&](llvm::StringRef seed, llvm::StringRef stride,
                      unsigned threads, uint64_t base) {
    std::string packed = "tensor<1000x2000xbf16, #mega.packed<n = 16, k = 2>>";
    parse(("fpmoe.weight @packed layers [0, 1] at 0 stride " + stride + " : " +
           packed + R"( {
      ^bb0(%l: index):
        %a = fpmoe.random "packed.{}"[%l] seed )" +
           seed + R"( mean 0.0 stddev 1.0 : tensor<1000x2000xbf16>
        %0 = fpmoe.pack %a : tensor<1000x2000xbf16> -> )" +
           packed + "\n        fpmoe.yield %0 : " + packed + "\n      }")
              .str());
    write(threads, base);
    return digest;
  };
  uint64_t expected = digestOf("1", "12582912", 1, 0);
  for (unsigned threads : {2, 5})
    EXPECT_EQ(digestOf("1", "12582912", threads, 0), expected);
  EXPECT_EQ(digestOf("1", "12582912", 2, 8192), expected);
  EXPECT_NE(digestOf("2", "12582912", 1, 0), expected);
  EXPECT_NE(digestOf("1", "12587008", 1, 0), expected);
}

TEST_F(WriteTest, FullDisk) {
  parse(R"(
    fpmoe.weight @a at 0 stride 64000000 : tensor<16000000xf32> {
      %0 = fpmoe.random "a" seed 1 mean 0.0 stddev 1.0 : tensor<16000000xf32>
      fpmoe.yield %0 : tensor<16000000xf32>
    })");
  int descriptor = ::open("/dev/full", O_WRONLY);
  ASSERT_GE(descriptor, 0);
  WriteOptions options;
  options.threads = 2;
  options.fileName = "program";
  std::string error =
      toString(writeWeights(*module, nullptr, descriptor, 0, options));
  ::close(descriptor);
  EXPECT_EQ(error.find("program: cannot be written at byte "), 0u) << error;
  EXPECT_NE(error.find("No space left"), std::string::npos) << error;
}

TEST_F(WriteTest, CheckpointChanges) {
  add("a", {300, 300}, false);
  openCheckpoint();
  parse(R"(
    fpmoe.weight @a at 0 stride 360000 : tensor<300x300xf32> {
      %0 = fpmoe.load "a" : tensor<300x300xf32>
      fpmoe.yield %0 : tensor<300x300xf32>
    })");
  ASSERT_EQ(::truncate((directory + "/model.safetensors").c_str(), 1000), 0);
  std::string result = write(2, 0);
  EXPECT_EQ(result.find("error: " + directory + "/model.safetensors: is now"),
            0u)
      << result;
}

} // namespace
