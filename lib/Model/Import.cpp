//===- Import.cpp - from a Hugging Face model to the graph ----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Builds the graph of `Qwen2MoeForCausalLM` first and then asks the checkpoint
// for each tensor that the graph loads. The graph is so the only list of what a
// model consists of.
//
//===----------------------------------------------------------------------===//

#include "lib/Model/Import.h"

#include "dialects/FPMoE/FPMoE.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <cmath>

using namespace llvm;
using mlir::Value;

namespace fpmoe {
namespace {

/// The layers that share a body.
struct LayerKind {
  std::string name;
  bool isSparse;
  std::optional<int64_t> window;
  SmallVector<int64_t> layers;
};

class Importer {
public:
  Importer(mlir::MLIRContext *context, const ModelConfig &config,
           const Checkpoint *checkpoint, const ImportOptions &options)
      : builder(context), loc(builder.getUnknownLoc()), config(config),
        checkpoint(checkpoint), options(options),
        module(mlir::ModuleOp::create(loc)) {}

  Expected<mlir::OwningOpRef<mlir::ModuleOp>> run(StringRef directory);

private:
  using Shape = ArrayRef<int64_t>;

  // Recipes. Names of tensors in a layer have a `{}` for its number.
  Value source(const Twine &name, Shape shape, double mean, double stddev);
  Value matrix(const Twine &name, Shape shape) {
    return source(name, shape, 0, 0.02);
  }
  Value stackOfExperts(StringRef role, Shape shape);
  Value halfOfGateUp(int64_t half);
  bool hasFusedExperts() const;

  // Weights, and their use in the function that is being built.
  WeightOp weight(const Twine &name, function_ref<Value()> recipe);
  Value get(WeightOp op);
  Value getNorm(StringRef name);
  Value getMatrix(StringRef name, Shape shape);
  Value getExperts(StringRef role, function_ref<Value()> recipe);

  // The graph.
  void findKinds();
  void startFunction(StringRef name, ArrayRef<mlir::Type> inputs,
                     mlir::Type result);
  Value norm(Value input, Value weight);
  Value linear(Value input, Value weight, int64_t columns, Value bias = {});
  Value projection(Value input, StringRef role, int64_t heads);
  Value attention(Value input, Value positions);
  Value feedForward(Value input, StringRef prefix, int64_t width,
                    bool isScaled);
  Value experts(Value input);
  void buildBody(const LayerKind &layerKind);
  void buildMain();

  Expected<bool> claimTensors();
  void setModelAttribute(StringRef directory, bool isBF16);

  mlir::RankedTensorType f32(Shape shape) {
    return mlir::RankedTensorType::get(shape, builder.getF32Type());
  }
  mlir::RankedTensorType rows(int64_t columns) {
    return f32({mlir::ShapedType::kDynamic, columns});
  }
  mlir::RankedTensorType ids(Shape shape = {mlir::ShapedType::kDynamic}) {
    return mlir::RankedTensorType::get(shape, builder.getI32Type());
  }
  mlir::FloatAttr f64(double value) { return builder.getF64FloatAttr(value); }

  mlir::OpBuilder builder;
  mlir::Location loc;
  const ModelConfig &config;
  const Checkpoint *checkpoint;
  const ImportOptions &options;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<LayerKind> kinds;
  WeightOp embedding, ropeTable;

  /// The function that is being built, if any.
  mlir::func::FuncOp function;
  /// The kind whose body it is, if it is one.
  const LayerKind *kind = nullptr;
  /// The layer's number in the recipe that is being built, if it takes one.
  Value recipeLayer;
};

} // namespace

//===----------------------------------------------------------------------===//
// Recipes and weights
//===----------------------------------------------------------------------===//

Value Importer::source(const Twine &name, Shape shape, double mean,
                       double stddev) {
  mlir::StringAttr nameAttr = builder.getStringAttr(name);
  if (checkpoint)
    return LoadOp::create(builder, loc, f32(shape), nameAttr, recipeLayer,
                          mlir::DenseI64ArrayAttr());
  return RandomOp::create(builder, loc, f32(shape), nameAttr, recipeLayer,
                          builder.getI64IntegerAttr(*options.randomSeed),
                          f64(mean), f64(stddev));
}

Value Importer::stackOfExperts(StringRef role, Shape shape) {
  SmallVector<Value> experts;
  for (int64_t i = 0; i != config.numExperts; ++i)
    experts.push_back(matrix("model.layers.{}.mlp.experts." + Twine(i) + "." +
                                 role + ".weight",
                             shape));
  SmallVector<int64_t> stacked{config.numExperts};
  append_range(stacked, shape);
  return StackOp::create(builder, loc, f32(stacked), experts);
}

/// The gates are the first half of the rows, the ups the second.
Value Importer::halfOfGateUp(int64_t half) {
  int64_t width = config.moeIntermediateSize, hidden = config.hiddenSize;
  Value both = matrix("model.layers.{}.mlp.experts.gate_up_proj",
                      {config.numExperts, 2 * width, hidden});
  return SliceOp::create(builder, loc, f32({config.numExperts, width, hidden}),
                         both, builder.getI64IntegerAttr(half * width));
}

/// As the first layer has them; others must agree, or their tensors are
/// missing.
bool Importer::hasFusedExperts() const {
  return checkpoint &&
         checkpoint->find("model.layers." + std::to_string(kind->layers[0]) +
                          ".mlp.experts.gate_up_proj");
}

/// Puts a weight before the function that uses it: in a body one for each layer
/// of its kind.
WeightOp Importer::weight(const Twine &name, function_ref<Value()> recipe) {
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

/// A norm of a body, by the name of its tensor.
Value Importer::getNorm(StringRef name) {
  return get(weight(kind->name + "." + name, [&] {
    return source("model.layers.{}." + name + ".weight", {config.hiddenSize}, 1,
                  0.1);
  }));
}

/// A matrix of a body, `[out, in]`.
Value Importer::getMatrix(StringRef name, Shape shape) {
  StringRef role = name;
  role.consume_front("self_attn.");
  return get(weight(kind->name + "." + role, [&] {
    return matrix("model.layers.{}." + name + ".weight", shape);
  }));
}

Value Importer::getExperts(StringRef role, function_ref<Value()> recipe) {
  return get(weight(kind->name + ".mlp.experts." + role, recipe));
}

//===----------------------------------------------------------------------===//
// Graph
//===----------------------------------------------------------------------===//

void Importer::findKinds() {
  for (int64_t i = 0; i != config.numLayers; ++i) {
    bool isSparse = config.isSparse(i);
    std::optional<int64_t> window = config.window(i);
    auto known = find_if(kinds, [&](const LayerKind &other) {
      return other.isSparse == isSparse && other.window == window;
    });
    if (known == kinds.end()) {
      std::string name = isSparse ? "sparse" : "dense";
      kinds.push_back({name + (window ? "_window" : ""), isSparse, window, {}});
      known = std::prev(kinds.end());
    }
    known->layers.push_back(i);
  }
}

void Importer::startFunction(StringRef name, ArrayRef<mlir::Type> inputs,
                             mlir::Type result) {
  builder.setInsertionPointToEnd(module->getBody());
  function = mlir::func::FuncOp::create(
      builder, loc, name, builder.getFunctionType(inputs, result));
  builder.setInsertionPointToStart(function.addEntryBlock());
}

Value Importer::norm(Value input, Value weight) {
  return RmsNormOp::create(builder, loc, input.getType(), input, weight,
                           f64(config.rmsNormEps));
}

Value Importer::linear(Value input, Value weight, int64_t columns, Value bias) {
  return LinearOp::create(builder, loc, rows(columns), input, weight, Value(),
                          mlir::FloatAttr(), bias, Value());
}

/// The heads of q, k or v.
Value Importer::projection(Value input, StringRef role, int64_t heads) {
  int64_t columns = heads * config.headDim;
  Value matrix = getMatrix(("self_attn." + role + "_proj").str(),
                           {columns, config.hiddenSize});
  Value bias;
  if (config.qkvBias)
    bias = get(weight(kind->name + "." + role + "_bias", [&] {
      return source("model.layers.{}.self_attn." + role + "_proj.bias",
                    {columns}, 0, 0.02);
    }));
  return linear(input, matrix, columns, bias);
}

Value Importer::attention(Value input, Value positions) {
  Value q = projection(input, "q", config.numHeads);
  Value k = projection(input, "k", config.numKeyValueHeads);
  Value v = projection(input, "v", config.numKeyValueHeads);
  Value table = get(ropeTable);
  q = RopeOp::create(builder, loc, q.getType(), q, positions, table);
  k = RopeOp::create(builder, loc, k.getType(), k, positions, table);
  mlir::IntegerAttr window;
  if (kind->window)
    window = builder.getI64IntegerAttr(*kind->window);
  Value heads = AttentionOp::create(
      builder, loc, q.getType(), q, k, v, positions,
      function.getArguments().back(),
      builder.getI64IntegerAttr(config.numHeads),
      builder.getI64IntegerAttr(config.numKeyValueHeads),
      f64(1 / std::sqrt(static_cast<double>(config.headDim))), window);
  Value matrix =
      getMatrix("self_attn.o_proj",
                {config.hiddenSize, config.numHeads * config.headDim});
  return linear(heads, matrix, config.hiddenSize);
}

/// A dense layer's network or a shared expert, which alone is scaled.
Value Importer::feedForward(Value input, StringRef prefix, int64_t width,
                            bool isScaled) {
  int64_t hidden = config.hiddenSize;
  Value gate = getMatrix((prefix + ".gate_proj").str(), {width, hidden});
  Value up = getMatrix((prefix + ".up_proj").str(), {width, hidden});
  Value down = getMatrix((prefix + ".down_proj").str(), {hidden, width});
  Value scale;
  if (isScaled)
    scale = getMatrix((prefix + "_gate").str(), {1, hidden});
  return MlpOp::create(builder, loc, input.getType(), input, gate, up, down,
                       scale);
}

Value Importer::experts(Value input) {
  int64_t width = config.moeIntermediateSize, hidden = config.hiddenSize;
  Value router = getMatrix("mlp.gate", {config.numExperts, hidden});
  auto route = RouteOp::create(
      builder, loc, rows(config.topK),
      ids({mlir::ShapedType::kDynamic, config.topK}), input, router,
      TokenChoiceAttr::get(builder.getContext(), config.topK,
                           config.normTopKProb, {}));
  bool isFused = hasFusedExperts();
  Value gate = getExperts("gate_proj", [&] {
    return isFused ? halfOfGateUp(0)
                   : stackOfExperts("gate_proj", {width, hidden});
  });
  Value up = getExperts("up_proj", [&] {
    return isFused ? halfOfGateUp(1)
                   : stackOfExperts("up_proj", {width, hidden});
  });
  Value down = getExperts("down_proj", [&] {
    return isFused ? matrix("model.layers.{}.mlp.experts.down_proj",
                            {config.numExperts, hidden, width})
                   : stackOfExperts("down_proj", {hidden, width});
  });
  SmallVector<StringRef> names(config.expertNames.begin(),
                               config.expertNames.end());
  return ExpertsOp::create(builder, loc, input.getType(), input,
                           route.getWeights(), route.getExperts(), gate, up,
                           down, builder.getStrArrayAttr(names));
}

void Importer::buildBody(const LayerKind &layerKind) {
  mlir::Type activations = rows(config.hiddenSize);
  startFunction(layerKind.name, {activations, ids(), builder.getIndexType()},
                activations);
  function.setPrivate();
  kind = &layerKind;
  Value input = function.getArgument(0), positions = function.getArgument(1);
  Value n = norm(input, getNorm("input_layernorm"));
  Value residual = AddOp::create(builder, loc, input, attention(n, positions));
  n = norm(residual, getNorm("post_attention_layernorm"));
  Value output;
  if (layerKind.isSparse) {
    Value routed = experts(n);
    Value shared = feedForward(n, "mlp.shared_expert",
                               config.sharedExpertIntermediateSize, true);
    output = AddOp::create(builder, loc, routed, shared);
  } else {
    output = feedForward(n, "mlp", config.intermediateSize, false);
  }
  Value result = AddOp::create(builder, loc, residual, output);
  mlir::func::ReturnOp::create(builder, loc, result);
  kind = nullptr;
}

void Importer::buildMain() {
  int64_t hidden = config.hiddenSize, vocabulary = config.vocabSize;
  startFunction("main", {ids(), ids()}, rows(vocabulary));
  Value positions = function.getArgument(1), table = get(embedding);
  Value x = EmbeddingOp::create(builder, loc, rows(hidden),
                                function.getArgument(0), table);
  SmallVector<mlir::Attribute> bodies;
  SmallVector<int64_t> order(config.numLayers);
  for (const auto &[index, layerKind] : enumerate(kinds)) {
    bodies.push_back(
        mlir::FlatSymbolRefAttr::get(builder.getContext(), layerKind.name));
    for (int64_t layer : layerKind.layers)
      order[layer] = index;
  }
  x = LayersOp::create(builder, loc, x.getType(), x, positions,
                       builder.getArrayAttr(bodies),
                       builder.getDenseI64ArrayAttr(order));
  x = norm(x, get(weight("norm", [&] {
             return source("model.norm.weight", {hidden}, 1, 0.1);
           })));
  Value head = table;
  if (!config.tieWordEmbeddings)
    head = get(weight("lm_head", [&] {
      return matrix("lm_head.weight", {vocabulary, hidden});
    }));
  mlir::func::ReturnOp::create(builder, loc, linear(x, head, vocabulary));
}

//===----------------------------------------------------------------------===//
// Checkpoint and module
//===----------------------------------------------------------------------===//

/// Routers and gates of shared experts are read in f32 whatever the format.
static bool isFormatted(const TensorInfo &tensor) {
  StringRef name = tensor.name;
  return tensor.shape.size() >= 2 && !name.ends_with(".mlp.gate.weight") &&
         !name.ends_with(".shared_expert_gate.weight");
}

/// Claims what the graph loads; whether all its large matrices are bf16.
Expected<bool> Importer::claimTensors() {
  TensorClaims claims(*checkpoint);
  bool isBF16 = true;
  for (WeightOp op : module->getOps<WeightOp>()) {
    for (LoadOp load : op.getRecipe().getOps<LoadOp>()) {
      auto type = cast<mlir::RankedTensorType>(load.getType());
      auto [front, back] = load.getName().split("{}");
      for (int64_t i = 0; i != op.getNumInstances(); ++i) {
        std::string name = front.str();
        if (op.getLayers())
          name += std::to_string((*op.getLayers())[i]) + back.str();
        Expected<const TensorInfo *> tensor =
            claims.claim(name, type.getShape());
        if (!tensor)
          return tensor.takeError();
        if (isFormatted(**tensor))
          isBF16 &= (*tensor)->dtype == DType::BF16;
      }
    }
  }
  if (Error error = claims.finish())
    return std::move(error);
  return isBF16;
}

void Importer::setModelAttribute(StringRef directory, bool isBF16) {
  SmallString<128> path(directory);
  if (sys::fs::real_path(directory, path))
    path = directory;
  const GenerationConfig &generation = options.generation;
  SmallVector<mlir::NamedAttribute> entries;
  auto add = [&](StringRef key, mlir::Attribute value) {
    entries.push_back(builder.getNamedAttr(key, value));
  };
  add("name", builder.getStringAttr(sys::path::filename(path)));
  add("architecture", builder.getStringAttr(config.architecture));
  add("context", builder.getI64IntegerAttr(config.maxPositions));
  add("source", builder.getStringAttr(directory));
  add("dtype", builder.getStringAttr(isBF16 ? "bf16" : "f32"));
  add("eos", builder.getDenseI32ArrayAttr(SmallVector<int32_t>(
                 generation.eosTokens.begin(), generation.eosTokens.end())));
  // Without sampling the likeliest token is taken: a temperature of 0.
  double temperature = generation.temperature.value_or(1);
  add("temperature", f64(generation.doSample ? temperature : 0));
  add("top_p", f64(generation.topP.value_or(1)));
  add("top_k", builder.getI64IntegerAttr(generation.topK.value_or(0)));
  (*module)->setAttr(kModelAttr, builder.getDictionaryAttr(entries));
}

Expected<mlir::OwningOpRef<mlir::ModuleOp>> Importer::run(StringRef directory) {
  findKinds();
  builder.setInsertionPointToEnd(module->getBody());
  embedding = weight("embed_tokens", [&] {
    return matrix("model.embed_tokens.weight",
                  {config.vocabSize, config.hiddenSize});
  });
  ropeTable = weight("rope_table", [&] {
    return RopeTableOp::create(builder, loc,
                               f32({config.maxPositions, config.headDim}),
                               f64(config.ropeTheta));
  });
  for (const LayerKind &layerKind : kinds)
    buildBody(layerKind);
  buildMain();
  bool isBF16 = true;
  if (checkpoint) {
    Expected<bool> claimed = claimTensors();
    if (!claimed)
      return claimed.takeError();
    isBF16 = *claimed;
  }
  setModelAttribute(directory, isBF16);
  if (failed(mlir::verify(*module)))
    return createStringError(directory +
                             ": the imported graph fails verification");
  return std::move(module);
}

Expected<mlir::OwningOpRef<mlir::ModuleOp>>
importModel(mlir::MLIRContext *context, StringRef directory,
            const ModelConfig &config, const Checkpoint *checkpoint,
            const ImportOptions &options) {
  context->loadDialect<FPMoEDialect, mlir::func::FuncDialect>();
  return Importer(context, config, checkpoint, options).run(directory);
}

} // namespace fpmoe
