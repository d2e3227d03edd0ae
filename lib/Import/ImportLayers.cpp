//===- ImportLayers.cpp - bodies of layers --------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention, with or without a latent, and feed-forward networks, as the
// configuration says. See ImportBuilder.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Import/ImportBuilder.h"

#include "llvm/ADT/StringExtras.h"

#include <cmath>

using namespace llvm;
using mlir::Value;

namespace fpmoe {

/// Whatever config.json says, latents are normalised with this one.
static constexpr double latentEps = 1e-6;

Value Importer::norm(Value input, Value weight, double eps) {
  return RmsNormOp::create(builder, loc, input.getType(), input, weight,
                           f64(eps));
}

Value Importer::linear(Value input, Value weight, int64_t columns, Value bias,
                       const LowRankPaths *paths) {
  return LinearOp::create(builder, loc, rows(columns), input, weight, Value(),
                          mlir::FloatAttr(), bias, Value(), mlir::FloatAttr(),
                          paths ? paths->low : Value(),
                          paths ? paths->ranks : mlir::DenseI64ArrayAttr());
}

Value Importer::scale(Value input, double multiplier) {
  if (multiplier == 1)
    return input;
  return ScaleOp::create(builder, loc, input.getType(), input, f64(multiplier));
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

Value Importer::rope(Value input, Value positions, Value table,
                     int64_t headDim) {
  mlir::IntegerAttr width;
  if (headDim != config.ropeDim())
    width = i64(headDim);
  return RopeOp::create(builder, loc, input.getType(), input, positions, table,
                        width);
}

/// The heads of q, k or v.
Value Importer::projection(Value input, StringRef role, int64_t heads,
                           const LowRankPaths &paths) {
  int64_t columns = heads * config.headDim;
  std::string name = ("self_attn." + role + "_proj").str();
  Value matrix = getMatrix(name, {columns, config.hiddenSize}, &paths);
  Value bias = config.qkvBias ? getBias(name, columns) : Value();
  Value result = linear(input, matrix, columns, bias, &paths);
  if (config.headNorm != HeadNorm::None && role != "v") {
    bool perHead = config.headNorm == HeadNorm::PerHead;
    result = norm(result, getNorm(("self_attn." + role + "_norm").str(),
                                  perHead ? config.headDim : columns));
  }
  if (config.clipQKV)
    result = ClampOp::create(builder, loc, result.getType(), result,
                             f64(*config.clipQKV));
  return result;
}

/// Attention proper, and the projection after it.
Value Importer::attend(Value query, Value key, Value value, Value positions) {
  int64_t columns = config.numHeads * config.valueDim();
  mlir::IntegerAttr window;
  if (kind->window)
    window = i64(*kind->window);
  Value heads = AttentionOp::create(
      builder, loc, rows(columns), query, key, value, positions,
      function.getArguments().back(), i64(config.numHeads),
      i64(config.numKeyValueHeads), f64(config.attentionScale), window,
      /*cache=*/mlir::TypeAttr());
  LowRankPaths paths = lowRankPaths("o", {"self_attn.o_proj.weight"},
                                    {config.hiddenSize}, columns);
  Value matrix =
      getMatrix("self_attn.o_proj", {config.hiddenSize, columns}, &paths);
  Value bias = config.outputBias
                   ? getBias("self_attn.o_proj", config.hiddenSize)
                   : Value();
  return linear(heads, matrix, config.hiddenSize, bias, &paths);
}

Value Importer::attention(Value input, Value positions) {
  if (config.kvLatent)
    return latentAttention(input, positions);
  int64_t queries = config.numHeads * config.headDim;
  int64_t keys = config.numKeyValueHeads * config.headDim;
  LowRankPaths paths =
      lowRankPaths("qkv",
                   {"self_attn.q_proj.weight", "self_attn.k_proj.weight",
                    "self_attn.v_proj.weight"},
                   {queries, keys, keys}, config.hiddenSize);
  Value q = projection(input, "q", config.numHeads, paths);
  Value k = projection(input, "k", config.numKeyValueHeads, paths);
  Value v = projection(input, "v", config.numKeyValueHeads, paths);
  Value table = get(ropeTable);
  q = rope(q, positions, table, config.headDim);
  k = rope(k, positions, table, config.headDim);
  return attend(q, k, v, positions);
}

/// Queries, which come from a latent of their own in the larger models.
Value Importer::latentQuery(Value input, Value positions, Value table) {
  int64_t columns = config.numHeads * config.headDim;
  int64_t latent = config.queryLatent, width = config.hiddenSize;
  StringRef name = "q_proj";
  if (latent) {
    Value down = getMatrix("self_attn.q_a_proj", {latent, width});
    Value bias =
        config.qkvBias ? getBias("self_attn.q_a_proj", latent) : Value();
    input = linear(input, down, latent, bias);
    input = norm(input, getNorm("self_attn.q_a_layernorm", latent), latentEps);
    name = "q_b_proj";
    width = latent;
  }
  Value matrix = getOfLayer(name, [&] {
    Value heads =
        ofLayer(("self_attn." + name + ".weight").str(), {columns, width});
    return deinterleave(heads, config.headDim);
  });
  return rope(linear(input, matrix, columns), positions, table, config.headDim);
}

/// Multi-head latent attention: one tensor makes the latent and the turned
/// columns of all keys, another one what keys and values take from the latent.
Value Importer::latentAttention(Value input, Value positions) {
  int64_t heads = config.numHeads, latent = config.kvLatent;
  int64_t turned = config.latentRopeDim, both = latent + turned;
  Value table = get(ropeTable);
  Value query = latentQuery(input, positions, table);

  auto down = [&] {
    return ofLayer("self_attn.kv_a_proj_with_mqa.weight",
                   {both, config.hiddenSize});
  };
  // Slices are of rows, so that a bias is one column here.
  auto downBias = [&] {
    return reshape(ofLayer("self_attn.kv_a_proj_with_mqa.bias", {both}),
                   {both, 1});
  };
  Value latentBias, keyBias;
  if (config.qkvBias) {
    latentBias = getOfLayer("kv_a_bias", [&] {
      return reshape(rowsFrom(downBias(), 0, latent), {latent});
    });
    keyBias = getOfLayer("k_pe_bias", [&] {
      Value rows = rowsFrom(downBias(), latent, turned);
      return reshape(deinterleave(rows, turned), {turned});
    });
  }
  Value toLatent =
      getOfLayer("kv_a_proj", [&] { return rowsFrom(down(), 0, latent); });
  Value toTurned = getOfLayer("k_pe_proj", [&] {
    return deinterleave(rowsFrom(down(), latent, turned), turned);
  });
  Value compressed = linear(input, toLatent, latent, latentBias);
  compressed =
      norm(compressed, getNorm("self_attn.kv_a_layernorm", latent), latentEps);
  Value tail =
      rope(linear(input, toTurned, turned, keyBias), positions, table, turned);

  auto up = [&](StringRef role, int64_t first, int64_t count) {
    Value matrix = getOfLayer(role, [&] {
      int64_t perHead = config.nopeDim + config.latentValueDim;
      Value all =
          ofLayer("self_attn.kv_b_proj.weight", {heads * perHead, latent});
      Value ofHeads = reshape(all, {heads, perHead, latent});
      return reshape(rowsFrom(ofHeads, first, count), {heads * count, latent});
    });
    return linear(compressed, matrix, heads * count);
  };
  Value key = up("k_nope_proj", 0, config.nopeDim);
  Value value = up("v_proj", config.nopeDim, config.latentValueDim);
  key = ExtendHeadsOp::create(builder, loc, rows(heads * config.headDim), key,
                              tail, i64(heads));
  return attend(query, key, value, positions);
}

//===----------------------------------------------------------------------===//
// Feed-forward networks
//===----------------------------------------------------------------------===//

static constexpr NetworkNames denseNames = {
    "mlp.gate_proj.weight", "mlp.up_proj.weight", "mlp.down_proj.weight"};

/// One network of these tensors, whose weights are called after `role`.
Value Importer::network(Value input, StringRef role, const NetworkNames &names,
                        int64_t width, Value gate) {
  int64_t hidden = config.hiddenSize;
  // Beside routed experts there are no low-rank paths.
  LowRankPaths upPaths, downPaths;
  if (!kind->isSparse) {
    upPaths =
        lowRankPaths("up", {names.gate, names.up}, {width, width}, hidden);
    downPaths = lowRankPaths("down", {names.down}, {hidden}, width);
  }
  auto half = [&](StringRef which, StringRef name, int64_t first) {
    return getOfLayer(role + "." + which, [&] {
      if (!names.up.empty())
        return withAdapters(&upPaths, name, ofLayer(name, {width, hidden}));
      return rowsFrom(ofLayer(names.gate, {2 * width, hidden}), first, width);
    });
  };
  Value gateMatrix = half("gate_proj", names.gate, 0);
  Value up = half("up_proj", names.up, width);
  Value down = getOfLayer(role + ".down_proj", [&] {
    return withAdapters(&downPaths, names.down,
                        ofLayer(names.down, {hidden, width}));
  });
  return MlpOp::create(builder, loc, input.getType(), input, gateMatrix, up,
                       down, gate, upPaths.low, upPaths.ranks, downPaths.low,
                       downPaths.ranks);
}

mlir::Attribute Importer::routing() {
  mlir::MLIRContext *context = builder.getContext();
  if (!config.twoLevels)
    return TokenChoiceAttr::get(
        context, config.topK, config.normTopKProb, {},
        config.routedScale == 1 ? mlir::FloatAttr() : f64(config.routedScale),
        config.numGroups, config.topGroups);
  const ModelConfig::TwoLevels &levels = *config.twoLevels;
  // What a segment gets on average by the published rule, and at least one.
  int64_t perSegment =
      std::clamp<int64_t>(std::lround(levels.capacity), 1, levels.maxExperts);
  return TwoLevelAttr::get(
      context, levels.tokenExperts, /*shared=*/1, config.topK,
      f64(levels.tokenWeight),
      ExpertChoiceAttr::get(context, levels.segment, levels.maxExperts,
                            f64(levels.capacity)),
      SegmentChoiceAttr::get(context, levels.segment, perSegment),
      f64(levels.segmentWeight), /*candidates=*/{});
}

Value Importer::experts(Value input) {
  int64_t width = config.moeIntermediateSize, hidden = config.hiddenSize;
  const ExpertLayout &layout = findLayout();
  Value router = getOfLayer("mlp.gate", [&] {
    return ofLayer(layout.router, {config.numExperts, hidden});
  });
  mlir::Attribute rule = routing();
  int64_t taken = getTopK(rule);
  auto route = RouteOp::create(builder, loc, rows(taken),
                               ids({mlir::ShapedType::kDynamic, taken}), input,
                               router, rule);
  const NetworkNames &names = layout.experts;
  auto half = [&](StringRef which, StringRef name, int64_t first) {
    return getOfLayer("mlp.experts." + which, [&] {
      if (!names.up.empty())
        return ofExperts(name, {width, hidden});
      return rowsFrom(ofExperts(names.gate, {2 * width, hidden}), first, width);
    });
  };
  Value gate = half("gate_proj", names.gate, 0);
  Value up = half("up_proj", names.up, width);
  Value down = getOfLayer("mlp.experts.down_proj", [&] {
    return ofExperts(names.down, {hidden, width});
  });
  SmallVector<StringRef> expertNames(config.expertNames.begin(),
                                     config.expertNames.end());
  return ExpertsOp::create(builder, loc, input.getType(), input,
                           route.getWeights(), route.getExperts(), gate, up,
                           down, builder.getStrArrayAttr(expertNames));
}

Value Importer::feedForward(Value input) {
  if (!kind->isSparse)
    return network(input, "mlp", denseNames, config.intermediateSize);
  Value routed = experts(input);
  int64_t width = config.sharedExpertIntermediateSize;
  if (width == 0)
    return routed;
  Value gate;
  if (config.sharedExpertGate)
    gate = getMatrix("mlp.shared_expert_gate", {1, config.hiddenSize});
  Value shared =
      network(input, "mlp.shared_expert", architecture.shared, width, gate);
  return AddOp::create(builder, loc, routed, shared);
}

void Importer::buildBody(const LayerKind &layerKind) {
  mlir::Type activations = rows(config.hiddenSize);
  startFunction(layerKind.name, {activations, ids(), builder.getIndexType()},
                activations);
  function.setPrivate();
  kind = &layerKind;
  Value input = function.getArgument(0), positions = function.getArgument(1);
  Value n = norm(input, getNorm("input_layernorm", config.hiddenSize));
  Value block = scale(attention(n, positions), config.residualMultiplier);
  Value residual = AddOp::create(builder, loc, input, block);
  n = norm(residual, getNorm("post_attention_layernorm", config.hiddenSize));
  block = scale(feedForward(n), config.residualMultiplier);
  Value result = AddOp::create(builder, loc, residual, block);
  mlir::func::ReturnOp::create(builder, loc, result);
  kind = nullptr;
}

} // namespace fpmoe
