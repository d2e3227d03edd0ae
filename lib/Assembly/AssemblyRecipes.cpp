//===- AssemblyRecipes.cpp - recipes over the parts of a model ------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Says of each tensor of an assembled model what it is made of. Names of
// tensors in layers have a `{}` in the place of the number.
//
//===----------------------------------------------------------------------===//

#include "dialects/FPMoE/FPMoE.h"
#include "lib/Assembly/Assembly.h"
#include "lib/Checkpoint/Input.h"
#include "lib/Config/Architectures.h"

using namespace llvm;
using mlir::Value;

namespace fpmoe {

static constexpr StringLiteral layerPrefix = "model.layers.{}.";

/// One recipe that is being made.
struct Assembly::Step {
  mlir::OpBuilder &builder;
  const TensorRequest &request;
  Value layer;

  mlir::Location loc() const { return builder.getUnknownLoc(); }
  mlir::RankedTensorType type(ArrayRef<int64_t> shape) const {
    return mlir::RankedTensorType::get(shape, builder.getF32Type());
  }
  mlir::RankedTensorType type() const { return type(request.shape); }
  Value weightedSum(ArrayRef<Value> inputs, ArrayRef<double> weights,
                    bool normalized = false) const {
    return WeightedSumOp::create(builder, loc(), inputs.front().getType(),
                                 inputs, weights, normalized);
  }
};

//===----------------------------------------------------------------------===//
// Loads
//===----------------------------------------------------------------------===//

/// Loads a tensor of the requested shape, which must be there for every layer.
Expected<Value> Assembly::loadChecked(Step &step, const Located &part,
                                      const Checkpoint &checkpoint,
                                      StringRef name, bool isFormat) {
  std::vector<int64_t> layers = step.request.layers;
  if (layers.empty())
    layers.push_back(0);
  for (int64_t layer : layers) {
    std::string full = inLayer(name, layer);
    const TensorInfo *tensor = checkpoint.find(full);
    if (!tensor)
      return recipe.errorAt(part, "the part " + quoted(part) +
                                      " has no tensor " + quoted(full) +
                                      ", which the model needs");
    if (ArrayRef<int64_t>(tensor->shape) != ArrayRef(step.request.shape))
      return recipe.errorAt(
          part, "the part " + quoted(part) + " has " + quoted(full) +
                    " of the shape " + formatShape(tensor->shape) +
                    ", the model needs " + formatShape(step.request.shape));
    if (isFormat && tensor->shape.size() >= 2)
      allBF16 &= tensor->dtype == DType::BF16;
    if (part.text == recipe.base.text)
      taken.insert(full);
  }
  return Value(LoadOp::create(step.builder, step.loc(), step.type(),
                              step.builder.getStringAttr(name), step.layer,
                              mlir::DenseI64ArrayAttr(),
                              step.builder.getStringAttr(part.text)));
}

/// The tensor of a part: of a checkpoint, or with what its adapters add.
Expected<Value> Assembly::load(Step &step, const Located &part,
                               StringRef name) {
  const PartSpec &spec = *recipe.findPart(part);
  if (spec.adapters.empty()) {
    const Checkpoint &checkpoint = *checkpoints.at(part.text);
    const ModelConfig &own = configs.at(part.text);
    if (name == headName && own.tieWordEmbeddings && !checkpoint.find(name))
      name = embeddingName;
    // An adapter asked for biases, see findBiases().
    if (name.ends_with(".bias") && config.outputBias && !own.outputBias)
      return Value(FillOp::create(step.builder, step.loc(), step.type(),
                                  step.builder.getF64FloatAttr(0)));
    return loadChecked(step, part, checkpoint, name, /*isFormat=*/true);
  }
  const auto &own = adapters.at(part.text);
  // What an adapter replaces may have another shape in the checkpoint.
  size_t first = 0;
  bool isReplaced = false;
  for (size_t i = 0; step.request.layers.empty() && i != own.size(); ++i)
    if (!own[i]->changeOf(name).replacement.empty()) {
      first = i;
      isReplaced = true;
    }
  if (isReplaced && spec.of.text == recipe.base.text)
    taken.insert(name);
  Expected<Value> value = isReplaced ? Value() : load(step, spec.of, name);
  for (size_t i = first; value && i != own.size(); ++i)
    value = adapt(step, spec, i, name, *value);
  return value;
}

//===----------------------------------------------------------------------===//
// Adapters
//===----------------------------------------------------------------------===//

/// The name with a `{}` for the layer.
static std::string withHole(StringRef name, int64_t layer) {
  std::string step = ("layers." + Twine(layer) + ".").str();
  size_t at = name.find(step);
  if (at == StringRef::npos)
    return name.str();
  return (name.take_front(at) + "layers.{}." +
          name.drop_front(at + step.size()))
      .str();
}

/// What one adapter makes of a tensor; names have their holes.
Value Assembly::change(Step &step, StringRef part, const AdapterChange &change,
                       double scale, Value value) {
  mlir::OpBuilder &builder = step.builder;
  auto load = [&](StringRef name, ArrayRef<int64_t> shape) -> Value {
    Value layer = name.contains("{}") ? step.layer : Value();
    return LoadOp::create(
        builder, step.loc(), step.type(shape), builder.getStringAttr(name),
        layer, mlir::DenseI64ArrayAttr(), builder.getStringAttr(part));
  };
  auto reshape = [&](Value input, ArrayRef<int64_t> shape) -> Value {
    return ReshapeOp::create(builder, step.loc(), step.type(shape), input);
  };
  auto transpose = [&](Value input, ArrayRef<int64_t> shape) -> Value {
    return TransposeOp::create(builder, step.loc(), step.type(shape), input);
  };
  ArrayRef<int64_t> shape = step.request.shape;
  if (!change.replacement.empty())
    value = load(change.replacement, shape);
  if (change.b.empty())
    return value;
  if (change.kind == AdapterChange::Bias)
    return step.weightedSum({value, load(change.b, shape)},
                            {1, change.scale * scale});
  int64_t rows = shape[shape.size() - 2], columns = shape.back();
  int64_t rank = change.rank, count = change.numExperts;
  Value left, right;
  switch (change.kind) {
  case AdapterChange::Linear:
    right = load(change.a, {rank, columns});
    left = load(change.b, {rows, rank});
    break;
  case AdapterChange::Embedding:
    left = transpose(load(change.a, {rank, rows}), {rows, rank});
    right = transpose(load(change.b, {columns, rank}), {rank, columns});
    break;
  case AdapterChange::Experts: {
    // The expert is the slowest of A's rows and the fastest of B's columns.
    int64_t fused = change.rows;
    right = reshape(load(change.a, {count * rank, columns}),
                    {count, rank, columns});
    left = reshape(transpose(reshape(load(change.b, {fused, rank * count}),
                                     {fused * rank, count}),
                             {count, fused * rank}),
                   {count, fused, rank});
    if (change.expert < 0)
      break;
    left = SelectOp::create(builder, step.loc(), step.type({1, fused, rank}),
                            left, ArrayRef<int64_t>{change.expert});
    right = SelectOp::create(builder, step.loc(), step.type({1, rank, columns}),
                             right, ArrayRef<int64_t>{change.expert});
    if (rows != fused)
      left = SliceOp::create(builder, step.loc(), step.type({1, rows, rank}),
                             left, builder.getI64IntegerAttr(change.firstRow));
    left = reshape(left, {rows, rank});
    right = reshape(right, {rank, columns});
    break;
  }
  case AdapterChange::Bias:
    break;
  }
  Value product =
      ProductOp::create(builder, step.loc(), step.type(), left, right);
  return step.weightedSum({value, product}, {1, change.scale * scale});
}

static auto asTuple(const AdapterChange &c) {
  return std::tie(c.replacement, c.a, c.b, c.kind, c.rank, c.scale,
                  c.numExperts, c.rows, c.expert, c.firstRow);
}

/// An adapter may change some layers only, or each with another rank.
Expected<Value> Assembly::adapt(Step &step, const PartSpec &part, size_t number,
                                StringRef name, Value value) {
  const Adapter &adapter = *adapters.at(part.name.text)[number];
  std::string adapterName = getAdapterName(part, number);
  struct Group {
    AdapterChange change;
    SmallVector<int64_t> layers;
  };
  std::vector<Group> groups;
  std::vector<int64_t> layers = step.request.layers;
  if (layers.empty())
    layers.push_back(0);
  for (int64_t layer : layers) {
    AdapterChange own = adapter.changeOf(inLayer(name, layer));
    if (!step.request.layers.empty())
      for (std::string *text : {&own.replacement, &own.a, &own.b})
        *text = withHole(*text, layer);
    auto group = find_if(groups, [&](const Group &g) {
      return asTuple(g.change) == asTuple(own);
    });
    if (group == groups.end())
      group = groups.insert(group, Group{own, {}});
    group->layers.push_back(layer);
  }
  SmallVector<Value> values;
  SmallVector<mlir::Attribute> lists;
  for (const Group &group : groups) {
    values.push_back(
        change(step, adapterName, group.change, part.scale, value));
    lists.push_back(step.builder.getI64ArrayAttr(group.layers));
  }
  if (values.size() == 1)
    return values.front();
  return Value(ByLayerOp::create(step.builder, step.loc(), value.getType(),
                                 step.layer, values,
                                 step.builder.getArrayAttr(lists)));
}

//===----------------------------------------------------------------------===//
// Experts and routers
//===----------------------------------------------------------------------===//

Expected<Value> Assembly::makeExpert(Step &step, const ExpertSpec &expert,
                                     StringRef role) {
  Expected<Value> value =
      load(step, expert.part, (layerPrefix + "mlp." + role + ".weight").str());
  if (!value || role != "down_proj" || expert.scale == 1)
    return value;
  return step.weightedSum({*value}, {expert.scale});
}

/// The sum of the embeddings of all tokens, of length 1.
Expected<Value>
Assembly::sumEmbeddings(Step &step, ArrayRef<std::vector<int64_t>> prompts) {
  int64_t vocabulary = configs.at(recipe.base.text).vocabSize;
  TensorRequest table{embeddingName.str(), {}, {vocabulary, config.hiddenSize}};
  Step tableStep{step.builder, table, Value()};
  Expected<Value> embeddings = load(tableStep, recipe.base, table.name);
  if (!embeddings)
    return embeddings;
  SmallVector<int64_t> rows;
  for (const std::vector<int64_t> &prompt : prompts)
    append_range(rows, prompt);
  Value sum =
      SumRowsOp::create(step.builder, step.loc(),
                        step.type({config.hiddenSize}), *embeddings, rows);
  return Value(UnitOp::create(step.builder, step.loc(), sum.getType(), sum));
}

/// What the method makes of some prompts of an expert.
Expected<Value> Assembly::makePromptVector(Step &step, const GateSpec &gate,
                                           const Located &expert,
                                           ArrayRef<std::string> prompts) {
  std::vector<std::vector<int64_t>> all;
  SmallVector<mlir::Attribute> lists;
  bool isRagged = false;
  for (const std::string &prompt : prompts) {
    Expected<std::vector<int64_t>> ids = tokens.tokenize(prompt);
    if (!ids)
      return recipe.errorAt(expert, "the prompts cannot be read: " +
                                        toString(ids.takeError()));
    if (ids->empty())
      return recipe.errorAt(expert,
                            "the prompt " + quoted(prompt) + " has no tokens");
    if (gate.method != GateSpec::CheapEmbed &&
        static_cast<int64_t>(ids->size()) > config.maxPositions)
      return recipe.errorAt(expert, "a prompt has " + Twine(ids->size()) +
                                        " tokens, the context of the base is " +
                                        Twine(config.maxPositions));
    lists.push_back(step.builder.getI64ArrayAttr(*ids));
    all.push_back(std::move(*ids));
    isRagged |= all.back().size() != all.front().size();
  }
  if (gate.method == GateSpec::CheapEmbed)
    return sumEmbeddings(step, all);
  mlir::IntegerAttr padding;
  bool isAverage = gate.method == GateSpec::HiddenAverage;
  if (isAverage && isRagged) {
    Expected<int64_t> token = tokens.getPadding();
    if (!token)
      return recipe.errorAt(expert, "the prompts are of different lengths: " +
                                        toString(token.takeError()));
    padding = step.builder.getI64IntegerAttr(*token);
  }
  return Value(PromptStateOp::create(
      step.builder, step.loc(), step.type({config.hiddenSize}), step.layer,
      step.builder.getStringAttr(recipe.base.text),
      step.builder.getArrayAttr(lists),
      isAverage ? step.builder.getUnitAttr() : mlir::UnitAttr(), padding));
}

/// The direction of an expert's prompts, less that of other prompts.
Expected<Value> Assembly::makePromptGate(Step &step, const GateSpec &gate,
                                         const ExpertSpec &expert) {
  Expected<Value> row =
      makePromptVector(step, gate, expert.name, expert.prompts);
  if (!row)
    return row;
  if (!expert.negativePrompts.empty()) {
    Expected<Value> other =
        makePromptVector(step, gate, expert.name, expert.negativePrompts);
    if (!other)
      return other;
    row = step.weightedSum({*row, *other}, {1, -1});
  } else if (gate.method == GateSpec::CheapEmbed) {
    return row;
  }
  return Value(UnitOp::create(step.builder, step.loc(), row->getType(), *row));
}

Expected<Value> Assembly::makeGate(Step &step, const GateSpec &gate,
                                   ArrayRef<ExpertSpec> experts) {
  mlir::OpBuilder &builder = step.builder;
  switch (gate.method) {
  case GateSpec::Zeros:
    return Value(FillOp::create(builder, step.loc(), step.type(),
                                builder.getF64FloatAttr(0)));
  case GateSpec::Random:
    return Value(RandomOp::create(
        builder, step.loc(), step.type(),
        builder.getStringAttr(step.request.name), step.layer,
        builder.getI64IntegerAttr(gate.seed), builder.getF64FloatAttr(0),
        builder.getF64FloatAttr(gate.stddev)));
  case GateSpec::Part:
    return loadChecked(step, gate.part, *checkpoints.at(gate.part.text),
                       step.request.name, /*isFormat=*/false);
  default:
    break;
  }
  SmallVector<Value> rows;
  for (const ExpertSpec &expert : experts) {
    Expected<Value> row = makePromptGate(step, gate, expert);
    if (!row)
      return row;
    rows.push_back(*row);
  }
  return Value(StackOp::create(builder, step.loc(), step.type(), rows));
}

//===----------------------------------------------------------------------===//
// The rest, and the choice
//===----------------------------------------------------------------------===//

Expected<Value> Assembly::makeRest(Step &step) {
  const MergeSpec &merge = recipe.merge;
  StringRef name = step.request.name;
  if (merge.method == MergeSpec::Base)
    return load(step, recipe.base, name);
  SmallVector<Value> inputs;
  SmallVector<double> weights, densities;
  bool isChanged = false;
  for (const MergeInput &input : merge.inputs) {
    Expected<Value> value = load(step, input.part, name);
    if (!value)
      return value;
    // An adapter of the base may leave this tensor alone.
    auto loaded = value->getDefiningOp<LoadOp>();
    isChanged |= !loaded || loaded.getPart() != StringRef(recipe.base);
    inputs.push_back(*value);
    weights.push_back(input.weight);
    densities.push_back(input.density);
  }
  if (merge.method == MergeSpec::Linear) {
    // The base may take no part in a linear merge; it has the tensor all the
    // same.
    for (int64_t layer : step.request.layers)
      taken.insert(inLayer(name, layer));
    taken.insert(name);
    return step.weightedSum(inputs, weights, merge.normalize);
  }
  Expected<Value> base = load(step, recipe.base, name);
  if (!base || !isChanged)
    return base;
  mlir::FloatAttr lambda = step.builder.getF64FloatAttr(merge.lambda);
  if (merge.method == MergeSpec::TaskArithmetic)
    return Value(TaskArithmeticOp::create(
        step.builder, step.loc(), step.type(), *base, inputs,
        step.builder.getDenseF64ArrayAttr(weights), lambda,
        merge.normalize ? step.builder.getUnitAttr() : mlir::UnitAttr()));
  TiesForm form =
      merge.method == MergeSpec::Ties ? TiesForm::MergeKit : TiesForm::Peft;
  return Value(TiesOp::create(
      step.builder, step.loc(), step.type(),
      TiesFormAttr::get(step.builder.getContext(), form), *base, inputs,
      step.builder.getDenseF64ArrayAttr(weights),
      step.builder.getDenseF64ArrayAttr(densities), lambda,
      merge.normalize ? step.builder.getUnitAttr() : mlir::UnitAttr()));
}

Expected<Value> Assembly::build(mlir::OpBuilder &builder,
                                const TensorRequest &request, Value layer) {
  if (none_of(requests, [&](const TensorRequest &other) {
        return other.name == request.name && other.layers == request.layers;
      }))
    requests.push_back(request);
  if (Error e = checkNotAdapted(request))
    return std::move(e);
  Step step{builder, request, layer};
  StringRef name = request.name;
  if (recipe.layout == MixtureRecipe::Dense || !name.consume_front(layerPrefix))
    return makeRest(step);
  bool isMixtral = recipe.layout == MixtureRecipe::Mixtral;
  if (!name.consume_front(isMixtral ? "block_sparse_moe." : "mlp."))
    return makeRest(step);
  std::vector<ExpertSpec> experts = recipe.getRouterRows();
  if (name == "gate.weight")
    return makeGate(step, recipe.gate, experts);
  if (name == "shared_expert_gate.weight" && recipe.shared)
    return makeGate(step, recipe.sharedGate, *recipe.shared);
  const ExpertSpec *expert = nullptr;
  unsigned index;
  if (name.consume_front("shared_expert.") && recipe.shared)
    expert = &*recipe.shared;
  else if (name.consume_front("experts.") && !name.consumeInteger(10, index) &&
           index < experts.size() && name.consume_front("."))
    expert = &experts[index];
  StringRef role = name;
  if (expert && role.consume_back(".weight")) {
    if (isMixtral)
      role = role == "w1"   ? "gate_proj"
             : role == "w2" ? "down_proj"
             : role == "w3" ? "up_proj"
                            : "";
    if (role == "gate_proj" || role == "up_proj" || role == "down_proj")
      return makeExpert(step, *expert, role);
  }
  return recipe.errorAt(recipe.layoutPlace, "the layout has a tensor " +
                                                quoted(request.name) +
                                                " that cannot be assembled");
}

} // namespace fpmoe
