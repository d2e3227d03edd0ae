//===- ModelOps.cpp - Verifiers of the graph's ops ------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// The numbered constraints of the ops that compute, plain and fused.
//===----------------------------------------------------------------------===//

#include "dialects/FPMoE/FPMoE.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SmallSet.h"

using namespace mlir;
using namespace fpmoe;

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}
static int64_t columnsOf(Value rows) { return shapeOf(rows).back(); }
/// Of a weight that should be a matrix; 1 where it has no dimension at all.
static int64_t rowsOf(Value matrix) {
  return shapeOf(matrix).empty() ? 1 : shapeOf(matrix).front();
}

/// Fails unless `value`, if there, has exactly this shape.
static LogicalResult expectShape(Operation *op, StringRef what, Value value,
                                 ArrayRef<int64_t> shape,
                                 StringRef constraint) {
  if (!value || shapeOf(value) == shape)
    return success();
  InFlightDiagnostic diag = op->emitOpError(what);
  diag << " has shape [";
  llvm::interleaveComma(shapeOf(value), diag);
  diag << "], it must be [";
  llvm::interleaveComma(shape, diag);
  return diag << "] (" << constraint << ")";
}

static LogicalResult verifyNames(Operation *op, ArrayAttr names,
                                 int64_t numExperts, StringRef constraint) {
  if (static_cast<int64_t>(names.size()) != numExperts)
    return op->emitOpError("names ") << names.size() << " of " << numExperts
                                     << " experts (" << constraint << ")";
  return success();
}

/// A language may have an expert on each level of a rule that has two.
static LogicalResult verifyDistinctNames(MoeOp op) {
  auto levels = dyn_cast<TwoLevelAttr>(*op.getRouting());
  size_t ofTokens = levels ? levels.getTokenRows().size() : 0;
  llvm::SmallSet<StringRef, 8> seen;
  for (auto [expert, name] :
       llvm::enumerate(op.getNames()->getAsValueRange<StringAttr>())) {
    if (expert == ofTokens)
      seen.clear();
    if (!seen.insert(name).second)
      return op.emitOpError("has two experts named '") << name << "' (moe_c5)";
  }
  return success();
}

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

static LogicalResult verifyEps(Operation *op, double eps,
                               StringRef constraint) {
  if (eps > 0)
    return success();
  return op->emitOpError("eps is ")
         << eps << ", it must be positive (" << constraint << ")";
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

static LogicalResult verifyPositive(Operation *op, StringRef what, double value,
                                    StringRef constraint) {
  if (value > 0)
    return success();
  return op->emitOpError(what)
         << " is " << value << ", it must be positive (" << constraint << ")";
}

LogicalResult ClampOp::verify() {
  return verifyPositive(*this, "limit", getLimit().convertToDouble(),
                        "clamp_c1");
}

/// Checks what widens an input of `columns` columns, and sets them to those of
/// the widened one. With `shards`, there is one for each.
static LogicalResult verifyLowRank(Operation *op, Value lowRank,
                                   std::optional<ArrayRef<int64_t>> ranks,
                                   int64_t &columns, StringRef constraint,
                                   int64_t shards = 0) {
  if (static_cast<bool>(lowRank) != ranks.has_value())
    return op->emitOpError("has a low rank or its ranks alone (")
           << constraint << ")";
  if (!lowRank)
    return success();
  int64_t sum = 0, most = int64_t(1) << 24;
  for (int64_t rank : *ranks) {
    if (rank < 0 || rank > most)
      return op->emitOpError("has a rank of ")
             << rank << " (" << constraint << ")";
    sum = std::min(sum + rank, most + 1);
  }
  SmallVector<int64_t> shape{sum, columns};
  if (shards)
    shape.insert(shape.begin(), shards);
  if (failed(expectShape(op, "low_rank", lowRank, shape, constraint)))
    return failure();
  columns += sum;
  return success();
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

/// Whether `columns` are `heads` heads of one size.
static bool areHeads(int64_t columns, int64_t heads) {
  return heads > 0 && columns % heads == 0;
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

static bool needsRouter(Attribute routing) {
  return isa<TokenChoiceAttr, ExpertChoiceAttr, SegmentChoiceAttr,
             TwoLevelAttr>(routing);
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

LogicalResult HeadsOp::verify() {
  int64_t heads = getHeads(), kvHeads = getKvHeads();
  int64_t q = columnsOf(getQ()), k = columnsOf(getK()), v = columnsOf(getV());
  int64_t query = columnsOf(getQuery()), key = columnsOf(getKey());
  int64_t tail = getTail() ? columnsOf(getTail()) : 0;
  bool fits = heads > 0 && kvHeads > 0 && heads % kvHeads == 0 &&
              areHeads(q, heads) && areHeads(k, kvHeads) &&
              areHeads(v, kvHeads) && query == q && areHeads(key, kvHeads) &&
              columnsOf(getValue()) == v && key / kvHeads == query / heads &&
              k / kvHeads + tail == key / kvHeads;
  if (!fits)
    return emitOpError("makes ")
           << heads << " heads of " << kvHeads << " in " << query << ", " << key
           << " and " << columnsOf(getValue()) << " columns of " << q << ", "
           << k << " and " << v << " (heads_c1)";
  int64_t width = query / heads;
  if (static_cast<bool>(getQNorm()) != getEps().has_value() ||
      (getQNorm() && getTail()))
    return emitOpError("has norms without eps, eps without norms, or norms and "
                       "a tail (heads_c2)");
  if (auto shards = getShards()) {
    constexpr int64_t vector = 16;
    int64_t count = *shards;
    if (!getQNorm() || count < 1 || count > kMostRanks ||
        q % (count * vector) || k % (count * vector))
      return emitOpError("of ") << count << " shards of rows of " << q
                                << " and " << k << " columns (heads_c4)";
  }
  if (getQNorm()) {
    bool isWhole = getShards().has_value() ||
                   (shapeOf(getQNorm()) == ArrayRef<int64_t>{q} && width != q);
    if (failed(expectShape(*this, "q_norm", getQNorm(), {isWhole ? q : width},
                           "heads_c2")) ||
        failed(expectShape(*this, "k_norm", getKNorm(), {isWhole ? k : width},
                           "heads_c2")) ||
        failed(verifyEps(*this, getEps()->convertToDouble(), "heads_c2")))
      return failure();
  }
  ArrayRef<int64_t> table = shapeOf(getTable());
  if (table.size() != 2 || table[1] % 2 || table[1] > width ||
      (tail && tail != table[1]))
    return emitOpError("turns heads of ")
           << width << " columns by the table " << getTable().getType()
           << " (heads_c3)";
  return getClip() ? verifyPositive(*this, "clip", getClip()->convertToDouble(),
                                    "heads_c3")
                   : success();
}

LogicalResult QkvOp::verify() {
  ArrayRef<int64_t> weight = shapeOf(getWeight());
  int64_t columns = columnsOf(getInput());
  if (weight.size() != 3)
    return emitOpError("weight has ")
           << weight.size() << " dimensions, not 3 (qkv_c1)";
  int64_t dim = weight[1], q = columnsOf(getQuery()), k = columnsOf(getKey());
  int64_t wide = columns;
  if (failed(verifyLowRank(*this, getLowRank(), getRanks(), wide, "qkv_c3")))
    return failure();
  if (q % dim || k % dim || q / dim + 2 * (k / dim) != weight[0])
    return emitOpError("makes q of ")
           << q << " and k of " << k << " columns with " << weight[0]
           << " heads of " << dim << " (qkv_c1)";
  if (failed(expectShape(*this, "weight", getWeight(), {weight[0], dim, wide},
                         "qkv_c1")) ||
      failed(expectShape(*this, "norm", getNorm(), {columns}, "qkv_c1")) ||
      failed(
          expectShape(*this, "bias", getBias(), {weight[0], dim}, "qkv_c1")) ||
      failed(expectShape(*this, "table", getTable(), {rowsOf(getTable()), dim},
                         "qkv_c1")))
    return failure();
  if (failed(verifyEps(*this, getEps().convertToDouble(), "qkv_c1")))
    return failure();
  if (static_cast<bool>(getQNorm()) != getHeadEps().has_value())
    return emitOpError("has head norms or head_eps alone (qkv_c2)");
  if (failed(expectShape(*this, "q_norm", getQNorm(), {dim}, "qkv_c2")) ||
      failed(expectShape(*this, "k_norm", getKNorm(), {dim}, "qkv_c2")) ||
      (getHeadEps() &&
       failed(verifyEps(*this, getHeadEps()->convertToDouble(), "qkv_c2"))))
    return failure();
  return getClip() ? verifyPositive(*this, "clip", getClip()->convertToDouble(),
                                    "qkv_c2")
                   : success();
}

/// Checks gate and up, in one weight, and down.
static LogicalResult verifyFeedForward(Operation *op, Value gateUp, Value down,
                                       int64_t columns, size_t rank) {
  ArrayRef<int64_t> gate = shapeOf(gateUp), out = shapeOf(down);
  bool isSplit = out.size() == rank + 1; // in shards
  if (gate.size() != rank || (out.size() != rank && !isSplit))
    return op->emitOpError("gate_up and down have ")
           << gate.size() << " and " << out.size() << " dimensions, not "
           << rank << " (moe_c2)";
  int64_t shards = isSplit ? out[rank - 2] : 1;
  SmallVector<int64_t> expected(out.begin(), out.begin() + (rank - 2));
  expected.append({2 * shards * out.back(), columns});
  if (failed(expectShape(op, "gate_up", gateUp, expected, "moe_c2")))
    return failure();
  expected.assign(out.begin(), out.end());
  expected[expected.size() - 2] = columns;
  return expectShape(op, "down", down, expected, "moe_c2");
}

/// Checks a shared expert whose inputs are widened.
static LogicalResult verifyLowRanks(MoeOp op) {
  if (op.getGateUp() || !op.getSharedGateUp() || op.getScale())
    return op.emitOpError("has low ranks beside a scale or routed experts "
                          "(moe_c6)");
  ArrayRef<int64_t> gate = shapeOf(op.getSharedGateUp());
  ArrayRef<int64_t> down = shapeOf(op.getSharedDown());
  if (gate.size() != 2 || (down.size() != 2 && down.size() != 3))
    return op.emitOpError("gate_up and down have ")
           << gate.size() << " and " << down.size()
           << " dimensions, not 2 (moe_c6)";
  int64_t shards = down.size() == 3 ? down[0] : 0;
  int64_t columns = columnsOf(op.getInput()), in = columns;
  int64_t inner =
      op.getDownLowRank() ? shapeOf(op.getDownLowRank()).back() : down.back();
  int64_t gates = 2 * inner * std::max<int64_t>(shards, 1);
  if (failed(verifyLowRank(op, op.getUpLowRank(), op.getUpRanks(), in,
                           "moe_c6")) ||
      failed(verifyLowRank(op, op.getDownLowRank(), op.getDownRanks(), inner,
                           "moe_c6", shards)) ||
      failed(expectShape(op, "gate_up", op.getSharedGateUp(), {gates, in},
                         "moe_c6")))
    return failure();
  SmallVector<int64_t> wide{columns, inner};
  if (shards)
    wide.insert(wide.begin(), shards);
  return expectShape(op, "down", op.getSharedDown(), wide, "moe_c6");
}

LogicalResult MoeOp::verify() {
  int64_t columns = columnsOf(getInput());
  bool routed = static_cast<bool>(getGateUp());
  if (routed != static_cast<bool>(getDown()) ||
      routed != getRouting().has_value() || routed != getNames().has_value())
    return emitOpError("needs experts, names and routing together (moe_c1)");
  if ((routed && needsRouter(*getRouting())) != static_cast<bool>(getRouter()))
    return emitOpError(getRouter() ? "has a router that its rule does not use"
                                   : "has no router for its rule")
           << " (moe_c1)";
  bool shared = static_cast<bool>(getSharedGateUp());
  if (shared != static_cast<bool>(getSharedDown()))
    return emitOpError("has half of a shared expert (moe_c2)");
  if (!routed && !shared)
    return emitOpError("has no expert at all (moe_c3)");
  if (getScale() && !shared)
    return emitOpError("scales a shared expert that is not there (moe_c4)");
  if (failed(expectShape(*this, "norm", getNorm(), {columns}, "moe_c4")) ||
      failed(expectShape(*this, "scale", getScale(), {1, columns}, "moe_c4")) ||
      failed(verifyEps(*this, getEps().convertToDouble(), "moe_c4")))
    return failure();
  if (getUpLowRank() || getDownLowRank() || getUpRanks() || getDownRanks())
    return verifyLowRanks(*this);
  if (shared && failed(verifyFeedForward(*this, getSharedGateUp(),
                                         getSharedDown(), columns, 2)))
    return failure();
  auto shardsOf = [](Value down, size_t rank) {
    ArrayRef<int64_t> shape = shapeOf(down);
    return shape.size() > rank ? shape[rank - 2] : 0;
  };
  if (routed && shared &&
      shardsOf(getDown(), 3) != shardsOf(getSharedDown(), 2))
    return emitOpError("has downs of other shards, ")
           << getDown().getType() << " and " << getSharedDown().getType()
           << " (moe_c2)";
  if (!routed)
    return success();
  if (failed(verifyFeedForward(*this, getGateUp(), getDown(), columns, 3)))
    return failure();
  int64_t experts = shapeOf(getGateUp()).front();
  if (shapeOf(getDown()).front() != experts)
    return emitOpError("has ")
           << experts << " gates and " << shapeOf(getDown()).front()
           << " downs (moe_c2)";
  if (failed(verifyNames(*this, *getNames(), experts, "moe_c5")) ||
      failed(verifyDistinctNames(*this)))
    return failure();
  int64_t rows = getRouter() ? rowsOf(getRouter()) : 0;
  if (getRouter() && failed(expectShape(*this, "router", getRouter(),
                                        {rows, columns}, "moe_c1")))
    return failure();
  return verifyRouting([&] { return emitOpError("(moe_c5) "); }, *getRouting(),
                       experts, rows);
}
