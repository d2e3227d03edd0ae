//===- Route.cpp - Norm, router and shared gate of tokens -----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Everything is f32 until the normalised row is stored as an operand.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Norm.h"
#include "lib/Codegen/CPU/Phase.h"
#include "lib/Codegen/CPU/Scores.h"

using namespace mlir;
using namespace fpmoe;

namespace {

class RouteToken {
public:
  RouteToken(PhaseContext &phase, mega::RouteOp op, Value token)
      : phase(phase), op(op), b(phase.b), token(token),
        padded(dim(op.getX(), 1)), topK(dim(op.getWeights(), 1) - 1),
        x(b.at(phase.base(op.getX()), b.mul(token, padded * 4))),
        norm(phase.weight(op.getNorm())),
        experts(b.at(phase.base(op.getExperts()),
                     b.mul(token, dim(op.getExperts(), 1) * 4))),
        weights(b.at(phase.base(op.getWeights()),
                     b.mul(token, dim(op.getWeights(), 1) * 4))),
        inverse(b.splat(emitInverseRms(b, x, padded, dim(op.getNorm(), 0),
                                       op.getEps().convertToDouble()))) {}

  void emit() {
    storeRow();
    if (auto fixed = dyn_cast_or_null<FixedChoiceAttr>(
            op.getRouting().value_or(Attribute()))) {
      b.store(b.i32(fixed.getExpert()), experts);
      b.store(b.f32(1.0f), weights);
    } else if (auto levels = dyn_cast_or_null<TwoLevelAttr>(
                   op.getRouting().value_or(Attribute()))) {
      chooseOfTokenLevel(levels);
    } else if (topK) {
      chooseExperts(cast<TokenChoiceAttr>(*op.getRouting()));
    }
    Value shared = b.f32(1.0f);
    if (op.getScale())
      shared = vector::ExtractOp::create(
          b, b.sigmoid(b.splat(dot(phase.weight(op.getScale())))), 0);
    b.store(shared, b.at(weights, topK * 4));
    scaleWeights();
  }

private:
  Value normed(Value offset) {
    return b.fmul(b.fmul(b.loadLanes(b.at(x, offset)), inverse),
                  b.loadLanes(b.at(norm, offset)));
  }

  void storeRow() {
    OperandBlock row = phase.block(op.getRows(), token);
    b.loop(0, padded, kLanes, [&](Value column) {
      row.store(normed(b.mul(column, 4)), b.i64(0), column);
    });
  }

  /// The normalised row times a row of weights.
  Value dot(Value row) {
    return emitRowDot(b, padded, row,
                      [&](Value offset) { return normed(offset); });
  }

  Value logit(Value router, Value row) {
    return dot(b.at(router, b.mul(row, dim(op.getRouter(), 1) * 4)));
  }

  /// By the rule's factor and the block's multiplier.
  void scaleWeights() {
    double multiplier =
        op.getMultiplier() ? op.getMultiplier()->convertToDouble() : 1;
    auto choice = dyn_cast_or_null<TokenChoiceAttr>(
        op.getRouting().value_or(Attribute()));
    double factor = choice ? choice.getFactor() : 1;
    for (int64_t j = 0; j <= topK; ++j) {
      double by = j < topK ? multiplier * factor : multiplier;
      if (by == 1)
        continue;
      Value place = b.at(weights, j * 4);
      b.store(b.fmul(b.load(b.getF32Type(), place), b.f32(by)), place);
    }
  }

  /// Rows outside the groups with the highest best scores count as 0.
  void maskGroups(Value scores, TokenChoiceAttr choice, int64_t rows) {
    int64_t groups = choice.getGroups(), size = rows / groups;
    Value best = b.at(scores, (rows + int64_t(op.getNumExperts())) * 4);
    b.loop(b.i64(0), b.i64(groups), 1, [&](Value group) {
      Value first = b.mul(group, size);
      Value most = b.loop(first, b.add(first, size), 1, {b.f32(0.0f)},
                          [&](Value e, ValueRange m) -> SmallVector<Value> {
                            return {b.fmax(m[0], b.loadF32(scores, e))};
                          })[0];
      b.storeF32(most, best, group);
    });
    // A taken group is marked by a negative score.
    b.loop(b.i64(0), b.i64(choice.getTopGroups()), 1, [&](Value) {
      Value taken = findBest(best, groups)[0];
      b.storeF32(b.f32(-1.0f), best, taken);
    });
    b.loop(b.i64(0), b.i64(rows), 1, [&](Value e) {
      Value mark = b.loadF32(best, b.div(e, size));
      Value isTaken = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, mark,
                                            b.f32(0.0f));
      b.storeF32(b.select(isTaken, b.loadF32(scores, e), b.f32(0.0f)), scores,
                 e);
    });
  }

  /// The first of the highest of `count` scores, and that score.
  SmallVector<Value> findBest(Value scores, int64_t count) {
    return b.loop(b.i64(0), b.i64(count), 1, {b.i64(0), b.f32(-1.0f)},
                  [&](Value e, ValueRange carried) -> SmallVector<Value> {
                    Value score = b.loadF32(scores, e);
                    Value better = arith::CmpFOp::create(
                        b, arith::CmpFPredicate::OGT, score, carried[1]);
                    return {b.select(better, e, carried[0]),
                            b.select(better, score, carried[1])};
                  });
  }

  void chooseExperts(TokenChoiceAttr choice) {
    int64_t routerRows = dim(op.getRouter(), 0);
    Value scores = phase.base(op.getScores());
    Value router = phase.weight(op.getRouter());
    emitSoftmax(b, scores, routerRows,
                [&](Value row) { return logit(router, row); });
    if (choice.getGroups())
      maskGroups(scores, choice, routerRows);
    // Experts in the program, in their order.
    for (auto [i, row] : llvm::enumerate(choice.getCandidates()))
      b.storeF32(b.loadF32(scores, b.i64(row)), scores, b.i64(routerRows + i));
    if (!choice.getCandidates().empty())
      scores = b.at(scores, routerRows * 4);

    Value forced = phase.elementOrNone(op.getForced(), token);
    b.ifThen(
        b.less(forced, b.i64(0)), [&] { takeBest(scores, choice); },
        [&] { takeForced(scores, forced, choice); });
  }

  void takeBest(Value scores, TokenChoiceAttr choice) {
    Value sum = b.f32(0.0f);
    for (int64_t j = 0; j < topK; ++j) {
      SmallVector<Value> best = findBest(scores, op.getNumExperts());
      b.storeIndex(best[0], experts, b.i64(j));
      b.storeF32(best[1], weights, b.i64(j));
      b.storeF32(b.f32(-1.0f), scores, best[0]);
      sum = b.fadd(sum, best[1]);
    }
    if (choice.getRenormalize())
      for (int64_t j = 0; j < topK; ++j)
        b.storeF32(b.fdiv(b.loadF32(weights, b.i64(j)), sum), weights,
                   b.i64(j));
  }

  void takeForced(Value scores, Value expert, TokenChoiceAttr choice) {
    b.storeIndex(expert, experts, b.i64(0));
    b.storeF32(choice.getRenormalize() ? b.f32(1.0f)
                                       : b.loadF32(scores, expert),
               weights, b.i64(0));
    for (int64_t j = 1; j < topK; ++j) {
      b.storeIndex(b.i64(-1), experts, b.i64(j));
      b.storeF32(b.f32(0.0f), weights, b.i64(j));
    }
  }

  /// The token level of two: the best of its experts, then those that all
  /// tokens take. What is left of the list is for the segment.
  void chooseOfTokenLevel(TwoLevelAttr levels) {
    SmallVector<int64_t> rows = levels.getTokenRows();
    int64_t numExperts = rows.size(), chosen = levels.getNumChosen();
    int64_t free = numExperts - levels.getShared();
    Value scores = phase.base(op.getScores());
    Value router = phase.weight(op.getRouter());
    // Scores are divided by those that are taken, so that others do not count.
    Value largest = emitLogits(b, scores, numExperts, [&](Value expert) {
      Value row = expert;
      for (auto [number, candidate] : llvm::enumerate(rows))
        if (static_cast<int64_t>(number) != candidate)
          row = b.select(b.equal(expert, b.i64(number)), b.i64(candidate), row);
      return logit(router, row);
    });
    emitPowers(b, scores, numExperts, largest);
    Value sum = b.f32(0.0f);
    auto take = [&](Value expert, Value score, int64_t j) {
      b.storeIndex(expert, experts, b.i64(j));
      b.storeF32(score, weights, b.i64(j));
      sum = b.fadd(sum, score);
    };
    for (int64_t j = 0; j < chosen; ++j) {
      SmallVector<Value> best = findBest(scores, free);
      take(best[0], best[1], j);
      b.storeF32(b.f32(-1.0f), scores, best[0]);
    }
    for (int64_t e = free; e < numExperts; ++e)
      take(b.i64(e), b.loadF32(scores, b.i64(e)), chosen + e - free);
    Value share = b.fdiv(b.f32(levels.getTokenShare().getValueAsDouble()), sum);
    for (int64_t j = 0; j < topK; ++j) {
      if (j < levels.getNumTaken()) {
        b.storeF32(b.fmul(b.loadF32(weights, b.i64(j)), share), weights,
                   b.i64(j));
        continue;
      }
      b.storeIndex(b.i64(-1), experts, b.i64(j));
      b.storeF32(b.f32(0.0f), weights, b.i64(j));
    }
  }

  PhaseContext &phase;
  mega::RouteOp op;
  KernelBuilder &b;
  Value token;
  int64_t padded, topK;
  Value x, norm, experts, weights, inverse;
};

} // namespace

void fpmoe::emit(PhaseContext &phase, mega::RouteOp op, Tile tile) {
  KernelBuilder &b = phase.b;
  Value first = tile.empty() ? b.i64(0) : b.mul(tile[0], phase.blockRows);
  Value last = b.min(b.add(first, phase.blockRows), phase.count);
  b.loop(first, last, 1,
         [&](Value token) { RouteToken(phase, op, token).emit(); });
}
