//===- ModelOps.cpp - Verifiers of the graph's ops ------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// The numbered constraints of the ops of ModelOps.td.
//===----------------------------------------------------------------------===//

#include "dialects/FPMoE/OpChecks.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace fpmoe;

LogicalResult GetOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto weight =
      symbols.lookupNearestSymbolFrom<WeightOp>(*this, getWeightAttr());
  if (!weight)
    return emitOpError("'") << getWeight() << "' is not a weight (get_c1)";
  if (weight.getType() != getType())
    return emitOpError("gives ") << getType() << ", weight '" << getWeight()
                                 << "' is " << weight.getType() << " (get_c1)";
  if (weight.getLayers().has_value() != static_cast<bool>(getLayer()))
    return emitOpError("of '")
           << getWeight()
           << (getLayer() ? "' takes a layer, the weight has none (get_c2)"
                          : "' takes no layer, the weight has layers (get_c2)");
  return success();
}

LogicalResult LayersOp::verify() {
  SmallVector<bool> used(getBodies().size());
  for (int64_t kind : getOrder()) {
    if (kind < 0 || kind >= static_cast<int64_t>(used.size()))
      return emitOpError("runs body ")
             << kind << " of only " << used.size() << " (layers_c1)";
    used[kind] = true;
  }
  for (auto [body, isUsed] : llvm::zip(getBodies(), used))
    if (!isUsed)
      return emitOpError("never runs body ") << body << " (layers_c1)";
  return success();
}

LogicalResult LayersOp::verifySymbolUses(SymbolTableCollection &symbols) {
  Type rows = getInput().getType(), positions = getPositions().getType();
  for (auto [kind, body] :
       llvm::enumerate(getBodies().getAsRange<FlatSymbolRefAttr>())) {
    auto function = symbols.lookupNearestSymbolFrom<func::FuncOp>(*this, body);
    auto expected = FunctionType::get(
        getContext(), {rows, positions, IndexType::get(getContext())}, {rows});
    if (!function || function.getFunctionType() != expected)
      return emitOpError("body ") << body << " is not a function of type "
                                  << expected << " (layers_c2)";
    if (function.walk([](LayersOp) { return WalkResult::interrupt(); })
            .wasInterrupted())
      return emitOpError("body ")
             << body << " runs layers of its own (layers_c4)";
    WalkResult walk = function.walk([&](GetOp get) {
      auto weight =
          symbols.lookupNearestSymbolFrom<WeightOp>(*this, get.getWeightAttr());
      if (!weight || !weight.getLayers())
        return WalkResult::advance();
      for (auto [layer, order] : llvm::enumerate(getOrder()))
        if (order == static_cast<int64_t>(kind) &&
            !llvm::is_contained(*weight.getLayers(),
                                static_cast<int64_t>(layer))) {
          emitOpError("runs ")
              << body << " as layer " << layer << ", but weight '"
              << get.getWeight() << "' has no such layer (layers_c3)";
          return WalkResult::interrupt();
        }
      return WalkResult::advance();
    });
    if (walk.wasInterrupted())
      return failure();
  }
  return success();
}

LogicalResult EmbeddingOp::verify() {
  if (shapeOf(getTable()).size() != 2 ||
      columnsOf(getTable()) != columnsOf(getResult()))
    return emitOpError("takes rows of ")
           << getTable().getType() << " as " << getResult().getType()
           << " (embedding_c1)";
  return success();
}

LogicalResult RmsNormOp::verify() {
  if (failed(verifyEps(*this, getEps().convertToDouble(), "rms_norm_c2")))
    return failure();
  ArrayRef<int64_t> weight = shapeOf(getWeight());
  if (weight.size() != 1 || columnsOf(getInput()) % weight[0])
    return emitOpError("normalises ")
           << columnsOf(getInput()) << " columns with a weight of "
           << getWeight().getType()
           << ", they must be whole groups (rms_norm_c1)";
  return success();
}

LogicalResult ClampOp::verify() {
  return verifyPositive(*this, "limit", getLimit().convertToDouble(),
                        "clamp_c1");
}

LogicalResult LinearOp::verify() {
  int64_t in = columnsOf(getInput()), out = columnsOf(getResult());
  ArrayRef<int64_t> shape = shapeOf(getWeight());
  int64_t shards =
      shape.size() == 3 && shape[0] > 0 && in % shape[0] == 0 ? shape[0] : 0;
  int64_t wide = shards ? in / shards : in;
  if (failed(verifyLowRank(*this, getLowRank(), getRanks(), wide, "linear_c3",
                           shards)))
    return failure();
  SmallVector<int64_t> weight{out, wide};
  if (shards)
    weight.insert(weight.begin(), shards);
  if (failed(expectShape(*this, "weight", getWeight(), weight, "linear_c1")) ||
      failed(expectShape(*this, "norm", getNorm(), {in}, "linear_c2")) ||
      failed(expectShape(*this, "bias", getBias(), {out}, "linear_c2")) ||
      failed(expectShape(*this, "residual", getResidual(), shapeOf(getResult()),
                         "linear_c2")))
    return failure();
  if (static_cast<bool>(getNorm()) != getEps().has_value())
    return emitOpError("has a norm or an eps alone (linear_c2)");
  return getEps() ? verifyEps(*this, getEps()->convertToDouble(), "linear_c2")
                  : success();
}

LogicalResult RopeOp::verify() {
  ArrayRef<int64_t> table = shapeOf(getTable());
  if (table.size() != 2 || table[1] % 2 ||
      static_cast<int64_t>(getHeadWidth()) < table[1] ||
      columnsOf(getInput()) % getHeadWidth() != 0)
    return emitOpError("turns ")
           << columnsOf(getInput()) << " columns by the table "
           << getTable().getType() << " (rope_c1)";
  return success();
}

LogicalResult ExtendHeadsOp::verify() {
  int64_t heads = getHeads(), in = columnsOf(getInput());
  int64_t tail = columnsOf(getTail()), out = columnsOf(getResult());
  if (areHeads(in, heads) && areHeads(out, heads) &&
      in / heads + tail == out / heads)
    return success();
  return emitOpError("makes ")
         << out << " columns of " << heads << " heads in " << in
         << " columns and a tail of " << tail << " (extend_heads_c1)";
}

LogicalResult AttentionOp::verify() {
  int64_t heads = getHeads(), kvHeads = getKvHeads();
  if (heads < 1 || kvHeads < 1 || heads % kvHeads)
    return emitOpError("has ") << heads << " heads for " << kvHeads
                               << " key/value heads (attention_c1)";
  int64_t q = columnsOf(getQuery()), k = columnsOf(getKey());
  if (q % heads || k % kvHeads || q / heads != k / kvHeads)
    return emitOpError("has ") << heads << " heads in " << q << " columns and "
                               << kvHeads << " in " << k << " (attention_c2)";
  int64_t v = columnsOf(getValue()), y = columnsOf(getResult());
  if (v % kvHeads || y % heads || v / kvHeads != y / heads)
    return emitOpError("makes ")
           << heads << " heads in " << y << " columns of " << kvHeads
           << " value heads in " << v << " (attention_c2)";
  if (getWindow() && static_cast<int64_t>(*getWindow()) < 1)
    return emitOpError("has a window of ")
           << static_cast<int64_t>(*getWindow()) << " (attention_c3)";
  return success();
}

LogicalResult RouteOp::verify() {
  if (needsRouter(getRouting()) != static_cast<bool>(getRouter()))
    return emitOpError(getRouter() ? "has a router that its rule does not use"
                                   : "has no router for its rule")
           << " (route_c1)";
  int64_t k = getTopK(getRouting());
  if (columnsOf(getWeights()) != k || columnsOf(getExperts()) != k)
    return emitOpError("takes ")
           << k << " experts into results of " << columnsOf(getWeights())
           << " and " << columnsOf(getExperts()) << " columns (route_c2)";
  if (!getRouter())
    return success();
  int64_t rows = rowsOf(getRouter());
  if (failed(expectShape(*this, "router", getRouter(),
                         {rows, columnsOf(getInput())}, "route_c1")))
    return failure();
  ArrayRef<int64_t> candidates = getCandidates(getRouting());
  int64_t experts = candidates.empty() ? rows : candidates.size();
  return verifyRouting([&] { return emitOpError("(route_c3) "); }, getRouting(),
                       experts, rows);
}

LogicalResult ExpertsOp::verify() {
  ArrayRef<int64_t> gate = shapeOf(getGate());
  int64_t columns = columnsOf(getInput());
  if (gate.size() != 3)
    return emitOpError("gate has ")
           << gate.size() << " dimensions, not 3 (experts_c1)";
  if (failed(expectShape(*this, "gate", getGate(), {gate[0], gate[1], columns},
                         "experts_c1")) ||
      failed(expectShape(*this, "down", getDown(), {gate[0], columns, gate[1]},
                         "experts_c1")))
    return failure();
  return verifyNames(*this, getNames(), gate[0], "experts_c2");
}

LogicalResult MlpOp::verify() {
  ArrayRef<int64_t> gate = shapeOf(getGate());
  int64_t columns = columnsOf(getInput());
  if (gate.size() != 2)
    return emitOpError("gate has ")
           << gate.size() << " dimensions, not 2 (mlp_c1)";
  int64_t in = columns, inner = gate[0];
  if (failed(
          verifyLowRank(*this, getUpLowRank(), getUpRanks(), in, "mlp_c2")) ||
      failed(verifyLowRank(*this, getDownLowRank(), getDownRanks(), inner,
                           "mlp_c2")) ||
      failed(expectShape(*this, "gate", getGate(), {gate[0], in}, "mlp_c1")) ||
      failed(expectShape(*this, "down", getDown(), {columns, inner}, "mlp_c1")))
    return failure();
  if (getScale() && (getUpLowRank() || getDownLowRank()))
    return emitOpError("has a scale and a low rank (mlp_c2)");
  return expectShape(*this, "scale", getScale(), {1, columns}, "mlp_c1");
}
