//===- FuseQkv.cpp - norm, projections and rotary embedding ---------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finds, from the heads backwards, the three projections and their norm, and
// makes a qkv of them.
//
//===----------------------------------------------------------------------===//

#include "passes/Assemble/Recipes.h"
#include "passes/Fuse/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace fpmoe {

#define GEN_PASS_DEF_FUSEQKV
#include "passes/Fuse/Passes.h.inc"

namespace {
/// What comes before the heads.
struct Match {
  LinearOp query, key, value;
  RmsNormOp norm;
};

/// The op of that kind that makes `value` for a single user, or null.
template <typename OpT> OpT producer(Value value) {
  return value.hasOneUse() ? value.getDefiningOp<OpT>() : OpT();
}

int64_t width(Value weight) {
  return cast<RankedTensorType>(weight.getType()).getShape().back();
}

/// Whether both are absent, or got from one weight for one layer.
bool getsTheSame(Value a, Value b) {
  if (!a || !b)
    return !a && !b;
  auto left = a.getDefiningOp<GetOp>(), right = b.getDefiningOp<GetOp>();
  return a == b || (left && right && left.getWeight() == right.getWeight() &&
                    left.getLayer() == right.getLayer());
}

std::optional<Match> match(HeadsOp heads, const SymbolTable &symbols) {
  int64_t headDim = width(heads.getQuery()) / heads.getHeads();
  if (heads.getTail() || width(heads.getTable()) != headDim ||
      width(heads.getValue()) != width(heads.getKey()) ||
      (heads.getQNorm() && (width(heads.getQNorm()) != headDim ||
                            width(heads.getKNorm()) != headDim)))
    return std::nullopt;
  Match m;
  m.query = producer<LinearOp>(heads.getQ());
  m.key = producer<LinearOp>(heads.getK());
  m.value = producer<LinearOp>(heads.getV());
  if (!m.query || !m.key || !m.value)
    return std::nullopt;
  m.norm = m.query.getInput().getDefiningOp<RmsNormOp>();
  if (!m.norm || !m.norm.getResult().hasNUses(3) ||
      width(m.norm.getWeight()) != width(m.norm.getInput()))
    return std::nullopt;
  SmallVector<Value> biases;
  for (LinearOp linear : {m.query, m.key, m.value}) {
    if (linear.getInput() != m.norm.getResult() || linear.getNorm() ||
        linear.getResidual() || linear.getMultiplier() ||
        !getsTheSame(linear.getLowRank(), m.query.getLowRank()) ||
        linear.getRanksAttr() != m.query.getRanksAttr())
      return std::nullopt;
    if (linear.getBias())
      biases.push_back(linear.getBias());
  }
  bool hasJointBias =
      biases.empty() || (biases.size() == 3 && haveSameLayers(symbols, biases));
  if (!hasJointBias ||
      !haveSameLayers(symbols, {m.query.getWeight(), m.key.getWeight(),
                                m.value.getWeight()}))
    return std::nullopt;
  return m;
}

/// Joins `[n D, ..]` of q, k and v to `[heads + 2 kv_heads, D, ..]`.
Value joinHeads(OpBuilder &builder, ValueRange parts, int64_t headDim) {
  auto type = cast<RankedTensorType>(parts.front().getType());
  SmallVector<int64_t> joined(type.getShape());
  joined[0] = 0;
  for (Value part : parts)
    joined[0] += cast<RankedTensorType>(part.getType()).getDimSize(0);
  Location loc = parts.front().getLoc();
  Value rows = ConcatOp::create(builder, loc, type.clone(joined), parts);
  joined[0] /= headDim;
  joined.insert(joined.begin() + 1, headDim);
  return ReshapeOp::create(builder, loc, type.clone(joined), rows);
}

void fuse(StringRef body, HeadsOp heads, Match m, SymbolTable &symbols) {
  OpBuilder builder(heads);
  int64_t headDim = width(heads.getTable());
  auto join = [&](OpBuilder &recipe, ValueRange parts) {
    return joinHeads(recipe, parts, headDim);
  };
  Value weight = joinWeights(
      builder, symbols, (body + ".qkv").str(),
      {m.query.getWeight(), m.key.getWeight(), m.value.getWeight()}, join);
  Value bias;
  if (m.query.getBias())
    bias = joinWeights(builder, symbols, (body + ".qkv_bias").str(),
                       {m.query.getBias(), m.key.getBias(), m.value.getBias()},
                       join);
  auto qkv = QkvOp::create(
      builder, m.norm.getLoc(), heads.getQuery().getType(),
      heads.getKey().getType(), heads.getValue().getType(), m.norm.getInput(),
      heads.getPositions(), m.norm.getWeight(), m.norm.getEpsAttr(), weight,
      bias, heads.getQNorm(), heads.getKNorm(), heads.getEpsAttr(),
      heads.getClipAttr(), heads.getTable(), m.query.getLowRank(),
      m.query.getRanksAttr());
  heads.replaceAllUsesWith(qkv.getResults());
  for (Operation *op : std::initializer_list<Operation *>{
           heads, m.query, m.key, m.value, m.norm})
    op->erase();
}

struct FuseQkvPass : impl::FuseQkvBase<FuseQkvPass> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    bool changed = false;
    for (auto function : getOperation().getOps<func::FuncOp>())
      function.walk([&](HeadsOp heads) {
        if (std::optional<Match> m = match(heads, symbols)) {
          fuse(function.getSymName(), heads, *m, symbols);
          changed = true;
        }
      });
    if (changed)
      eraseUnusedWeights(getOperation());
  }
};
} // namespace

} // namespace fpmoe
