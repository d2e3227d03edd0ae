//===- FuseHeads.cpp - what heads go through before attention -------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finds, from the attention backwards, rotary embedding, clipping and norms of
// the projected heads, and makes a heads of them.
//
//===----------------------------------------------------------------------===//

#include "passes/Fuse/Passes.h"

#include "dialects/FPMoE/FPMoE.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace fpmoe {

#define GEN_PASS_DEF_FUSEHEADS
#include "passes/Fuse/Passes.h.inc"

namespace {
/// The op of that kind that makes `value` for a single user, or null.
template <typename OpT> OpT producer(Value value) {
  return value.hasOneUse() ? value.getDefiningOp<OpT>() : OpT();
}

/// The steps behind a projection, last one first; absent ones are null.
struct Steps {
  RopeOp rope;
  ClampOp clamp;
  RmsNormOp norm;
  Value input;
};

Steps stepsBefore(Value value) {
  Steps steps;
  if ((steps.rope = producer<RopeOp>(value)))
    value = steps.rope.getInput();
  if ((steps.clamp = producer<ClampOp>(value)))
    value = steps.clamp.getInput();
  if ((steps.norm = producer<RmsNormOp>(value)))
    value = steps.norm.getInput();
  steps.input = value;
  return steps;
}

struct Match {
  Steps query, key, value;
  ExtendHeadsOp extend;
  RopeOp tail;
};

int64_t columns(Value rows) {
  return cast<RankedTensorType>(rows.getType()).getDimSize(1);
}

/// Whether norms of q and k are there together, and both of rows or of heads.
bool areNormsAlike(Match &m, int64_t headDim) {
  RmsNormOp q = m.query.norm, k = m.key.norm;
  if (!q || !k)
    return !q && !k;
  auto width = [](RmsNormOp norm) {
    return cast<RankedTensorType>(norm.getWeight().getType()).getDimSize(0);
  };
  bool ofHeads = width(q) == headDim && width(k) == headDim;
  bool ofRows =
      width(q) == columns(m.query.input) && width(k) == columns(m.key.input);
  return q.getEpsAttr() == k.getEpsAttr() && !m.extend && (ofHeads || ofRows);
}

/// Whether all of q, k and v are clipped at one limit, or none is.
bool areClampsAlike(Match &m) {
  auto limit = [](ClampOp clamp) {
    return clamp ? clamp.getLimitAttr() : FloatAttr();
  };
  return limit(m.query.clamp) == limit(m.value.clamp) &&
         limit(m.key.clamp) == limit(m.value.clamp);
}

std::optional<Match> match(AttentionOp attention) {
  Match m;
  int64_t headDim = attention.getHeadDim();
  m.query = stepsBefore(attention.getQuery());
  m.value = stepsBefore(attention.getValue());
  Value key = attention.getKey();
  RopeOp keyRope;
  if ((m.extend = producer<ExtendHeadsOp>(key))) {
    if (m.extend.getHeads() != attention.getKvHeads())
      return std::nullopt;
    m.key = stepsBefore(m.extend.getInput());
    keyRope = m.tail = producer<RopeOp>(m.extend.getTail());
    if (m.key.rope || !m.tail)
      return std::nullopt;
  } else {
    m.key = stepsBefore(key);
    keyRope = m.key.rope;
    if (!keyRope || keyRope.getHeadWidth() != headDim)
      return std::nullopt;
  }
  RopeOp queryRope = m.query.rope;
  if (!queryRope || queryRope.getHeadWidth() != headDim || m.value.rope ||
      m.value.norm || queryRope.getTable() != keyRope.getTable() ||
      queryRope.getPositions() != attention.getPositions() ||
      keyRope.getPositions() != attention.getPositions() ||
      !areNormsAlike(m, headDim) || !areClampsAlike(m))
    return std::nullopt;
  int64_t turned =
      cast<RankedTensorType>(queryRope.getTable().getType()).getDimSize(1);
  if (m.tail && columns(m.tail.getInput()) != turned)
    return std::nullopt;
  return m;
}

void fuse(AttentionOp attention, Match m) {
  OpBuilder builder(attention);
  RmsNormOp norm = m.query.norm;
  auto heads = HeadsOp::create(
      builder, m.query.rope.getLoc(), attention.getQuery().getType(),
      attention.getKey().getType(), attention.getValue().getType(),
      m.query.input, m.key.input, m.value.input, attention.getPositions(),
      m.tail ? m.tail.getInput() : Value(), norm ? norm.getWeight() : Value(),
      norm ? m.key.norm.getWeight() : Value(),
      norm ? norm.getEpsAttr() : FloatAttr(),
      m.value.clamp ? m.value.clamp.getLimitAttr() : FloatAttr(),
      m.query.rope.getTable(), attention.getHeadsAttr(),
      attention.getKvHeadsAttr(), /*shards=*/IntegerAttr());
  attention.getQueryMutable().assign(heads.getQuery());
  attention.getKeyMutable().assign(heads.getKey());
  attention.getValueMutable().assign(heads.getValue());
  if (m.extend)
    m.extend.erase();
  if (m.tail)
    m.tail.erase();
  for (Steps steps : {m.query, m.key, m.value})
    for (Operation *op : std::initializer_list<Operation *>{
             steps.rope, steps.clamp, steps.norm})
      if (op)
        op->erase();
}

struct FuseHeadsPass : impl::FuseHeadsBase<FuseHeadsPass> {
  void runOnOperation() override {
    getOperation().walk([](AttentionOp attention) {
      if (std::optional<Match> m = match(attention))
        fuse(attention, *m);
    });
  }
};
} // namespace

} // namespace fpmoe
