//===- WriteTest.cpp - weights in a file --------------------------*- C++
//-*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What writeWeights() puts into a file, against the naive evaluation of the
// recipes; that threads do not change it; and its errors.
//
//===----------------------------------------------------------------------===//

#include "lib/Weights/Write.h"
#include "Fixture.h"

#include <fcntl.h>
#include <unistd.h>

using namespace fpmoe;
using namespace fpmoe::test;

namespace {

class WriteTest : public Fixture {
protected:
  /// The file that writeWeights() makes, or its error after "error: ".
  std::string write(unsigned threads, uint64_t base) {
    std::string path = directory + "/out";
    int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
    EXPECT_GE(descriptor, 0);
    uint64_t last = 0, total = 0;
    WriteOptions options;
    options.threads = threads;
    options.fileName = "out";
    options.progress = [&](uint64_t done, uint64_t all) {
      EXPECT_GT(done, last);
      last = done;
      total = all;
    };
    llvm::Error error =
        writeWeights(*module, checkpoint.get(), descriptor, base, options);
    ::close(descriptor);
    if (error)
      return "error: " + toString(std::move(error));
    EXPECT_EQ(last, total);
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  void expectWeight(const std::string &file, uint64_t base, WeightOp weight) {
    bool narrow = weight.getTensorType().getElementType().isBF16();
    for (int64_t i = 0; i < weight.getNumInstances(); ++i) {
      int64_t layer = weight.getLayers() ? (*weight.getLayers())[i] : 0;
      std::vector<float> expected = naive(weight.getResultValue(), layer);
      uint64_t at = base + *weight.getOffset() + i * *weight.getStride();
      ASSERT_LE(at + weight.getInstanceBytes(), file.size());
      for (size_t j = 0; j < expected.size(); ++j) {
        char value[4] = {};
        std::memcpy(narrow ? value + 2 : value,
                    file.data() + at + j * (narrow ? 2 : 4), narrow ? 2 : 4);
        ASSERT_EQ(std::memcmp(value, &expected[j], 4), 0)
            << weight.getSymName().str() << " layer " << layer << " element "
            << j;
      }
    }
  }
};

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
    fpmoe.weight @experts layers [1, 4, 6] at 128 stride 8192 : tensor<2x2x5x16x2xbf16> {
    ^bb0(%l: index):
      %a = fpmoe.load "a.{}"[%l] : tensor<20x7xf32>
      %b = fpmoe.load "b.{}"[%l] : tensor<20x7xf32>
      %s = fpmoe.stack %a, %b : tensor<20x7xf32>, tensor<20x7xf32> -> tensor<2x20x7xf32>
      %c = fpmoe.convert %s : tensor<2x20x7xf32> -> tensor<2x20x7xbf16>
      %0 = fpmoe.pack %c : tensor<2x20x7xbf16> -> tensor<2x2x5x16x2xbf16>
      fpmoe.yield %0 : tensor<2x2x5x16x2xbf16>
    }
    fpmoe.weight @even at 40960 stride 4096 : tensor<3x6x16x2xbf16> {
      %a = fpmoe.load "even" : tensor<40x12xbf16>
      %0 = fpmoe.pack %a : tensor<40x12xbf16> -> tensor<3x6x16x2xbf16>
      fpmoe.yield %0 : tensor<3x6x16x2xbf16>
    }
    fpmoe.weight @odd at 45056 stride 4096 : tensor<2x8x16x1xf32> {
      %a = fpmoe.load "a.1" : tensor<20x7xf32>
      %0 = fpmoe.pack %a : tensor<20x7xf32> -> tensor<2x8x16x1xf32>
      fpmoe.yield %0 : tensor<2x8x16x1xf32>
    }
    fpmoe.weight @elsewhere : tensor<9xf32> {
      %0 = fpmoe.load "norm" : tensor<9xf32>
      fpmoe.yield %0 : tensor<9xf32>
    })");
  EXPECT_EQ(getBlobBytes(*module), 49152u);
  constexpr uint64_t base = 12288;
  std::string file = write(1, base);
  ASSERT_EQ(file.size(), base + 45056 + 2 * 8 * 16 * 4);
  for (WeightOp weight : module->getOps<WeightOp>())
    if (weight.getOffset())
      expectWeight(file, base, weight);
  EXPECT_EQ(write(2, base), file);
  EXPECT_EQ(write(7, base), file);
}

TEST_F(WriteTest, ManyChunks) {
  parse(R"(
    fpmoe.weight @packed layers [0, 1] at 0 stride 12582912 : tensor<63x1000x16x2xbf16> {
    ^bb0(%l: index):
      %a = fpmoe.random "packed.{}"[%l] seed 1 mean 0.0 stddev 1.0 : tensor<1000x2000xbf16>
      %0 = fpmoe.pack %a : tensor<1000x2000xbf16> -> tensor<63x1000x16x2xbf16>
      fpmoe.yield %0 : tensor<63x1000x16x2xbf16>
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
  std::vector<uint16_t> packed(63 * 1000 * 32);
  for (int64_t layer : {0, 1}) {
    ASSERT_FALSE(evaluator.evaluate(weight("packed").getResultValue(), layer, 0,
                                    {packed}));
    EXPECT_EQ(std::memcmp(file.data() + layer * 12582912, packed.data(),
                          packed.size() * 2),
              0);
  }
  EXPECT_EQ(write(3, 0), file);
}

// A row is longer than a block, and its panel longer than a chunk.
TEST_F(WriteTest, LongRows) {
  parse(R"(
    fpmoe.weight @narrow at 0 stride 13104128 : tensor<2x102376x16x2xbf16> {
      %a = fpmoe.random "w" seed 1 mean 0.0 stddev 1.0 : tensor<18x204745xbf16>
      %0 = fpmoe.pack %a : tensor<18x204745xbf16> -> tensor<2x102376x16x2xbf16>
      fpmoe.yield %0 : tensor<2x102376x16x2xbf16>
    }
    fpmoe.weight @wide at 13104128 stride 1048640 : tensor<1x16385x16x1xf32> {
      %a = fpmoe.random "w" seed 1 mean 0.0 stddev 1.0 : tensor<5x16385xf32>
      %0 = fpmoe.pack %a : tensor<5x16385xf32> -> tensor<1x16385x16x1xf32>
      fpmoe.yield %0 : tensor<1x16385x16x1xf32>
    })");
  std::string file = write(2, 0);
  RecipeEvaluator evaluator(nullptr);
  std::vector<uint16_t> narrow(2 * 102376 * 32);
  ASSERT_FALSE(
      evaluator.evaluate(weight("narrow").getResultValue(), 0, 0, {narrow}));
  ASSERT_EQ(file.size(), narrow.size() * 2 + 16385 * 64);
  EXPECT_EQ(std::memcmp(file.data(), narrow.data(), narrow.size() * 2), 0);
  std::vector<float> wide(16385 * 16);
  ASSERT_FALSE(
      evaluator.evaluate(weight("wide").getResultValue(), 0, 0, {wide}));
  EXPECT_EQ(std::memcmp(file.data() + narrow.size() * 2, wide.data(),
                        wide.size() * 4),
            0);
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
