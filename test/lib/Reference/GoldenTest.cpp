//===- GoldenTest.cpp - the reference against transformers ------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Imports every checkpoint of test/golden and compares logits and routes with
// those of transformers: all tokens at once, one by one, and by 17.
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Import.h"
#include "lib/Reference/Interpreter.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <cmath>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

using namespace fpmoe;

namespace {

/// The directories that have this file.
std::vector<std::string> listCases(const std::string &fileName) {
  std::vector<std::string> names;
  std::error_code error;
  for (llvm::sys::fs::directory_iterator it(GOLDEN_DIR, error), end;
       it != end && !error; it.increment(error))
    if (llvm::sys::fs::exists(it->path() + "/" + fileName))
      names.push_back(std::string(llvm::sys::path::filename(it->path())));
  std::sort(names.begin(), names.end());
  return names;
}

std::string testName(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

class GoldenTest : public ::testing::TestWithParam<std::string> {
protected:
  void SetUp() override {
    std::string directory = std::string(GOLDEN_DIR) + "/" + GetParam();
    std::ifstream idsFile(directory + "/ids.txt");
    for (int32_t id; idsFile >> id;)
      ids.push_back(id);
    ASSERT_EQ(ids.size(), 130u);
    std::ifstream logitsFile(directory + "/logits.bin", std::ios::binary);
    for (float value;
         logitsFile.read(reinterpret_cast<char *>(&value), sizeof(value));)
      golden.push_back(value);
    for (float value : golden)
      largest = std::max(largest, std::abs(value));
    readRoutes(directory + "/routes.txt");

    auto config = readConfig(directory);
    ASSERT_TRUE(static_cast<bool>(config)) << toString(config.takeError());
    ASSERT_EQ(goldenRoutes.empty(), config->numExperts == 0);
    auto opened = Checkpoint::open(directory);
    ASSERT_TRUE(static_cast<bool>(opened)) << toString(opened.takeError());
    checkpoint = std::move(*opened);
    auto imported =
        importModel(&context, directory, *config, checkpoint.get(), {});
    ASSERT_TRUE(static_cast<bool>(imported)) << toString(imported.takeError());
    module = std::move(*imported);
  }

  void readRoutes(const std::string &path) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
      if (line.empty() || line[0] == '#')
        continue;
      std::istringstream words(line);
      Route route{};
      words >> route.layer >> route.position;
      float weight;
      for (int32_t expert; words >> expert >> weight;) {
        route.experts.push_back(expert);
        route.weights.push_back(weight);
      }
      goldenRoutes.push_back(route);
    }
  }

  /// Runs all tokens `chunk` at a time and compares.
  void expectGolden(size_t chunk, uint64_t keptBytes = uint64_t(1) << 29) {
    auto interpreter =
        Interpreter::create(*module, checkpoint.get(), {keptBytes, true});
    ASSERT_TRUE(static_cast<bool>(interpreter))
        << toString(interpreter.takeError());
    std::vector<float> logits;
    for (size_t i = 0; i < ids.size(); i += chunk) {
      auto rows = (*interpreter)
                      ->run(llvm::ArrayRef<int32_t>(ids).slice(
                          i, std::min(chunk, ids.size() - i)));
      ASSERT_TRUE(static_cast<bool>(rows)) << toString(rows.takeError());
      logits.insert(logits.end(), rows->data.begin(), rows->data.end());
    }
    ASSERT_EQ(logits.size(), golden.size());
    float difference = 0;
    for (size_t i = 0; i < logits.size(); ++i) {
      ASSERT_TRUE(std::isfinite(logits[i]));
      difference = std::max(difference, std::abs(logits[i] - golden[i]));
    }
    EXPECT_LE(difference / largest, 1e-4f);
    RecordProperty("relative_difference_chunk_" + std::to_string(chunk),
                   std::to_string(difference / largest * 1e6) + "e-6");

    std::vector<Route> routes = (*interpreter)->takeRoutes();
    std::stable_sort(
        routes.begin(), routes.end(), [](const Route &a, const Route &b) {
          return std::tie(a.layer, a.position) < std::tie(b.layer, b.position);
        });
    ASSERT_EQ(routes.size(), goldenRoutes.size());
    for (auto [got, expected] : llvm::zip(routes, goldenRoutes)) {
      ASSERT_EQ(got.layer, expected.layer);
      ASSERT_EQ(got.position, expected.position);
      ASSERT_EQ(got.experts, expected.experts);
      for (auto [g, e] : llvm::zip(got.weights, expected.weights))
        ASSERT_NEAR(g, e, 1e-5);
    }
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::unique_ptr<Checkpoint> checkpoint;
  std::vector<int32_t> ids;
  std::vector<float> golden;
  std::vector<Route> goldenRoutes;
  float largest = 0;
};

TEST_P(GoldenTest, AllAtOnce) { expectGolden(130); }
TEST_P(GoldenTest, TokenByToken) { expectGolden(1); }
TEST_P(GoldenTest, SeventeenAtATime) { expectGolden(17); }
TEST_P(GoldenTest, WeightsNotKept) { expectGolden(65, 20000); }

/// The published rule of models whose experts choose segments.
using WholeTextTest = GoldenTest;
TEST_P(WholeTextTest, AsPublished) {
  std::ifstream file(std::string(GOLDEN_DIR) + "/" + GetParam() + "/whole.bin",
                     std::ios::binary);
  std::vector<float> expected(golden.size());
  file.read(reinterpret_cast<char *>(expected.data()),
            expected.size() * sizeof(float));
  ASSERT_TRUE(file);
  InterpreterOptions options;
  options.wholeText = true;
  auto interpreter = Interpreter::create(*module, checkpoint.get(), options);
  ASSERT_TRUE(static_cast<bool>(interpreter))
      << toString(interpreter.takeError());
  auto rows = (*interpreter)->run(ids);
  ASSERT_TRUE(static_cast<bool>(rows)) << toString(rows.takeError());
  float difference = 0, most = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    difference = std::max(difference, std::abs(rows->data[i] - expected[i]));
    most = std::max(most, std::abs(expected[i]));
  }
  EXPECT_LE(difference / most, 1e-4f);
  auto again = (*interpreter)->run({1});
  ASSERT_FALSE(static_cast<bool>(again));
  EXPECT_NE(toString(again.takeError()).find("a whole text is one run"),
            std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(, GoldenTest, ::testing::ValuesIn(listCases("logits.bin")),
                         [](const auto &info) { return testName(info.param); });
INSTANTIATE_TEST_SUITE_P(, WholeTextTest,
                         ::testing::ValuesIn(listCases("whole.bin")),
                         [](const auto &info) { return testName(info.param); });

} // namespace
