//===- Fixture.h - a small checkpoint and recipes for tests -----*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes a checkpoint of random tensors, parses modules, and evaluates recipes
// whole and naively, as their descriptions say: the oracle of these tests.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TEST_LIB_WEIGHTS_FIXTURE_H
#define FPMOE_TEST_LIB_WEIGHTS_FIXTURE_H

#include "dialects/Mega/Mega.h"
#include "lib/Weights/Evaluate.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/Support/FileSystem.h"

#include <cmath>
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <random>

namespace fpmoe::test {

inline float bf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
  std::memcpy(&value, &bits, 4);
  return value;
}

/// The nearest IEEE half, as its bits.
inline uint16_t f16Bits(float value) {
  llvm::APFloat half(value);
  bool inexact;
  half.convert(llvm::APFloat::IEEEhalf(), llvm::APFloat::rmNearestTiesToEven,
               &inexact);
  return half.bitcastToAPInt().getZExtValue();
}

inline float f16(float value) {
  llvm::APFloat half(llvm::APFloat::IEEEhalf(),
                     llvm::APInt(16, f16Bits(value)));
  return half.convertToFloat();
}

/// A tensor of a checkpoint to be written; bf16 values are rounded ones.
struct Tensor {
  std::vector<int64_t> shape;
  bool narrow;
  std::vector<float> values;
};

class Fixture : public ::testing::Test {
protected:
  void SetUp() override {
    llvm::SmallString<128> path;
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("fpmoe-weights", path));
    directory = std::string(path);
    context.loadDialect<FPMoEDialect, mega::MegaDialect,
                        mlir::func::FuncDialect>();
  }
  void TearDown() override { llvm::sys::fs::remove_directories(directory); }

  void add(const std::string &name, std::vector<int64_t> shape, bool narrow) {
    Tensor tensor{shape, narrow, {}};
    int64_t elements = 1;
    for (int64_t extent : shape)
      elements *= extent;
    std::normal_distribution<float> normal;
    for (int64_t i = 0; i < elements; ++i) {
      float value = normal(generator);
      tensor.values.push_back(narrow ? bf16(value) : value);
    }
    tensors[name] = std::move(tensor);
  }

  /// Writes all tensors that were added, and opens them.
  void openCheckpoint() {
    std::string header = "{", data;
    for (auto &[name, tensor] : tensors) {
      size_t start = data.size();
      for (float value : tensor.values) {
        char bytes[4];
        std::memcpy(bytes, &value, 4);
        data.append(tensor.narrow ? bytes + 2 : bytes, tensor.narrow ? 2 : 4);
      }
      header += (header.size() > 1 ? ",\"" : "\"") + name + "\":{\"dtype\":\"" +
                (tensor.narrow ? "BF16" : "F32") +
                "\",\"shape\":" + formatShape(tensor.shape) +
                ",\"data_offsets\":[" + std::to_string(start) + "," +
                std::to_string(data.size()) + "]}";
    }
    header += "}";
    uint64_t length = header.size();
    std::ofstream file(directory + "/model.safetensors", std::ios::binary);
    file.write(reinterpret_cast<char *>(&length), 8) << header << data;
    file.close();
    auto opened = Checkpoint::open(directory);
    ASSERT_TRUE(static_cast<bool>(opened)) << toString(opened.takeError());
    checkpoint = std::move(*opened);
  }

  void parse(const std::string &text) {
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    ASSERT_TRUE(module);
  }

  /// Parses a weight @w with this recipe, whose last value is %0.
  void parseRecipe(const std::string &type, const std::string &recipe,
                   const std::string &layers = "") {
    std::string layer = layers.empty() ? "" : "^bb0(%l: index):\n";
    parse("fpmoe.weight @w " + (layers.empty() ? "" : "layers " + layers) +
          " : " + type + " {\n" + layer + recipe +
          "\nfpmoe.yield %0 : " + type + "\n}");
  }

  /// Evaluates windows of @w, in both formats.
  template <typename T>
  void compareWindows(llvm::ArrayRef<T> expected, int64_t layer,
                      double tolerance) {
    compareWindows<T>(expected, layer, tolerance, checkpoint.get());
  }
  template <typename T>
  void compareWindows(llvm::ArrayRef<T> expected, int64_t layer,
                      double tolerance, const Sources &sources) {
    llvm::Error error = checkRecipes(*module, sources);
    ASSERT_FALSE(error) << toString(std::move(error));
    mlir::Value value = weight("w").getResultValue();
    RecipeEvaluator evaluator(sources, rank);
    int64_t size = expected.size();
    ASSERT_EQ(size, weight("w").getTensorType().getNumElements());
    for (int trial = 0; trial < 200; ++trial) {
      int64_t first = trial ? generator() % size : 0;
      int64_t count = trial ? generator() % (size - first) + 1 : size;
      std::vector<float> wide(count);
      std::vector<uint16_t> narrow(count);
      ASSERT_FALSE(evaluator.evaluate(value, layer, first, {wide}));
      ASSERT_FALSE(evaluator.evaluate(value, layer, first, {narrow}));
      for (int64_t i = 0; i < count; ++i) {
        ASSERT_LE(std::fabs(wide[i] - expected[first + i]), tolerance)
            << first << " + " << i;
        uint32_t bits = narrow[i] << 16;
        float rounded;
        std::memcpy(&rounded, &bits, 4);
        ASSERT_EQ(rounded, bf16(wide[i])) << first << " + " << i;
      }
    }
  }

  WeightOp weight(llvm::StringRef name) {
    return module->lookupSymbol<WeightOp>(name);
  }

  static llvm::ArrayRef<int64_t> shapeOf(mlir::Value value) {
    return llvm::cast<mlir::RankedTensorType>(value.getType()).getShape();
  }

  /// All elements of a value, made in the plainest way.
  std::vector<float> naive(mlir::Value value, int64_t layer) {
    std::vector<float> out = naiveUnrounded(value.getDefiningOp(), layer);
    auto type = llvm::cast<mlir::RankedTensorType>(value.getType());
    for (float &element : out)
      element = type.getElementType().isBF16()  ? bf16(element)
                : type.getElementType().isF16() ? f16(element)
                                                : element;
    EXPECT_EQ(static_cast<int64_t>(out.size()), type.getNumElements());
    return out;
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::unique_ptr<Checkpoint> checkpoint;
  std::map<std::string, Tensor> tensors;
  std::string directory;
  std::mt19937 generator{7};
  int64_t rank = 0; ///< whose part of weights that are split

private:
  std::vector<float> naiveUnrounded(mlir::Operation *op, int64_t layer) {
    std::vector<float> out;
    auto result = shapeOf(op->getResult(0));
    std::vector<std::vector<float>> in;
    for (mlir::Value operand : op->getOperands())
      if (!operand.getType().isIndex())
        in.push_back(naive(operand, layer));
    if (auto load = llvm::dyn_cast<LoadOp>(op)) {
      const Tensor &tensor =
          tensors.at(formatTensorName(load.getName(), layer));
      int64_t below = tensor.values.size(), first = 0, elements = 1;
      for (auto [i, at] :
           llvm::enumerate(load.getAt().value_or(llvm::ArrayRef<int64_t>()))) {
        below /= tensor.shape[i];
        first += at * below;
      }
      for (int64_t extent : result)
        elements *= extent;
      return {tensor.values.begin() + first,
              tensor.values.begin() + first + elements};
    }
    if (auto table = llvm::dyn_cast<RopeTableOp>(op)) {
      float theta = table.getTheta().convertToDouble();
      int64_t half = result[1] / 2;
      for (int64_t p = 0; p < result[0]; ++p)
        for (int64_t i = 0; i < 2 * half; ++i) {
          float exponent = float(2 * (i % half)) / float(2 * half);
          float angle = float(p) * (1.0f / std::pow(theta, exponent));
          out.push_back(i < half ? std::cos(angle) : std::sin(angle));
        }
      return out;
    }
    if (llvm::isa<RandomOp>(op)) {
      // One element at a time.
      RecipeEvaluator evaluator(nullptr);
      int64_t elements = 1;
      for (int64_t extent : result)
        elements *= extent;
      out.resize(elements);
      for (int64_t i = 0; i < elements; ++i)
        EXPECT_FALSE(
            evaluator.evaluate(op->getResult(0), layer, i,
                               llvm::MutableArrayRef<float>(&out[i], 1)));
      return out;
    }
    if (llvm::isa<StackOp, ConcatOp>(op)) {
      for (auto &part : in)
        out.insert(out.end(), part.begin(), part.end());
      return out;
    }
    if (llvm::isa<ReshapeOp, ConvertOp, PackOp>(op))
      return in[0];

    auto shape = shapeOf(op->getOperand(0));
    int64_t rows = shape.size() > 1 ? shape[shape.size() - 2] : 1;
    int64_t columns = shape.back();
    int64_t matrices = in[0].size() / (rows * columns);
    auto at = [&](int64_t which, int64_t matrix, int64_t row, int64_t column) {
      return row < rows && column < columns
                 ? in[which][(matrix * rows + row) * columns + column]
                 : 0.0f;
    };
    if (auto split = llvm::dyn_cast<SplitRowsOp>(op)) {
      int64_t entries = shape[split.getDim()], inner = 1;
      for (int64_t extent : shape.drop_front(split.getDim() + 1))
        inner *= extent;
      for (int64_t o = 0, e = in[0].size() / (entries * inner); o < e; ++o) {
        int64_t section = 0; // where it begins
        for (size_t s = 0; s < split.getParts().size(); ++s) {
          int64_t part = split.getParts()[s], size = split.getSections()[s];
          for (int64_t i = rank * part; i < (rank + 1) * part; ++i)
            for (int64_t j = 0; j < inner; ++j)
              out.push_back(i < size
                                ? in[0][(o * entries + section + i) * inner + j]
                                : 0.0f);
          section += size;
        }
      }
    }
    if (auto split = llvm::dyn_cast<SplitColumnsOp>(op)) {
      int64_t tail = split.getTail(), shared = columns - tail;
      int64_t shards = result[result.size() - 3], width = result.back() - tail;
      for (int64_t m = 0; m < matrices; ++m)
        for (int64_t s = 0; s < shards; ++s)
          for (int64_t r = 0; r < rows; ++r) {
            for (int64_t c = 0; c < width; ++c) {
              int64_t column = (rank * shards + s) * width + c;
              out.push_back(column < shared ? at(0, m, r, column) : 0.0f);
            }
            for (int64_t c = 0; c < tail; ++c)
              out.push_back(at(0, m, r, shared + c));
          }
    }
    if (auto slice = llvm::dyn_cast<SliceOp>(op))
      for (int64_t m = 0; m < matrices; ++m)
        for (int64_t r = 0; r < result[result.size() - 2]; ++r)
          for (int64_t c = 0; c < columns; ++c)
            out.push_back(at(0, m, slice.getFirst() + r, c));
    if (auto select = llvm::dyn_cast<SelectOp>(op)) {
      int64_t extent = in[0].size() / shape[0];
      for (int64_t i : select.getIndices())
        out.insert(out.end(), in[0].begin() + i * extent,
                   in[0].begin() + (i + 1) * extent);
    }
    if (llvm::isa<AppendRowsOp>(op))
      for (int64_t m = 0; m < matrices; ++m)
        for (int64_t r = 0; r < 2 * rows; ++r)
          for (int64_t c = 0; c < columns; ++c)
            out.push_back(at(r / rows, m, r % rows, c));
    if (llvm::isa<AppendColumnsOp>(op)) {
      int64_t added = shapeOf(op->getOperand(1)).back();
      for (int64_t r = 0; r < matrices * rows; ++r) {
        out.insert(out.end(), in[0].begin() + r * columns,
                   in[0].begin() + (r + 1) * columns);
        out.insert(out.end(), in[1].begin() + r * added,
                   in[1].begin() + (r + 1) * added);
      }
    }
    return out;
  }
};

} // namespace fpmoe::test

#endif // FPMOE_TEST_LIB_WEIGHTS_FIXTURE_H
