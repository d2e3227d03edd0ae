//===- Import.cpp - from a Hugging Face model to the graph ----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Builds the graph first and then asks the checkpoint for each tensor that the
// graph loads. The graph is so the only list of what a model consists of.
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Import.h"

#include "dialects/FPMoE/Storage.h"
#include "lib/Config/GgufConfig.h"
#include "lib/Import/ImportBuilder.h"

#include "mlir/IR/Verifier.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;
using mlir::Value;

namespace fpmoe {

//===----------------------------------------------------------------------===//
// Kinds and functions
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

void Importer::buildMain() {
  int64_t hidden = config.hiddenSize, vocabulary = config.vocabSize;
  startFunction("main", {ids(), ids()}, rows(vocabulary));
  Value positions = function.getArgument(1), table = get(embedding);
  Value x =
      EmbeddingOp::create(builder, loc, rows(hidden), function.getArgument(0),
                          table, mlir::FloatAttr());
  SmallVector<mlir::Attribute> bodies;
  SmallVector<int64_t> order(config.numLayers);
  for (const auto &[index, layerKind] : enumerate(kinds)) {
    bodies.push_back(
        mlir::FlatSymbolRefAttr::get(builder.getContext(), layerKind.name));
    for (int64_t layer : layerKind.layers)
      order[layer] = index;
  }
  x = scale(x, config.embeddingMultiplier);
  x = LayersOp::create(builder, loc, x.getType(), x, positions,
                       builder.getArrayAttr(bodies),
                       builder.getDenseI64ArrayAttr(order));
  x = norm(x, get(weight("norm", [&] {
             return source("model.norm.weight", {hidden}, 1, 0.1);
           })));
  Value head = table;
  if (!config.tieWordEmbeddings)
    head = get(weight("lm_head", [&] {
      return matrix(headName, {vocabulary, hidden});
    }));
  Value logits = scale(linear(x, head, vocabulary), config.logitsMultiplier);
  mlir::func::ReturnOp::create(builder, loc, logits);
}

//===----------------------------------------------------------------------===//
// Checkpoint and module
//===----------------------------------------------------------------------===//

/// Routers and gates of shared experts are read in f32 whatever the format.
static bool isFormatted(WeightOp op) {
  StringRef role = op.getSymName();
  return op.getTensorType().getRank() >= 2 && !role.ends_with(".mlp.gate") &&
         !role.ends_with(".shared_expert_gate");
}

Expected<bool> hasTiedHead(const ModelConfig &config,
                           const Checkpoint &checkpoint) {
  const TensorInfo *head = checkpoint.find(headName);
  const TensorInfo *table = checkpoint.find(embeddingName);
  if (!config.tieWordEmbeddings || !head)
    return config.tieWordEmbeddings;
  if (!table || head->shape != table->shape || !isLoadable(head->dtype) ||
      !isLoadable(table->dtype))
    return false;
  std::vector<float> first(1 << 16), second(1 << 16);
  uint64_t count = head->elements();
  for (uint64_t i = 0; i < count; i += first.size()) {
    first.resize(std::min<uint64_t>(first.size(), count - i));
    second.resize(first.size());
    if (Error error = checkpoint.read(*head, i, first))
      return std::move(error);
    if (Error error = checkpoint.read(*table, i, second))
      return std::move(error);
    if (first != second)
      return false;
  }
  return true;
}

/// The head of tied embeddings, where the checkpoint holds it, too.
Error Importer::claimHead(TensorClaims &claims) {
  if (!config.tieWordEmbeddings || !claims.has(headName))
    return Error::success();
  return claims.claim(headName, {config.vocabSize, config.hiddenSize})
      .takeError();
}

/// A shared expert without columns adds zeros, whatever its gate says.
Error Importer::claimEmptyExperts(TensorClaims &claims) {
  if (!config.sharedExpertGate || config.sharedExpertIntermediateSize)
    return Error::success();
  int64_t hidden = config.hiddenSize;
  std::pair<StringRef, SmallVector<int64_t>> tensors[] = {
      {architecture.shared.gate, {0, hidden}},
      {architecture.shared.up, {0, hidden}},
      {architecture.shared.down, {hidden, 0}},
      {"mlp.shared_expert_gate.weight", {1, hidden}}};
  for (int64_t layer = 0; layer != config.numLayers; ++layer)
    for (const auto &[name, shape] : tensors) {
      std::string full = ("model.layers." + Twine(layer) + "." + name).str();
      if (claims.has(full))
        if (Error error = claims.claim(full, shape).takeError())
          return error;
    }
  return Error::success();
}

/// The storage format that holds a type of checkpoints; of blocks other than
/// those of Q4_0, Q4_1 and Q8_0 nearly.
static StringRef getStorage(DType dtype) {
  switch (dtype) {
  case DType::BF16:
    return "bf16";
  case DType::F16:
    return "f16";
  case DType::Q4_0:
    return "int4";
  case DType::Q4_1:
  case DType::Q4_K:
    return "uint4";
  case DType::Q5_0:
  case DType::Q5_1:
  case DType::Q5_K:
  case DType::Q6_K:
  case DType::Q8_0:
    return "int8";
  default:
    return "f32";
  }
}

/// Claims what the graph loads, and tells how its large matrices are stored.
Expected<StoredTensors> Importer::claimTensors() {
  TensorClaims claims(*checkpoint);
  StoredTensors stored;
  bool hasIntegers = false;
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
        if (!isFormatted(op))
          continue;
        StringRef format = getStorage((*tensor)->dtype);
        StringRef &known = stored.formats[load.getName()];
        known = known.empty() ? format : joinStorage(known, format);
        hasIntegers |= format.contains("int");
      }
    }
  }
  if (!ropeFactors.empty())
    if (Error error = claims
                          .claim(ropeFactorsName,
                                 static_cast<int64_t>(ropeFactors.size()))
                          .takeError())
      return std::move(error);
  if (Error error = claimHead(claims))
    return std::move(error);
  if (Error error = claimEmptyExperts(claims))
    return std::move(error);
  if (Error error = claims.finish())
    return std::move(error);
  // f32 unless all agree on another.
  for (auto &[name, format] : stored.formats)
    stored.dtype = stored.dtype.empty() || stored.dtype == format
                       ? format
                       : StringRef("f32");
  if (!hasIntegers || stored.dtype != "f32")
    stored.formats.clear();
  return stored;
}

/// The defaults of generation_config.json beside the usual three that mean
/// something, by the names that they have there; bad words are biases.
static mlir::DictionaryAttr getSampling(mlir::Builder &builder,
                                        const GenerationConfig &generation) {
  SmallVector<mlir::NamedAttribute> entries;
  auto add = [&](StringRef key, mlir::Attribute value) {
    entries.push_back(builder.getNamedAttr(key, value));
  };
  auto ids = [&](ArrayRef<int64_t> tokens) {
    return builder.getDenseI32ArrayAttr(
        SmallVector<int32_t>(tokens.begin(), tokens.end()));
  };
  const GenerationConfig none;
  for (auto [key, member] :
       std::initializer_list<std::pair<StringRef, double GenerationConfig::*>>{
           {"min_p", &GenerationConfig::minP},
           {"repetition_penalty", &GenerationConfig::repetitionPenalty}})
    if (generation.*member != none.*member)
      add(key, builder.getF64FloatAttr(generation.*member));
  for (auto [key, member] :
       std::initializer_list<std::pair<StringRef, int64_t GenerationConfig::*>>{
           {"no_repeat_ngram_size", &GenerationConfig::noRepeatNgram},
           {"min_new_tokens", &GenerationConfig::minNewTokens},
           {"min_length", &GenerationConfig::minLength},
           {"max_new_tokens", &GenerationConfig::maxNewTokens},
           {"max_length", &GenerationConfig::maxLength},
           {"forced_bos_token_id", &GenerationConfig::forcedBos}})
    if (generation.*member != none.*member)
      add(key, builder.getI64IntegerAttr(generation.*member));
  for (auto [key, tokens] :
       {std::pair(StringRef("forced_eos_token_id"), &generation.forcedEos),
        std::pair(StringRef("suppress_tokens"), &generation.suppressed),
        std::pair(StringRef("begin_suppress_tokens"),
                  &generation.beginSuppressed)})
    if (!tokens->empty())
      add(key, ids(*tokens));
  SmallVector<mlir::Attribute> biases;
  for (const auto &[tokens, bias] : generation.sequenceBiases)
    biases.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr("tokens", ids(tokens)),
         builder.getNamedAttr("bias", builder.getF64FloatAttr(bias))}));
  if (!biases.empty())
    add("sequence_bias", builder.getArrayAttr(biases));
  if (!generation.stopStrings.empty())
    add("stop_strings",
        builder.getStrArrayAttr(SmallVector<StringRef>(
            generation.stopStrings.begin(), generation.stopStrings.end())));
  return builder.getDictionaryAttr(entries);
}

void Importer::setModelAttribute(StringRef directory,
                                 const StoredTensors &stored) {
  SmallString<128> path(directory);
  if (sys::fs::real_path(directory, path))
    path = directory;
  const GenerationConfig &generation = options.generation;
  SmallVector<mlir::NamedAttribute> entries;
  auto add = [&](StringRef key, mlir::Attribute value) {
    entries.push_back(builder.getNamedAttr(key, value));
  };
  add("name",
      builder.getStringAttr(options.name.empty() ? sys::path::filename(path)
                                                 : StringRef(options.name)));
  add("architecture", builder.getStringAttr(config.architecture));
  add("context", builder.getI64IntegerAttr(config.maxPositions));
  add("source", builder.getStringAttr(directory));
  add("dtype", builder.getStringAttr(stored.dtype));
  SmallVector<mlir::NamedAttribute> formats;
  for (auto &[name, format] : stored.formats)
    formats.push_back(
        builder.getNamedAttr(name, builder.getStringAttr(format)));
  if (!formats.empty())
    add("formats", builder.getDictionaryAttr(formats));
  add("eos", builder.getDenseI32ArrayAttr(SmallVector<int32_t>(
                 generation.eosTokens.begin(), generation.eosTokens.end())));
  // Without sampling the likeliest token is taken: a temperature of 0.
  double temperature = generation.temperature.value_or(1);
  add("temperature", f64(generation.doSample ? temperature : 0));
  add("top_p", f64(generation.topP.value_or(1)));
  add("top_k", builder.getI64IntegerAttr(generation.topK.value_or(0)));
  if (mlir::DictionaryAttr sampling = getSampling(builder, generation);
      !sampling.empty())
    add("sampling", sampling);
  if (options.recipes) {
    SmallVector<mlir::NamedAttribute> parts;
    for (const auto &[part, partDirectory] : options.recipes->getDirectories())
      parts.push_back(
          builder.getNamedAttr(part, builder.getStringAttr(partDirectory)));
    add("parts", builder.getDictionaryAttr(parts));
    std::vector<std::string> languages = options.recipes->getLanguages();
    if (!languages.empty())
      add("languages", builder.getStrArrayAttr(SmallVector<StringRef>(
                           languages.begin(), languages.end())));
  }
  (*module)->setAttr(kModelAttr, builder.getDictionaryAttr(entries));
}

Expected<mlir::OwningOpRef<mlir::ModuleOp>> Importer::run(StringRef directory) {
  if (Error error = readRopeFactors())
    return std::move(error);
  if (checkpoint) {
    Expected<bool> isTied = hasTiedHead(config, *checkpoint);
    if (!isTied)
      return isTied.takeError();
    config.tieWordEmbeddings = *isTied;
  }
  findKinds();
  builder.setInsertionPointToEnd(module->getBody());
  embedding = weight("embed_tokens", [&] {
    return matrix(embeddingName, {config.vocabSize, config.hiddenSize});
  });
  ropeTable = weight("rope_table", [&] {
    return RopeTableOp::create(builder, loc,
                               f32({config.maxPositions, config.ropeDim()}),
                               f64(config.ropeTheta), getRopeScaling());
  });
  for (const LayerKind &layerKind : kinds)
    buildBody(layerKind);
  buildMain();
  StoredTensors stored;
  stored.dtype = "bf16"; // of random weights
  if (checkpoint) {
    if (Error error = claimTensors().moveInto(stored))
      return std::move(error);
  } else if (options.recipes) {
    if (!failure.empty())
      return createStringError(failure);
    if (Error error = options.recipes->finish())
      return std::move(error);
    stored.dtype = options.recipes->isBF16() ? "bf16" : "f32";
  }
  setModelAttribute(directory, stored);
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
  const Architecture *architecture = findArchitecture(config.architecture);
  if (!architecture)
    return createStringError("the architecture '" + config.architecture +
                             "' is not supported; supported are " +
                             listArchitectures());
  return Importer(context, config, *architecture, checkpoint, options)
      .run(directory);
}

} // namespace fpmoe
