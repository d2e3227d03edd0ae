//===- Errors.cpp - What formats change of weights ------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Weights/Errors.h"
#include "dialects/FPMoE/Storage.h"
#include "lib/Weights/Evaluate.h"

#include "llvm/Support/Parallel.h"

#include <cmath>
#include <mutex>

using namespace llvm;
using mlir::ModuleOp;
using mlir::Operation;

namespace fpmoe {

/// Elements that are evaluated at once.
static constexpr int64_t kBlock = int64_t(1) << 20;

namespace {
struct Instance {
  WeightOp weight;
  mlir::Value before, after;
  int64_t layer;
  WeightError *error;
};
} // namespace

/// Parts of a weight: those of all ranks where it is split.
static int64_t getNumParts(WeightOp weight) {
  for (Operation &op : weight.getRecipe().front())
    if (isa<SplitRowsOp, SplitColumnsOp>(op))
      return getNumRanks(weight->getParentOfType<ModuleOp>());
  return 1;
}

double WeightError::getRelative() const {
  return squares > 0 ? std::sqrt(differences / squares) : 0;
}

/// Measures `count` elements from `first` on.
static Error measure(const RecipeEvaluator &evaluator, const Instance &instance,
                     int64_t first, int64_t count) {
  std::vector<float> before(count), after(count);
  for (auto [value, numbers] :
       {std::pair(instance.before, &before), std::pair(instance.after, &after)})
    if (Error e = evaluator.evaluate(value, instance.layer, first,
                                     MutableArrayRef<float>(*numbers)))
      return e;
  for (int64_t i = 0; i < count; ++i) {
    double difference = double(after[i]) - before[i];
    instance.error->squares += double(before[i]) * before[i];
    instance.error->differences += difference * difference;
  }
  return Error::success();
}

static Error measure(const RecipeEvaluator &evaluator, const Instance &instance,
                     int64_t most) {
  int64_t columns =
      cast<mlir::RankedTensorType>(instance.after.getType()).getShape().back();
  int64_t elements =
      cast<mlir::RankedTensorType>(instance.after.getType()).getNumElements();
  int64_t rows = elements / columns;
  if (most && most < rows) {
    for (int64_t i = 0; i < most; ++i)
      if (Error e =
              measure(evaluator, instance, i * rows / most * columns, columns))
        return e;
    return Error::success();
  }
  int64_t step = std::max<int64_t>(kBlock / columns, 1) * columns;
  for (int64_t at = 0; at < elements; at += step)
    if (Error e =
            measure(evaluator, instance, at, std::min(step, elements - at)))
      return e;
  return Error::success();
}

/// Calls f(weight, value before rounding, value after it, layer, error) for
/// each instance.
static void forEachInstance(
    mlir::ModuleOp module,
    function_ref<void(WeightOp, mlir::Value, mlir::Value, int64_t, WeightError)>
        f) {
  for (auto weight : module.getOps<WeightOp>()) {
    auto type = weight.getTensorType();
    if (!type.getEncoding())
      continue;
    mlir::Value after = weight.getResultValue();
    if (auto pack = after.getDefiningOp<PackOp>())
      after = pack.getInput();
    auto convert = after.getDefiningOp<ConvertOp>();
    for (int64_t i = 0, e = weight.getNumInstances(); i < e; ++i) {
      WeightError error;
      error.weight = weight.getSymName().str();
      if (weight.getLayers())
        error.layer = (*weight.getLayers())[i];
      error.format = getStorageName(type.getElementType()).str();
      int64_t parts = getNumParts(weight);
      error.elements = parts * type.getNumElements();
      error.bytes = parts * getStorageBytes(
                                cast<mlir::RankedTensorType>(after.getType()));
      int64_t layer = error.layer.value_or(0);
      f(weight, convert ? convert.getInput() : after, after, layer,
        std::move(error));
    }
  }
}

std::vector<WeightError> listMatrices(mlir::ModuleOp module) {
  std::vector<WeightError> errors;
  forEachInstance(
      module, [&](WeightOp, mlir::Value, mlir::Value, int64_t,
                  WeightError error) { errors.push_back(std::move(error)); });
  return errors;
}

Expected<std::vector<WeightError>> measureErrors(mlir::ModuleOp module,
                                                 const Sources &sources,
                                                 const ErrorOptions &options) {
  std::vector<WeightError> errors;
  std::vector<Instance> instances;
  uint64_t done = 0, total = 0;
  forEachInstance(module, [&](WeightOp weight, mlir::Value before,
                              mlir::Value after, int64_t layer,
                              WeightError error) {
    total += error.elements;
    errors.push_back(std::move(error));
    instances.push_back({weight, before, after, layer, nullptr});
  });
  for (auto [instance, error] : llvm::zip(instances, errors))
    instance.error = &error;
  std::vector<RecipeEvaluator> evaluators; // of ranks
  for (int64_t rank = 0, e = getNumRanks(module); rank < e; ++rank)
    evaluators.emplace_back(sources, rank);
  std::mutex mutex;
  auto measureOne = [&](const Instance &instance) -> Error {
    if (instance.before != instance.after)
      for (int64_t rank = 0, e = getNumParts(instance.weight); rank < e; ++rank)
        if (Error e = measure(evaluators[rank], instance, options.rows))
          return e;
    std::lock_guard<std::mutex> lock(mutex);
    done += instance.error->elements;
    if (options.progress)
      options.progress(done, total);
    return Error::success();
  };
  if (Error e = parallelForEachError(instances, measureOne))
    return std::move(e);
  return errors;
}

std::vector<WeightError> joinLayers(ArrayRef<WeightError> errors) {
  std::vector<WeightError> joined;
  for (const WeightError &error : errors) {
    if (joined.empty() || joined.back().weight != error.weight) {
      joined.push_back(error);
      joined.back().layer.reset();
      continue;
    }
    WeightError &all = joined.back();
    all.elements += error.elements;
    all.bytes += error.bytes;
    all.squares += error.squares;
    all.differences += error.differences;
  }
  return joined;
}

} // namespace fpmoe
