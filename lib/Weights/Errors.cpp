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

static Error measure(const RecipeEvaluator &evaluator,
                     const Instance &instance) {
  int64_t columns =
      cast<mlir::RankedTensorType>(instance.after.getType()).getShape().back();
  int64_t step = std::max<int64_t>(kBlock / columns, 1) * columns;
  double squares = 0, differences = 0;
  std::vector<float> before, after;
  for (int64_t at = 0; at < instance.error->elements; at += step) {
    int64_t count = std::min(step, instance.error->elements - at);
    before.resize(count);
    after.resize(count);
    for (auto [value, numbers] : {std::pair(instance.before, &before),
                                  std::pair(instance.after, &after)})
      if (Error e = evaluator.evaluate(value, instance.layer, at,
                                       MutableArrayRef<float>(*numbers)))
        return e;
    for (int64_t i = 0; i < count; ++i) {
      double difference = double(after[i]) - before[i];
      squares += double(before[i]) * before[i];
      differences += difference * difference;
    }
  }
  if (squares > 0)
    instance.error->relative = std::sqrt(differences / squares);
  return Error::success();
}

Expected<std::vector<WeightError>> measureErrors(
    mlir::ModuleOp module, const Sources &sources,
    const std::function<void(uint64_t done, uint64_t total)> &progress) {
  std::vector<WeightError> errors;
  std::vector<Instance> instances;
  uint64_t done = 0, total = 0;
  for (auto weight : module.getOps<WeightOp>()) {
    auto type = weight.getTensorType();
    if (!type.getEncoding())
      continue;
    mlir::Value after = weight.getResultValue(), before;
    if (auto pack = after.getDefiningOp<PackOp>())
      after = pack.getInput();
    auto convert = after.getDefiningOp<ConvertOp>();
    before = convert ? convert.getInput() : after;
    for (int64_t i = 0, e = weight.getNumInstances(); i < e; ++i) {
      WeightError error;
      error.weight = weight.getSymName().str();
      int64_t layer = 0;
      if (weight.getLayers())
        error.layer = layer = (*weight.getLayers())[i];
      error.format = getStorageName(type.getElementType()).str();
      error.elements = type.getNumElements();
      error.bytes =
          getStorageBytes(cast<mlir::RankedTensorType>(after.getType()));
      total += error.elements;
      errors.push_back(std::move(error));
      instances.push_back({weight, before, after, layer, nullptr});
    }
  }
  for (auto [instance, error] : llvm::zip(instances, errors))
    instance.error = &error;
  RecipeEvaluator evaluator(sources);
  std::mutex mutex;
  auto measureOne = [&](const Instance &instance) -> Error {
    if (instance.before != instance.after)
      if (Error e = measure(evaluator, instance))
        return e;
    std::lock_guard<std::mutex> lock(mutex);
    done += instance.error->elements;
    if (progress)
      progress(done, total);
    return Error::success();
  };
  if (Error e = parallelForEachError(instances, measureOne))
    return std::move(e);
  return errors;
}

} // namespace fpmoe
