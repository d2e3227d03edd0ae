//===- Budget.cpp - Formats for so many bits a weight ---------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Greedily: the step to a better format that gains most for its bytes is taken
// as long as there are bytes.
//===----------------------------------------------------------------------===//

#include "lib/Weights/Budget.h"
#include "dialects/FPMoE/Storage.h"
#include "lib/Checkpoint/Input.h"
#include "lib/Weights/Evaluate.h"
#include "lib/Weights/Groups.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Parallel.h"

#include <cmath>

using namespace llvm;

namespace fpmoe {

/// From few bits to many.
static constexpr StringLiteral kFormats[] = {"int4", "uint4", "int8"};
/// Elements of an instance of a weight that are measured.
static constexpr int64_t kMeasured = int64_t(1) << 16;

namespace {
struct Choice {
  WeightOp weight;
  int64_t tail, count; ///< count: how often its error counts
  size_t format = 0;   ///< of kFormats
  std::array<double, std::size(kFormats)> error = {};
  std::array<int64_t, std::size(kFormats)> bytes = {};
};
} // namespace

std::optional<double> parseBudget(StringRef text) {
  if (!text.consume_back("bits"))
    return std::nullopt;
  double bits;
  return text.getAsDouble(bits) ? std::nan("") : bits;
}

using Formats = std::array<GroupFormat, std::size(kFormats)>;

static Formats getFormats(mlir::MLIRContext *context) {
  Formats formats;
  for (auto [format, name] : llvm::zip(formats, kFormats))
    format = *getGroupFormat(getStorageType(context, name));
  return formats;
}

/// Adds the errors of some rows of an instance.
static Error measure(const RecipeEvaluator &evaluator, Choice &choice,
                     int64_t layer) {
  Formats formats = getFormats(choice.weight.getContext());
  auto type = choice.weight.getTensorType();
  int64_t columns = type.getShape().back();
  int64_t rows = type.getNumElements() / columns;
  int64_t taken = std::clamp<int64_t>(kMeasured / columns, 1, rows);
  std::vector<float> row(columns);
  double squares = 0;
  std::array<double, std::size(kFormats)> differences = {};
  for (int64_t i = 0; i < taken; ++i) {
    int64_t first = i * rows / taken * columns;
    if (Error e = evaluator.evaluate(choice.weight.getResultValue(), layer,
                                     first, MutableArrayRef<float>(row)))
      return e;
    for (float number : row)
      squares += double(number) * number;
    for (int64_t c = 0; c < columns;) {
      int64_t count = getGroup(columns, choice.tail, c).count;
      ArrayRef<float> numbers = ArrayRef(row).slice(c, count);
      for (auto [f, format] : enumerate(formats)) {
        Group group;
        if (Error e =
                makeGroup(choice.weight, format, numbers, first + c, group))
          return e;
        for (int64_t j = 0; j < count; ++j)
          differences[f] +=
              std::pow(double(group.get(format, j)) - numbers[j], 2);
      }
      c += count;
    }
  }
  for (auto [f, error] : enumerate(choice.error))
    if (squares > 0)
      error += differences[f] / squares * double(choice.count);
  return Error::success();
}

/// The matrices that can be integers, and the bytes and elements of all.
static std::vector<Choice> findChoices(mlir::ModuleOp module, int64_t &bytes,
                                       int64_t &elements) {
  mlir::SymbolTable symbols(module);
  int64_t layers = 1;
  module.walk([&](LayersOp op) { layers = op.getOrder().size(); });
  MapVector<mlir::Operation *, StoredMatrix> matrices;
  module.walk([&](MatricesOpInterface op) {
    for (const StoredMatrix &matrix : op.getMatrices())
      if (auto get = matrix.weight.getDefiningOp<GetOp>())
        matrices.insert({symbols.lookup<WeightOp>(get.getWeight()), matrix});
  });
  Formats formats = getFormats(module.getContext());
  std::vector<Choice> choices;
  for (auto &[op, matrix] : matrices) {
    auto weight = cast<WeightOp>(op);
    auto type = weight.getTensorType();
    elements += type.getNumElements() * weight.getNumInstances();
    if (matrix.factor) {
      bytes += type.getNumElements() * weight.getNumInstances() * 4;
      continue;
    }
    Choice choice{weight, matrix.tail, weight.getLayers() ? 1 : 4 * layers};
    int64_t columns = type.getShape().back();
    int64_t groups = type.getNumElements() / columns *
                     countGroups(columns, matrix.tail) *
                     weight.getNumInstances();
    for (auto [bytes, format] : llvm::zip(choice.bytes, formats))
      bytes = groups * format.getBytes();
    bytes += choice.bytes[0];
    choices.push_back(choice);
  }
  return choices;
}

Expected<std::string> chooseFormats(mlir::ModuleOp module,
                                    const Sources &sources, double bits) {
  int64_t bytes = 0, elements = 0;
  std::vector<Choice> choices = findChoices(module, bytes, elements);
  if (bytes * 8.0 > bits * elements) {
    llvm::sort(choices, [](const Choice &a, const Choice &b) {
      return a.bytes[0] > b.bytes[0];
    });
    std::string largest;
    for (const Choice &choice : ArrayRef(choices).take_front(4)) {
      WeightOp weight = choice.weight;
      largest += formatv("{0}{1} ({2:F2})", largest.empty() ? "" : ", ",
                         weight.getSymName(),
                         choice.bytes[0] * 8.0 /
                             double(weight.getTensorType().getNumElements() *
                                    weight.getNumInstances()));
    }
    return createStringError(formatv(
        "{0:F2} bits for each weight are fewer than int4 in every matrix has, "
        "{1:F2}; the largest, with their bits, are {2}",
        bits, std::ceil(bytes * 800.0 / elements) / 100, largest));
  }
  RecipeEvaluator evaluator(sources);
  if (Error e = parallelForEachError(choices, [&](Choice &choice) -> Error {
        for (int64_t i = 0, n = choice.weight.getNumInstances(); i < n; ++i)
          if (Error e = measure(evaluator, choice,
                                choice.weight.getLayers()
                                    ? (*choice.weight.getLayers())[i]
                                    : 0))
            return e;
        return Error::success();
      }))
    return std::move(e);
  for (;;) {
    Choice *best = nullptr;
    size_t to = 0;
    double most = 0;
    for (Choice &choice : choices)
      for (size_t f = choice.format + 1; f < std::size(kFormats); ++f) {
        double more = choice.bytes[f] - choice.bytes[choice.format];
        double gain = (choice.error[choice.format] - choice.error[f]) / more;
        if (gain <= most || (bytes + more) * 8 > bits * elements)
          continue;
        best = &choice;
        to = f;
        most = gain;
      }
    if (!best)
      break;
    bytes += best->bytes[to] - best->bytes[best->format];
    best->format = to;
  }
  std::string rules = kFormats[0].str();
  for (Choice &choice : choices)
    if (choice.format)
      rules += "," + choice.weight.getSymName().str() + "=" +
               kFormats[choice.format].str();
  return rules;
}

} // namespace fpmoe
