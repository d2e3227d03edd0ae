//===- FusedOps.cpp - Verifiers of what the fuse phase makes --------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// The numbered constraints of the ops of FusedOps.td.
//===----------------------------------------------------------------------===//

#include "dialects/FPMoE/OpChecks.h"
#include "llvm/ADT/SmallSet.h"

using namespace mlir;
using namespace fpmoe;

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
