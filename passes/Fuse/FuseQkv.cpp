//===- FuseQkv.cpp - norm, projections and rotary embedding ---------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finds, from the attention backwards, the norm, the three projections and the
// rotary embeddings, and makes a qkv of them.
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
/// What comes before an attention.
struct Match {
  RopeOp queryRope, keyRope;
  LinearOp query, key, value;
  RmsNormOp norm;
};

/// The op of that kind that makes `value` for a single user, or null.
template <typename OpT> OpT producer(Value value) {
  return value.hasOneUse() ? value.getDefiningOp<OpT>() : OpT();
}

std::optional<Match> match(AttentionOp attention, const SymbolTable &symbols) {
  Match m;
  m.queryRope = producer<RopeOp>(attention.getQuery());
  m.keyRope = producer<RopeOp>(attention.getKey());
  m.value = producer<LinearOp>(attention.getValue());
  if (!m.queryRope || !m.keyRope || !m.value ||
      m.queryRope.getTable() != m.keyRope.getTable() ||
      m.queryRope.getPositions() != m.keyRope.getPositions())
    return std::nullopt;
  m.query = producer<LinearOp>(m.queryRope.getInput());
  m.key = producer<LinearOp>(m.keyRope.getInput());
  if (!m.query || !m.key)
    return std::nullopt;
  m.norm = m.query.getInput().getDefiningOp<RmsNormOp>();
  if (!m.norm || !m.norm.getResult().hasNUses(3))
    return std::nullopt;
  SmallVector<Value> biases;
  for (LinearOp linear : {m.query, m.key, m.value}) {
    if (linear.getInput() != m.norm.getResult() || linear.getNorm() ||
        linear.getResidual())
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

void fuse(StringRef body, AttentionOp attention, Match m,
          SymbolTable &symbols) {
  OpBuilder builder(attention);
  Value table = m.queryRope.getTable();
  int64_t headDim = cast<RankedTensorType>(table.getType()).getDimSize(1);
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
      builder, m.norm.getLoc(), m.queryRope.getType(), m.keyRope.getType(),
      m.value.getType(), m.norm.getInput(), m.queryRope.getPositions(),
      m.norm.getWeight(), m.norm.getEpsAttr(), weight, bias, table);
  m.queryRope.replaceAllUsesWith(qkv.getQuery());
  m.keyRope.replaceAllUsesWith(qkv.getKey());
  m.value.replaceAllUsesWith(qkv.getValue());
  for (Operation *op : std::initializer_list<Operation *>{
           m.queryRope, m.keyRope, m.query, m.key, m.value, m.norm})
    op->erase();
}

struct FuseQkvPass : impl::FuseQkvBase<FuseQkvPass> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    bool changed = false;
    for (auto function : getOperation().getOps<func::FuncOp>())
      function.walk([&](AttentionOp attention) {
        if (std::optional<Match> m = match(attention, symbols)) {
          fuse(function.getSymName(), attention, *m, symbols);
          changed = true;
        }
      });
    if (changed)
      eraseUnusedWeights(getOperation());
  }
};
} // namespace

} // namespace fpmoe
