//===- ImportTest.cpp - tests of the importer -------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Imports small models from checkpoints that the tests write, with a tensor
// left out, added or reshaped. What the graph computes is tested by the golden
// logits.
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Import.h"

#include "lib/Config/Architectures.h"

#include "dialects/FPMoE/FPMoE.h"
#include "test/lib/Checkpoint/Support.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"

#include <map>

using namespace fpmoe;
using namespace fpmoe::test;
using namespace llvm;

namespace {

struct Tensor {
  std::vector<int64_t> shape;
  std::string dtype;
};
using Tensors = std::map<std::string, Tensor>;
using Bools = std::vector<bool>;
using Ints = std::vector<int64_t>;

/// Four layers: dense; sparse; sparse with a window; sparse. Every size has a
/// value of its own, so that no two can be mistaken for each other.
ModelConfig smallConfig() {
  ModelConfig config;
  config.architecture = "Qwen2MoeForCausalLM";
  config.vocabSize = 11;
  config.hiddenSize = 10;
  config.numLayers = 4;
  config.numHeads = 2;
  config.numKeyValueHeads = 1;
  config.headDim = 4;
  config.attentionScale = 0.5;
  config.qkvBias = true;
  config.maxPositions = 32;
  config.intermediateSize = 5;
  config.moeIntermediateSize = 3;
  config.sharedExpertIntermediateSize = 7;
  config.sharedExpertGate = true;
  config.numExperts = 2;
  config.topK = 1;
  config.expertNames = {"haskell", "ocaml"};
  config.sparseLayers = {false, true, true, true};
  config.windows = {0, 0, 9, 0};
  return config;
}

/// What a checkpoint of that model holds, written down by hand.
Tensors smallTensors(bool fused = false) {
  Tensors tensors;
  auto add = [&](std::string name, std::vector<int64_t> shape) {
    tensors[name] = {shape, "BF16"};
  };
  add("model.embed_tokens.weight", {11, 10});
  add("model.norm.weight", {10});
  add("lm_head.weight", {11, 10});
  for (int i = 0; i != 4; ++i) {
    std::string layer = "model.layers." + std::to_string(i) + ".";
    add(layer + "input_layernorm.weight", {10});
    add(layer + "post_attention_layernorm.weight", {10});
    add(layer + "self_attn.q_proj.weight", {8, 10});
    add(layer + "self_attn.q_proj.bias", {8});
    for (std::string role : {"k", "v"}) {
      add(layer + "self_attn." + role + "_proj.weight", {4, 10});
      add(layer + "self_attn." + role + "_proj.bias", {4});
    }
    add(layer + "self_attn.o_proj.weight", {10, 8});
    auto addNetwork = [&](std::string prefix, int64_t width) {
      add(prefix + ".gate_proj.weight", {width, 10});
      add(prefix + ".up_proj.weight", {width, 10});
      add(prefix + ".down_proj.weight", {10, width});
    };
    if (i == 0) {
      addNetwork(layer + "mlp", 5);
      continue;
    }
    add(layer + "mlp.gate.weight", {2, 10});
    add(layer + "mlp.shared_expert_gate.weight", {1, 10});
    addNetwork(layer + "mlp.shared_expert", 7);
    if (fused) {
      add(layer + "mlp.experts.gate_up_proj", {2, 6, 10});
      add(layer + "mlp.experts.down_proj", {2, 10, 3});
    } else {
      addNetwork(layer + "mlp.experts.0", 3);
      addNetwork(layer + "mlp.experts.1", 3);
    }
  }
  return tensors;
}

/// A file of these tensors, with arbitrary data.
std::string safetensorsOf(const Tensors &tensors) {
  std::string header = "{";
  int64_t end = 0;
  for (const auto &[name, tensor] : tensors) {
    int64_t begin = end, bytes = tensor.dtype == "F32" ? 4 : 2;
    std::string shape;
    for (int64_t extent : tensor.shape) {
      shape += (shape.empty() ? "" : ",") + std::to_string(extent);
      bytes *= extent;
    }
    end += bytes;
    header += (begin ? ",\"" : "\"") + name + "\":{\"dtype\":\"" +
              tensor.dtype + "\",\"shape\":[" + shape + "],\"data_offsets\":[" +
              std::to_string(begin) + "," + std::to_string(end) + "]}";
  }
  return safetensors(header + "}", end);
}

class Import : public ::testing::Test {
protected:
  Expected<mlir::OwningOpRef<mlir::ModuleOp>>
  import(const Tensors &tensors, const ModelConfig &config = smallConfig()) {
    directory.write("model.safetensors", safetensorsOf(tensors));
    checkpoint = cantFail(Checkpoint::open(directory.str()));
    return importModel(&context, directory.str(), config, checkpoint.get(),
                       options);
  }

  /// The message of the import's error.
  std::string fault(const Tensors &tensors,
                    const ModelConfig &config = smallConfig()) {
    return message(import(tensors, config));
  }

  mlir::OwningOpRef<mlir::ModuleOp>
  imported(const Tensors &tensors, const ModelConfig &config = smallConfig()) {
    auto module = import(tensors, config);
    if (module)
      return std::move(*module);
    ADD_FAILURE() << toString(module.takeError());
    return mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  }

  static mlir::DictionaryAttr modelOf(mlir::ModuleOp module) {
    return module->getAttrOfType<mlir::DictionaryAttr>(kModelAttr);
  }
  static StringRef dtypeOf(mlir::ModuleOp module) {
    return modelOf(module).getAs<mlir::StringAttr>("dtype").getValue();
  }
  template <typename OpT> static std::vector<OpT> all(mlir::Operation *root) {
    std::vector<OpT> ops;
    root->walk([&](OpT op) { ops.push_back(op); });
    return ops;
  }

  TemporaryDirectory directory;
  mlir::MLIRContext context;
  std::unique_ptr<Checkpoint> checkpoint;
  ImportOptions options;
};

} // namespace

TEST_F(Import, LayersOfAKindShareABody) {
  auto module = imported(smallTensors());
  std::vector<std::string> names;
  for (auto function : module->getOps<mlir::func::FuncOp>())
    names.push_back(function.getSymName().str());
  EXPECT_EQ(names, (std::vector<std::string>{"dense", "sparse", "sparse_window",
                                             "main"}));
  auto layers = all<LayersOp>(*module);
  ASSERT_EQ(layers.size(), 1u);
  EXPECT_EQ(layers[0].getOrder().vec(), (std::vector<int64_t>{0, 1, 2, 1}));
  auto query = module->lookupSymbol<WeightOp>("sparse.q_proj");
  ASSERT_TRUE(query);
  EXPECT_EQ(query.getLayers()->vec(), (std::vector<int64_t>{1, 3}));
}

TEST_F(Import, WindowIsThatOfTheKind) {
  auto module = imported(smallTensors());
  for (auto function : module->getOps<mlir::func::FuncOp>())
    for (AttentionOp attention : all<AttentionOp>(function))
      EXPECT_EQ(attention.getWindow(), function.getSymName() == "sparse_window"
                                           ? std::optional<uint64_t>(9)
                                           : std::nullopt);
}

TEST_F(Import, RoutingAndNames) {
  ModelConfig config = smallConfig();
  config.topK = 2;
  config.normTopKProb = true;
  auto module = imported(smallTensors(), config);
  auto routes = all<RouteOp>(*module);
  ASSERT_EQ(routes.size(), 2u);
  EXPECT_EQ(routes[0].getRouting(),
            TokenChoiceAttr::get(&context, 2, true, {}));
  auto names = all<ExpertsOp>(*module)[0].getNames();
  EXPECT_EQ(names,
            mlir::OpBuilder(&context).getStrArrayAttr({"haskell", "ocaml"}));
}

TEST_F(Import, FusedExpertsAreSliced) {
  auto module = imported(smallTensors(/*fused=*/true));
  auto up = module->lookupSymbol<WeightOp>("sparse.mlp.experts.up_proj");
  ASSERT_TRUE(up);
  auto slice = up.getResultValue().getDefiningOp<SliceOp>();
  ASSERT_TRUE(slice);
  EXPECT_EQ(slice.getFirst(), 3u);
  EXPECT_EQ(up.getTensorType().getShape().vec(),
            (std::vector<int64_t>{2, 3, 10}));
}

TEST_F(Import, ASharedExpertWithoutColumnsIsNone) {
  ModelConfig config = smallConfig();
  config.sharedExpertIntermediateSize = 0;
  Tensors tensors = smallTensors();
  EXPECT_EQ(fault(tensors, config),
            directory / "model.safetensors" +
                ": tensor 'model.layers.1.mlp.shared_expert.gate_proj.weight' "
                "has the shape [7, 10], the configuration asks for [0, 10]");
  for (auto &[name, tensor] : tensors)
    if (StringRef(name).contains(".shared_expert."))
      replace(tensor.shape, int64_t(7), int64_t(0));
  auto module = imported(tensors, config);
  EXPECT_TRUE(module->lookupSymbol("sparse.mlp.gate"));
  EXPECT_FALSE(module->lookupSymbol("sparse.mlp.shared_expert.up_proj"));
  EXPECT_FALSE(module->lookupSymbol("sparse.mlp.shared_expert_gate"));
}

TEST_F(Import, TiedEmbeddingsAreOneWeight) {
  ModelConfig config = smallConfig();
  config.tieWordEmbeddings = true;
  Tensors tensors = smallTensors();
  tensors.erase("lm_head.weight");
  auto module = imported(tensors, config);
  EXPECT_FALSE(module->lookupSymbol("lm_head"));
  auto main = module->lookupSymbol<mlir::func::FuncOp>("main");
  auto heads = all<LinearOp>(main);
  ASSERT_EQ(heads.size(), 1u);
  EXPECT_EQ(heads[0].getWeight(), all<EmbeddingOp>(main)[0].getTable());
}

TEST_F(Import, AHeadThatDiffersIsNotTied) {
  ModelConfig config = smallConfig();
  config.tieWordEmbeddings = true;
  // Two equal ones are in the golden model llama-linear.
  Tensors tensors = smallTensors();
  auto module = imported(tensors, config);
  EXPECT_TRUE(module->lookupSymbol("lm_head"));
  tensors["lm_head.weight"].shape = {10, 11};
  EXPECT_EQ(fault(tensors, config),
            directory / "model.safetensors" +
                ": tensor 'lm_head.weight' has the shape [10, 11], the "
                "configuration asks for [11, 10]");
}

TEST_F(Import, LayoutsOfMixtral) {
  ModelConfig config = smallConfig();
  config.architecture = "MixtralForCausalLM";
  config.sparseLayers = Bools(4, true);
  config.windows = Ints(4, 0);
  config.sharedExpertIntermediateSize = 0;
  config.sharedExpertGate = config.qkvBias = false;
  Tensors plain = smallTensors(), fused;
  for (const auto &[name, tensor] : smallTensors())
    if (StringRef(name).contains(".mlp.") || StringRef(name).ends_with("bias"))
      plain.erase(name);
  fused = plain;
  for (int i = 0; i != 4; ++i) {
    std::string layer = "model.layers." + std::to_string(i) + ".";
    std::string block = layer + "block_sparse_moe.";
    plain[block + "gate.weight"] = {{2, 10}, "BF16"};
    for (std::string expert : {"0", "1"}) {
      plain[block + "experts." + expert + ".w1.weight"] = {{3, 10}, "BF16"};
      plain[block + "experts." + expert + ".w2.weight"] = {{10, 3}, "BF16"};
      plain[block + "experts." + expert + ".w3.weight"] = {{3, 10}, "BF16"};
    }
    fused[layer + "mlp.gate.weight"] = {{2, 10}, "BF16"};
    fused[layer + "mlp.experts.gate_up_proj"] = {{2, 6, 10}, "BF16"};
    fused[layer + "mlp.experts.down_proj"] = {{2, 10, 3}, "BF16"};
  }
  auto loads = [&](const Tensors &tensors, StringRef role) {
    auto module = imported(tensors, config);
    auto op = module->lookupSymbol<WeightOp>(("sparse.mlp." + role).str());
    std::string names;
    for (LoadOp load : all<LoadOp>(op))
      names +=
          load.getName().drop_front(strlen("model.layers.{}.")).str() + " ";
    return names;
  };
  EXPECT_EQ(loads(plain, "experts.up_proj"),
            "block_sparse_moe.experts.0.w3.weight "
            "block_sparse_moe.experts.1.w3.weight ");
  EXPECT_EQ(loads(plain, "experts.down_proj"),
            "block_sparse_moe.experts.0.w2.weight "
            "block_sparse_moe.experts.1.w2.weight ");
  EXPECT_EQ(loads(plain, "gate"), "block_sparse_moe.gate.weight ");
  EXPECT_EQ(loads(fused, "experts.up_proj"), "mlp.experts.gate_up_proj ");
  EXPECT_EQ(loads(fused, "gate"), "mlp.gate.weight ");
}

TEST_F(Import, UnknownArchitecture) {
  ModelConfig config = smallConfig();
  config.architecture = "NoSuchModel";
  EXPECT_EQ(fault(smallTensors(), config),
            "the architecture 'NoSuchModel' is not supported; supported are " +
                listArchitectures());
}

TEST_F(Import, DtypeIsThatOfTheMatrices) {
  Tensors tensors = smallTensors();
  tensors["model.norm.weight"].dtype = "F32";
  tensors["model.layers.1.mlp.gate.weight"].dtype = "F32";
  tensors["model.layers.3.mlp.shared_expert_gate.weight"].dtype = "F32";
  EXPECT_EQ(dtypeOf(*imported(tensors)), "bf16");
  tensors["model.layers.3.self_attn.o_proj.weight"].dtype = "F32";
  EXPECT_EQ(dtypeOf(*imported(tensors)), "f32");
  // bf16 does not hold every number of f16.
  tensors["model.layers.3.self_attn.o_proj.weight"].dtype = "F16";
  EXPECT_EQ(dtypeOf(*imported(tensors)), "f32");
}

TEST_F(Import, SamplingDefaults) {
  options.generation.eosTokens = {3, 10};
  options.generation.temperature = 0.5;
  options.generation.topK = 20;
  auto greedy = imported(smallTensors());
  mlir::DictionaryAttr model = modelOf(*greedy);
  EXPECT_EQ(model.getAs<mlir::FloatAttr>("temperature").getValueAsDouble(), 0);
  EXPECT_EQ(model.getAs<mlir::DenseI32ArrayAttr>("eos").asArrayRef().vec(),
            (std::vector<int32_t>{3, 10}));
  EXPECT_EQ(model.getAs<mlir::IntegerAttr>("context").getInt(), 32);
  options.generation.doSample = true;
  auto sampled = imported(smallTensors());
  model = modelOf(*sampled);
  EXPECT_EQ(model.getAs<mlir::FloatAttr>("temperature").getValueAsDouble(),
            0.5);
  EXPECT_EQ(model.getAs<mlir::FloatAttr>("top_p").getValueAsDouble(), 1);
  EXPECT_EQ(model.getAs<mlir::IntegerAttr>("top_k").getInt(), 20);
  EXPECT_FALSE(model.get("sampling"));
}

TEST_F(Import, FurtherSamplingDefaults) {
  options.generation.repetitionPenalty = 1.5;
  options.generation.minNewTokens = 3;
  options.generation.suppressed = {4, 5};
  options.generation.sequenceBiases = {{{1, 2}, -2}};
  auto module = imported(smallTensors());
  auto sampling = modelOf(*module).getAs<mlir::DictionaryAttr>("sampling");
  ASSERT_TRUE(sampling);
  EXPECT_EQ(sampling.size(), 4u); // those that mean something
  std::string text;
  llvm::raw_string_ostream(text) << sampling;
  EXPECT_EQ(text, "{min_new_tokens = 3 : i64, "
                  "repetition_penalty = 1.500000e+00 : f64, "
                  "sequence_bias = [{bias = -2.000000e+00 : f64, "
                  "tokens = array<i32: 1, 2>}], "
                  "suppress_tokens = array<i32: 4, 5>}");
}

TEST_F(Import, RandomWeightsNeedNoCheckpoint) {
  options.randomSeed = 7;
  auto module =
      importModel(&context, directory.str(), smallConfig(), nullptr, options);
  ASSERT_TRUE(bool(module)) << toString(module.takeError());
  EXPECT_TRUE(all<LoadOp>(**module).empty());
  for (RandomOp random : all<RandomOp>(**module)) {
    bool isNorm = random.getName().contains("norm");
    EXPECT_EQ(random.getSeed(), 7u);
    EXPECT_EQ(random.getMean().convertToDouble(), isNorm ? 1 : 0);
    EXPECT_EQ(random.getStddev().convertToDouble(), isNorm ? 0.1 : 0.02);
  }
}

TEST_F(Import, EveryTensorMustBeThere) {
  for (const auto &[name, tensor] : smallTensors()) {
    Tensors tensors = smallTensors();
    tensors.erase(name);
    EXPECT_EQ(fault(tensors),
              directory.str() + ": tensor '" + name + "' is missing");
  }
}

TEST_F(Import, EveryShapeMustBeRight) {
  for (bool fused : {false, true})
    for (const auto &[name, tensor] : smallTensors(fused)) {
      Tensors tensors = smallTensors(fused);
      tensors[name].shape.back() += 1;
      EXPECT_EQ(fault(tensors), directory / "model.safetensors" + ": tensor '" +
                                    name + "' has the shape " +
                                    formatShape(tensors[name].shape) +
                                    ", the configuration asks for " +
                                    formatShape(tensor.shape));
    }
}

TEST_F(Import, NoTensorMayBeLeft) {
  Tensors tensors = smallTensors();
  tensors["model.layers.0.mlp.experts.0.up_proj.weight"] = {{3, 10}, "BF16"};
  EXPECT_EQ(fault(tensors),
            directory.str() + ": 1 tensor is not part of the model: "
                              "'model.layers.0.mlp.experts.0.up_proj.weight'");
}

TEST_F(Import, LayoutsOfExpertsCannotBeMixed) {
  Tensors tensors = smallTensors(), fused = smallTensors(/*fused=*/true);
  for (StringRef role : {"gate", "up", "down"})
    for (StringRef expert : {"0", "1"})
      tensors.erase(
          ("model.layers.3.mlp.experts." + expert + "." + role + "_proj.weight")
              .str());
  for (StringRef role : {"gate_up", "down"}) {
    std::string name = ("model.layers.3.mlp.experts." + role + "_proj").str();
    tensors[name] = fused[name];
  }
  EXPECT_EQ(fault(tensors),
            directory.str() +
                ": tensor 'model.layers.3.mlp.experts.0.gate_proj.weight' is "
                "missing");
}

TEST_F(Import, IntegersAreNoWeights) {
  Tensors tensors = smallTensors();
  tensors["model.norm.weight"].dtype = "I16";
  EXPECT_EQ(fault(tensors), directory / "model.safetensors" +
                                ": tensor 'model.norm.weight' is I16, weights "
                                "must be one of " +
                                listLoadable());
}
