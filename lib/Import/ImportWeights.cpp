//===- ImportWeights.cpp - recipes of weights -----------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A weight is a role in the graph, such as `@sparse.q_proj`, whatever its
// tensors are called. See ImportBuilder.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Import/ImportBuilder.h"

#include "lib/Config/GgufConfig.h"

#include "llvm/ADT/StringExtras.h"

#include <cmath>

using namespace llvm;
using mlir::Value;

namespace fpmoe {

//===----------------------------------------------------------------------===//
// Recipes
//===----------------------------------------------------------------------===//

Value Importer::source(const Twine &name, Shape shape, double mean,
                       double stddev) {
  if (options.recipes)
    return assembled(name.str(), shape);
  mlir::StringAttr nameAttr = builder.getStringAttr(name);
  if (isGguf())
    return ggufSource(nameAttr, shape);
  if (checkpoint)
    return LoadOp::create(builder, loc, f32(shape), nameAttr, recipeLayer,
                          mlir::DenseI64ArrayAttr());
  return RandomOp::create(builder, loc, f32(shape), nameAttr, recipeLayer,
                          i64(*options.randomSeed), f64(mean), f64(stddev));
}

void Importer::noteFailure(Error error) {
  if (failure.empty())
    failure = toString(std::move(error));
  else
    consumeError(std::move(error));
}

/// A failure is kept for the end, and anything of the right type used till
/// then.
Value Importer::assembled(std::string name, Shape shape) {
  TensorRequest request{std::move(name), {}, shape.vec()};
  if (kind)
    request.layers.assign(kind->layers.begin(), kind->layers.end());
  Expected<Value> value = options.recipes->build(builder, request, recipeLayer);
  if (value)
    return *value;
  noteFailure(value.takeError());
  return FillOp::create(builder, loc, f32(shape), f64(0));
}

/// GGUF files name tensors in another way, and hold some in another form.
Value Importer::ggufSource(StringRef name, Shape shape) {
  mlir::StringAttr ggufName = builder.getStringAttr(getGgufTensorName(name));
  bool isRow = name.ends_with(".mlp.shared_expert_gate.weight");
  Value loaded =
      LoadOp::create(builder, loc, f32(isRow ? shape.drop_front() : shape),
                     ggufName, recipeLayer, {});
  if (isRow)
    return reshape(loaded, shape);
  bool isTurned = name.contains(".self_attn.q_proj.") ||
                  name.contains(".self_attn.k_proj.");
  if (isTurned && config.neighboursRotate)
    return deinterleave(loaded, config.headDim);
  return loaded;
}

/// Reads the factors of a GGUF file of Llama, if it has them.
Error Importer::readRopeFactors() {
  const TensorInfo *tensor = isGguf() && config.neighboursRotate
                                 ? checkpoint->find(ropeFactorsName)
                                 : nullptr;
  if (!tensor)
    return Error::success();
  StringRef path = checkpoint->fileName(tensor->file);
  if (config.ropeScaling.kind != RopeScaling::None)
    return createStringError(path + ": has rope_freqs.weight, beside which no "
                                    "other scaling of rotary embedding is "
                                    "supported");
  TensorClaims claims(*checkpoint);
  SmallVector<int64_t> shape{config.ropeDim() / 2};
  if (Error error = claims.claim(ropeFactorsName, shape).takeError())
    return error;
  ropeFactors.resize(shape[0]);
  if (Error error = checkpoint->read(*tensor, 0, ropeFactors))
    return error;
  for (auto [i, factor] : enumerate(ropeFactors))
    if (!(factor > 0) || !std::isfinite(factor))
      return createStringError(
          path + ": element " + Twine(i) + " of rope_freqs.weight is " +
          std::to_string(factor) + ", it must be positive");
  return Error::success();
}

Value Importer::reshape(Value input, Shape shape) {
  return ReshapeOp::create(builder, loc, f32(shape), input);
}

/// Some rows of a matrix, or of every matrix of a stack.
Value Importer::rowsFrom(Value input, int64_t first, int64_t count) {
  auto type = cast<mlir::RankedTensorType>(input.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape[shape.size() - 2] = count;
  return SliceOp::create(builder, loc, f32(shape), input, i64(first));
}

/// Turns neighbours, as latent attention does, into halves.
Value Importer::deinterleave(Value input, int64_t headDim) {
  return DeinterleaveOp::create(builder, loc, input.getType(), input,
                                i64(headDim), i64(config.ropeDim()));
}

/// Whether the first layer of the kind has the tensor, in a GGUF file.
bool Importer::hasTensor(const Twine &name) const {
  std::string gguf = getGgufTensorName(("model.layers.{}." + name).str());
  auto [front, back] = StringRef(gguf).split("{}");
  return checkpoint->find((front + Twine(kind->layers[0]) + back).str());
}

/// The matrices of that name of all experts, stacked if each has a tensor.
Value Importer::ofExperts(StringRef name, Shape shape) {
  SmallVector<int64_t> stacked{config.numExperts};
  append_range(stacked, shape);
  if (!name.contains('#'))
    return ofLayer(name, stacked);
  auto [front, back] = name.split('#');
  // GGUF files stack them, but for older ones.
  if (isGguf() && !hasTensor(front + "0" + back)) {
    StringRef role = back.drop_front();
    role.consume_back(".weight");
    return ofLayer((front + role).str(), stacked);
  }
  SmallVector<Value> experts;
  for (int64_t i = 0; i != config.numExperts; ++i)
    experts.push_back(ofLayer((front + Twine(i) + back).str(), shape));
  return StackOp::create(builder, loc, f32(stacked), experts);
}

/// As the first layer has its experts; others must agree, or their tensors are
/// missing.
const ExpertLayout &Importer::findLayout() const {
  std::string layer = "model.layers." + std::to_string(kind->layers[0]) + ".";
  for (const ExpertLayout &layout : architecture.layouts)
    for (StringRef name : {layout.experts.gate, layout.experts.down}) {
      auto [front, back] = name.split('#');
      bool isFused = front == name;
      std::string tensor =
          layer + front.str() + (isFused ? "" : "0") + back.str();
      if (options.recipes ? options.recipes->has(tensor)
                          : checkpoint && checkpoint->find(tensor))
        return layout;
    }
  return architecture.layouts.front();
}

mlir::Attribute Importer::getRopeScaling() {
  const RopeScaling &scaling = config.ropeScaling;
  mlir::MLIRContext *context = builder.getContext();
  if (!ropeFactors.empty())
    return RopeFactorsAttr::get(context,
                                builder.getDenseF32ArrayAttr(ropeFactors));
  switch (scaling.kind) {
  case RopeScaling::None:
    return {};
  case RopeScaling::Linear:
    return RopeLinearAttr::get(context, f64(scaling.factor));
  case RopeScaling::Llama3:
    return RopeLlama3Attr::get(context, f64(scaling.factor), f64(scaling.low),
                               f64(scaling.high), scaling.originalPositions);
  case RopeScaling::Yarn:
    break;
  }
  // The pair of columns that turns so often in the original context.
  int64_t dim = config.ropeDim();
  auto pairOf = [&](double turns) {
    return dim * std::log(scaling.originalPositions / (turns * 2 * M_PI)) /
           (2 * std::log(config.ropeTheta));
  };
  double first = pairOf(scaling.betaFast), last = pairOf(scaling.betaSlow);
  if (scaling.truncate) {
    first = std::floor(first);
    last = std::ceil(last);
  }
  return RopeYarnAttr::get(
      context, f64(scaling.factor), f64(std::max(first, 0.0)),
      f64(std::min(last, dim - 1.0)), f64(scaling.magnitude));
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// Puts a weight before the function that uses it: in a body one for each layer
/// of its kind.
WeightOp Importer::weight(const Twine &name, Recipe recipe) {
  mlir::OpBuilder::InsertionGuard guard(builder);
  if (function)
    builder.setInsertionPoint(function);
  mlir::DenseI64ArrayAttr layers;
  if (kind)
    layers = builder.getDenseI64ArrayAttr(kind->layers);
  auto op = WeightOp::create(builder, loc, builder.getStringAttr(name),
                             mlir::TypeAttr::get(f32({})), layers,
                             mlir::IntegerAttr(), mlir::IntegerAttr());
  mlir::Block *block = builder.createBlock(&op.getRecipe());
  recipeLayer =
      kind ? block->addArgument(builder.getIndexType(), loc) : Value();
  Value value = recipe();
  YieldOp::create(builder, loc, value);
  op.setType(cast<mlir::RankedTensorType>(value.getType()));
  return op;
}

Value Importer::get(WeightOp op) {
  Value layer = op.getLayers() ? function.getArguments().back() : Value();
  return GetOp::create(builder, loc, op.getType(), op.getSymName(), layer);
}

/// A weight of a body.
Value Importer::getOfLayer(const Twine &role, Recipe recipe) {
  return get(weight(kind->name + "." + role, recipe));
}

/// The last part of `self_attn.q_proj`, all of other names.
static StringRef roleOf(StringRef name) {
  name.consume_front("self_attn.");
  return name;
}

Value Importer::getNorm(StringRef name, int64_t size) {
  return getOfLayer(roleOf(name), [&] {
    return source("model.layers.{}." + name + ".weight", {size}, 1, 0.1);
  });
}

/// A matrix of a body, `[out, in]`, with what adapters put behind it.
Value Importer::getMatrix(StringRef name, Shape shape,
                          const LowRankPaths *paths) {
  std::string tensor = (name + ".weight").str();
  return getOfLayer(roleOf(name), [&] {
    return withAdapters(paths, tensor, ofLayer(tensor, shape));
  });
}

/// The bias of the matrix of that name.
Value Importer::getBias(StringRef name, int64_t size) {
  StringRef role = roleOf(name);
  role.consume_back("_proj");
  return getOfLayer(role + "_bias",
                    [&] { return ofLayer((name + ".bias").str(), {size}); });
}

} // namespace fpmoe
