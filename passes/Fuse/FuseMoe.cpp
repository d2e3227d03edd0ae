//===- FuseMoe.cpp - feed-forward blocks ----------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finds, from the residual backwards, the norm, the router, the experts and the
// shared expert of a block, and makes a moe of them.
//
//===----------------------------------------------------------------------===//

#include "passes/Assemble/Recipes.h"
#include "passes/Fuse/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace fpmoe {

#define GEN_PASS_DEF_FUSEMOE
#include "passes/Fuse/Passes.h.inc"

namespace {
/// A feed-forward block: x + m (routed + shared), either of them alone and
/// without a multiplier, too.
struct Match {
  AddOp residual, sum;
  ScaleOp scale;
  ExpertsOp experts;
  RouteOp route;
  MlpOp shared;
  RmsNormOp norm;
};

/// Takes a summand of the block, which nothing else may use.
bool takeExpert(Match &m, Value summand) {
  if (!summand.hasOneUse())
    return false;
  if (auto mlp = summand.getDefiningOp<MlpOp>(); mlp && !m.shared) {
    m.shared = mlp;
    return true;
  }
  auto experts = summand.getDefiningOp<ExpertsOp>();
  if (!experts || m.experts)
    return false;
  m.experts = experts;
  m.route = experts.getWeights().getDefiningOp<RouteOp>();
  return m.route && experts.getExperts() == m.route.getExperts() &&
         experts.getWeights() == m.route.getWeights() &&
         m.route.getWeights().hasOneUse() && m.route.getExperts().hasOneUse();
}

/// Whether the ops of the block, and they alone, use its norm.
bool takeNorm(Match &m, Value input) {
  SmallVector<Value> inputs;
  if (m.experts)
    inputs.append({m.experts.getInput(), m.route.getInput()});
  if (m.shared)
    inputs.push_back(m.shared.getInput());
  m.norm = inputs.front().getDefiningOp<RmsNormOp>();
  return m.norm && llvm::all_equal(inputs) && m.norm.getInput() == input &&
         m.norm.getResult().hasNUses(inputs.size());
}

std::optional<Match> match(AddOp add, Value input, Value output,
                           const SymbolTable &symbols) {
  Match m;
  m.residual = add;
  if (!output.hasOneUse())
    return std::nullopt;
  if ((m.scale = output.getDefiningOp<ScaleOp>())) {
    output = m.scale.getInput();
    if (!output.hasOneUse())
      return std::nullopt;
  }
  m.sum = output.getDefiningOp<AddOp>();
  if (m.sum ? !takeExpert(m, m.sum.getLhs()) || !takeExpert(m, m.sum.getRhs())
            : !takeExpert(m, output))
    return std::nullopt;
  if (!takeNorm(m, input))
    return std::nullopt;
  // Beside routed experts, tokens are not where their languages are.
  if (m.experts && m.shared &&
      (m.shared.getUpLowRank() || m.shared.getDownLowRank()))
    return std::nullopt;
  if (m.experts &&
      !haveSameLayers(symbols, {m.experts.getGate(), m.experts.getUp()}))
    return std::nullopt;
  if (m.shared &&
      !haveSameLayers(symbols, {m.shared.getGate(), m.shared.getUp()}))
    return std::nullopt;
  return m;
}

/// The new weight that holds gate, and up behind it.
Value joinGateUp(OpBuilder &builder, SymbolTable &symbols, StringRef name,
                 Value gate, Value up) {
  return joinWeights(
      builder, symbols, name, {gate, up},
      [&](OpBuilder &recipe, ValueRange parts) -> Value {
        auto type = cast<RankedTensorType>(parts.front().getType());
        SmallVector<int64_t> shape(type.getShape());
        shape[shape.size() - 2] *= 2;
        return AppendRowsOp::create(recipe, gate.getLoc(), type.clone(shape),
                                    parts[0], parts[1]);
      });
}

void fuse(StringRef body, Match m, SymbolTable &symbols) {
  OpBuilder builder(m.residual);
  Value router, gateUp, down, sharedGateUp, sharedDown, scale;
  Value upLowRank, downLowRank;
  DenseI64ArrayAttr upRanks, downRanks;
  Attribute routing;
  ArrayAttr names;
  if (m.experts) {
    router = m.route.getRouter();
    routing = m.route.getRouting();
    names = m.experts.getNames();
    gateUp = joinGateUp(builder, symbols, (body + ".gate_up").str(),
                        m.experts.getGate(), m.experts.getUp());
    down = m.experts.getDown();
  }
  if (m.shared) {
    sharedGateUp =
        joinGateUp(builder, symbols, (body + ".shared_gate_up").str(),
                   m.shared.getGate(), m.shared.getUp());
    sharedDown = m.shared.getDown();
    scale = m.shared.getScale();
    upLowRank = m.shared.getUpLowRank();
    upRanks = m.shared.getUpRanksAttr();
    downLowRank = m.shared.getDownLowRank();
    downRanks = m.shared.getDownRanksAttr();
  }
  Value moe = MoeOp::create(builder, m.residual.getLoc(), m.residual.getType(),
                            m.norm.getInput(), m.norm.getWeight(),
                            m.norm.getEpsAttr(), router, routing, gateUp, down,
                            names, sharedGateUp, sharedDown, scale,
                            m.scale ? m.scale.getMultiplierAttr()
                                    : FloatAttr(),
                            upLowRank, upRanks, downLowRank, downRanks);
  m.residual.replaceAllUsesWith(moe);
  for (Operation *op : std::initializer_list<Operation *>{
           m.residual, m.scale, m.sum, m.experts, m.route, m.shared, m.norm})
    if (op)
      op->erase();
}

struct FuseMoePass : impl::FuseMoeBase<FuseMoePass> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    bool changed = false;
    for (auto function : getOperation().getOps<func::FuncOp>())
      function.walk([&](AddOp add) {
        std::optional<Match> m =
            match(add, add.getLhs(), add.getRhs(), symbols);
        if (!m)
          m = match(add, add.getRhs(), add.getLhs(), symbols);
        if (!m)
          return;
        fuse(function.getSymName(), *m, symbols);
        changed = true;
      });
    if (changed)
      eraseUnusedWeights(getOperation());
  }
};
} // namespace

} // namespace fpmoe
