//===- Evaluate.cpp - weight recipes, a window at a time --------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where windows come from, and how they are pulled (see Puller.h). A bf16 value
// is pulled as bf16 down to its sources, so that a bf16 checkpoint is copied,
// not converted.
//
//===----------------------------------------------------------------------===//

#include "lib/Weights/Evaluate.h"

#include "lib/Checkpoint/Half.h"
#include "lib/Weights/Generate.h"
#include "lib/Weights/Puller.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/Endian.h"

using namespace llvm;
using namespace mlir;

namespace fpmoe {

void roundTo(mlir::Type type, MutableArrayRef<float> out) {
  mlir::Type element = cast<ShapedType>(type).getElementType();
  if (element.isBF16())
    for (float &value : out)
      value = fromBF16(roundToBF16(value));
  else if (element.isF16())
    for (float &value : out)
      value = fromF16(roundToF16(value));
}

//===----------------------------------------------------------------------===//
// Sources
//===----------------------------------------------------------------------===//

static Error visit(Puller &puller, LoadOp op, int64_t first,
                   MutableArrayRef<float> out) {
  Expected<LoadedTensor> from = resolveLoad(op, puller.layer, puller.sources);
  if (!from)
    return from.takeError();
  return from->checkpoint->read(*from->tensor, from->first + first, out);
}

static Error visit(Puller &puller, RandomOp op, int64_t first,
                   MutableArrayRef<float> out) {
  generateRandom(op, puller.layer, first, out);
  return Error::success();
}

static Error visit(Puller &, RopeTableOp op, int64_t first,
                   MutableArrayRef<float> out) {
  generateRopeTable(op, first, out);
  return Error::success();
}

static Error visit(Puller &, RopeFrequenciesOp op, int64_t first,
                   MutableArrayRef<float> out) {
  generateRopeFrequencies(op, first, out);
  return Error::success();
}

static Error visit(Puller &, FillOp op, int64_t, MutableArrayRef<float> out) {
  std::fill(out.begin(), out.end(), op.getValue().convertToDouble());
  return Error::success();
}

static Error visit(Puller &puller, PromptStateOp op, int64_t first,
                   MutableArrayRef<float> out) {
  ArrayRef<float> state = puller.sources.findState(op, puller.layer);
  if (state.empty())
    return createStringError("a prompt state is not known");
  llvm::copy(state.slice(first, out.size()), out.begin());
  return Error::success();
}

/// Evaluates an op without operands that are weights; nothing if it is none.
static std::optional<Error> make(Puller &puller, Operation *op, int64_t first,
                                 MutableArrayRef<float> out) {
  return llvm::TypeSwitch<Operation *, std::optional<Error>>(op)
      .Case<LoadOp, RandomOp, RopeTableOp, RopeFrequenciesOp, FillOp,
            PromptStateOp>([&](auto source) {
        Error result = visit(puller, source, first, out);
        if (!result)
          roundTo(source.getType(), out);
        return result;
      })
      .Default([](Operation *) { return std::nullopt; });
}

//===----------------------------------------------------------------------===//
// Windows
//===----------------------------------------------------------------------===//

static Error checkWindow(Value value, int64_t first, int64_t count) {
  int64_t elements = elementsOf(value);
  if (first < 0 || first > elements || count > elements - first)
    return createStringError(Twine("elements from ") + Twine(first) + " to " +
                             Twine(first + count) + " of a value of " +
                             Twine(elements) + " were asked for");
  return Error::success();
}

Error Puller::pull(Value value, int64_t first, MutableArrayRef<float> out) {
  if (out.empty())
    return Error::success();
  if (Error e = checkWindow(value, first, out.size()))
    return e;
  Operation *op = value.getDefiningOp();
  for (auto evaluate : {arrange<float>, make, compute})
    if (std::optional<Error> result = evaluate(*this, op, first, out))
      return std::move(*result);
  return createStringError("'" + op->getName().getStringRef() +
                           "' is not an op of recipes");
}

/// A tensor in bf16 is copied, not converted.
static Error copyBits(const LoadedTensor &from, int64_t first,
                      MutableArrayRef<uint16_t> out) {
  auto bytes = MutableArrayRef<uint8_t>(reinterpret_cast<uint8_t *>(out.data()),
                                        out.size() * 2);
  if (Error e = from.checkpoint->readRaw(*from.tensor, (from.first + first) * 2,
                                         bytes))
    return e;
  if constexpr (llvm::endianness::native == llvm::endianness::big)
    for (uint16_t &bits : out)
      bits = llvm::byteswap(bits);
  return Error::success();
}

Error Puller::pull(Value value, int64_t first, MutableArrayRef<uint16_t> out) {
  if (out.empty())
    return Error::success();
  if (Error e = checkWindow(value, first, out.size()))
    return e;
  Operation *op = value.getDefiningOp();
  if (std::optional<Error> result = arrange(*this, op, first, out))
    return std::move(*result);
  if (auto load = dyn_cast<LoadOp>(op)) {
    Expected<LoadedTensor> from = resolveLoad(load, layer, sources);
    if (!from)
      return from.takeError();
    if (from->tensor->dtype == DType::BF16)
      return copyBits(*from, first, out);
  }
  // What is made in f32.
  std::vector<float> window(std::min(out.size(), windowElements));
  while (!out.empty()) {
    auto part = MutableArrayRef<float>(window).take_front(out.size());
    if (Error e = pull(value, first, part))
      return e;
    llvm::transform(part, out.begin(), roundToBF16);
    first += part.size();
    out = out.drop_front(part.size());
  }
  return Error::success();
}

RecipeEvaluator::RecipeEvaluator(Sources sources, int64_t rank)
    : sources(std::move(sources)), rank(rank),
      cache(std::make_shared<RecipeCache>()) {}

Error RecipeEvaluator::evaluate(Value value, int64_t layer, int64_t first,
                                MutableArrayRef<float> out) const {
  return Puller(sources, *cache, layer, rank).pull(value, first, out);
}

Error RecipeEvaluator::evaluate(Value value, int64_t layer, int64_t first,
                                MutableArrayRef<uint16_t> out) const {
  return Puller(sources, *cache, layer, rank).pull(value, first, out);
}

} // namespace fpmoe
