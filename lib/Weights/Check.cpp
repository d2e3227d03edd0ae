//===- Check.cpp - can these recipes be evaluated? --------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finds what is wrong with a module's recipes before any work starts. The
// evaluator relies on these checks; sizes are bounded by the dialect's types.
//
//===----------------------------------------------------------------------===//

#include "lib/Checkpoint/Input.h"
#include "lib/Weights/Evaluate.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace llvm;
using namespace mlir;

namespace fpmoe {

/// Ops between a source and the yield; bounds the evaluator's recursion.
static constexpr unsigned maxRecipeDepth = 256;

static Error weightError(WeightOp weight, const Twine &what) {
  return createStringError(Twine("weight ") + quoted(weight.getSymName()) +
                           ": " + what);
}

std::string formatTensorName(StringRef name, int64_t layer) {
  auto [head, tail] = name.split("{}");
  if (head.size() == name.size())
    return name.str();
  return (head + Twine(layer) + tail).str();
}

/// First element of the load's window in a tensor of shape `have`, or nothing
/// if the shapes do not go together. Each entry of `at` but the last picks one
/// index of its dimension; the last one too, unless the ranks say that it
/// starts a range.
static std::optional<uint64_t> windowStart(ArrayRef<int64_t> have,
                                           ArrayRef<int64_t> want,
                                           ArrayRef<int64_t> at) {
  if (have.size() < want.size() || at.size() > have.size())
    return std::nullopt;
  size_t picked = have.size() - want.size();
  bool range = at.size() == picked + 1;
  if (!range && at.size() != picked)
    return std::nullopt;
  uint64_t first = 0;
  for (size_t i = 0; i < have.size(); ++i) {
    int64_t from = i < at.size() ? at[i] : 0;
    int64_t extent = i < picked ? 1 : want[i - picked];
    bool whole = i >= at.size();
    if (whole ? extent != have[i] : from > have[i] - extent)
      return std::nullopt;
    // The window lies inside the tensor, whose size fits in 63 bits.
    first = first * have[i] + from;
  }
  return first;
}

Expected<LoadedTensor> resolveLoad(LoadOp load, int64_t layer,
                                   const Sources &sources) {
  std::string name = formatTensorName(load.getName(), layer);
  const Checkpoint *checkpoint = sources.find(load.getPart().value_or(""));
  if (!checkpoint)
    return createStringError("tensor " + quoted(name) +
                             " is to be loaded, but there is no checkpoint");
  const TensorInfo *tensor = checkpoint->find(name);
  if (!tensor)
    return fileError(checkpoint->directory(),
                     "tensor " + quoted(name) + " is missing");
  StringRef path = checkpoint->fileName(tensor->file);
  if (Error e = checkLoadable(*tensor, path))
    return std::move(e);
  ArrayRef<int64_t> want = cast<RankedTensorType>(load.getType()).getShape();
  ArrayRef<int64_t> at = load.getAt().value_or(ArrayRef<int64_t>());
  std::optional<uint64_t> first = windowStart(tensor->shape, want, at);
  if (!first)
    return fileError(path, "tensor " + quoted(name) + " has the shape " +
                               formatShape(tensor->shape) +
                               ", the recipe loads " + formatShape(want) +
                               (at.empty() ? "" : " at " + formatShape(at)));
  return LoadedTensor{checkpoint, tensor, *first};
}

/// The ops that make the weight of a layer.
static SmallPtrSet<Operation *, 16> findLive(WeightOp weight, int64_t layer) {
  SmallPtrSet<Operation *, 16> live;
  SmallVector<Value> pending{weight.getResultValue()};
  while (!pending.empty()) {
    Operation *op = pending.pop_back_val().getDefiningOp();
    if (!op || !live.insert(op).second)
      continue;
    if (auto choice = dyn_cast<ByLayerOp>(op))
      pending.push_back(choice.getInputOf(layer));
    else
      append_range(pending, op->getOperands());
  }
  return live;
}

static Error checkOps(WeightOp weight) {
  Block &body = weight.getRecipe().front();
  llvm::DenseMap<Value, unsigned> depths;
  for (Operation &op : body.without_terminator()) {
    if (!op.hasTrait<OpTrait::HasParent<WeightOp>::Impl>())
      return weightError(weight, "'" + op.getName().getStringRef() +
                                     "' is not an op of recipes");
    unsigned depth = 0;
    for (Value operand : op.getOperands()) {
      if (operand.getType().isIndex() && operand.getParentBlock() != &body)
        return weightError(weight, "takes a layer from outside its recipe");
      depth = std::max(depth, depths.lookup(operand));
    }
    if (depth == maxRecipeDepth)
      return weightError(weight, "its recipe is more than " +
                                     Twine(maxRecipeDepth) + " ops deep");
    depths[op.getResult(0)] = depth + 1;
  }
  return Error::success();
}

static Error checkRecipe(WeightOp weight, const Sources &sources) {
  if (Error e = checkOps(weight))
    return e;
  static constexpr int64_t none[] = {0};
  for (int64_t layer : weight.getLayers().value_or(ArrayRef<int64_t>(none))) {
    SmallPtrSet<Operation *, 16> live = findLive(weight, layer);
    for (LoadOp load : weight.getRecipe().getOps<LoadOp>()) {
      if (!live.contains(load))
        continue;
      Expected<LoadedTensor> found = resolveLoad(load, layer, sources);
      if (!found)
        return found.takeError();
    }
    for (auto state : weight.getRecipe().getOps<PromptStateOp>())
      if (live.contains(state) && sources.findState(state, layer).empty())
        return weightError(
            weight, "what prompts make of layer " + Twine(layer) + " of " +
                        quoted(state.getPart()) + " is not known here");
  }
  return Error::success();
}

Error checkRecipes(ModuleOp module, const Sources &sources) {
  for (WeightOp weight : module.getOps<WeightOp>())
    if (Error e = checkRecipe(weight, sources))
      return e;
  return Error::success();
}

bool needsCheckpoint(ModuleOp module) {
  return module
      .walk([](LoadOp load) {
        return load.getPart() ? WalkResult::advance() : WalkResult::interrupt();
      })
      .wasInterrupted();
}

Expected<Sources> openSources(ModuleOp module, const Checkpoint *own) {
  Sources sources(own);
  Error failure = Error::success();
  module.walk([&](LoadOp load) {
    StringRef part = load.getPart().value_or("");
    if (part.empty() || sources.find(part))
      return WalkResult::advance();
    Expected<std::unique_ptr<Checkpoint>> opened =
        Checkpoint::open(getPartDirectory(module, part));
    if (!opened) {
      failure = joinErrors(std::move(failure), opened.takeError());
      return WalkResult::interrupt();
    }
    sources.add(part, std::move(*opened));
    return WalkResult::advance();
  });
  if (failure)
    return std::move(failure);
  return sources;
}

} // namespace fpmoe
