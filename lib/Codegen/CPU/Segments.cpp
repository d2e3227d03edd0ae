//===- Segments.cpp - The segment level of two-level routing --------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Scores of complete segments, in f32, and the experts that they lead to. Both
// do nothing in a step that completes none.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Norm.h"
#include "lib/Codegen/CPU/Phase.h"
#include "lib/Codegen/CPU/Scores.h"

using namespace mlir;
using namespace fpmoe;

/// Segments that the step completes.
static Value countSegments(PhaseContext &phase) {
  return phase.i64Field(offsetof(FpmoeStep, segment_count));
}

void fpmoe::emit(PhaseContext &phase, mega::SegmentScoresOp op, Tile tile) {
  KernelBuilder &b = phase.b;
  TwoLevelAttr levels = op.getRouting();
  int64_t length = levels.getWhole().getSegment();
  int64_t padded = dim(op.getX(), 1), columns = dim(op.getNorm(), 0);
  int64_t experts = dim(op.getScores(), 1);
  Value norm = phase.weight(op.getNorm()), pooled = phase.base(op.getPooled());
  Value router = b.at(phase.weight(op.getRouter()),
                      levels.getTokenExperts() * columns * 4);
  auto pool = [&](Value token, bool isFirst) {
    Value x = b.at(phase.base(op.getX()), b.mul(token, padded * 4));
    Value inverse = b.splat(
        emitInverseRms(b, x, padded, columns, op.getEps().convertToDouble()));
    b.loop(b.i64(0), b.i64(padded * 4), kLanes * 4, [&](Value offset) {
      Value y = b.fmul(b.fmul(b.loadLanes(b.at(x, offset)), inverse),
                       b.loadLanes(b.at(norm, offset)));
      Value to = b.at(pooled, offset);
      b.store(isFirst ? y : b.fmax(b.loadLanes(to), y), to);
    });
  };
  b.ifThen(b.less(tile[0], countSegments(phase)), [&] {
    Value first = phase.element(op.getSegments(), tile[0]);
    pool(first, true);
    b.loop(b.add(first, 1), b.add(first, length), 1,
           [&](Value token) { pool(token, false); });
    // The softmax over all rows; those of experts in the program move to
    // the front.
    Value scores =
        b.at(phase.base(op.getScores()), b.mul(tile[0], experts * 4));
    emitSoftmax(b, scores, experts, [&](Value e) {
      return emitRowDot(
          b, padded, b.at(router, b.mul(e, columns * 4)),
          [&](Value offset) { return b.loadLanes(b.at(pooled, offset)); });
    });
    int64_t ofTokens = levels.getTokenExperts();
    for (auto [e, row] :
         llvm::enumerate(levels.getSegmentRows(ofTokens + experts)))
      if (int64_t from = row - ofTokens; from != static_cast<int64_t>(e))
        b.storeF32(b.loadF32(scores, b.i64(from)), scores, b.i64(e));
  });
}

namespace {

class SegmentChoose {
public:
  SegmentChoose(PhaseContext &phase, mega::SegmentChooseOp op)
      : phase(phase), op(op), b(phase.b), levels(op.getRouting()),
        length(levels.getWhole().getSegment()), columns(dim(op.getScores(), 1)),
        experts(
            levels.getSegmentRows(levels.getTokenExperts() + columns).size()),
        scores(phase.base(op.getScores())), taken(phase.base(op.getTaken())),
        numTaken(b.at(taken, dim(op.getScores(), 0) * columns * 4)),
        segments(countSegments(phase)) {}

  void emit() {
    b.ifThen(b.less(b.i64(0), segments), [&] {
      b.loop(b.i64(0), b.mul(segments, columns), 1,
             [&](Value i) { b.storeIndex(b.i64(0), taken, i); });
      b.loop(b.i64(0), segments, 1,
             [&](Value s) { b.storeIndex(b.i64(0), numTaken, s); });
      Value whole =
          phase.field(offsetof(FpmoeStep, whole_text), b.getI32Type());
      b.ifThen(
          b.equal(b.toI64(whole), b.i64(1)), [&] { emitPublished(); },
          [&] { emitCausal(); });
      b.loop(b.i64(0), segments, 1, [&](Value s) { emitLists(s); });
    });
  }

private:
  Value place(Value segment, Value expert) {
    return b.add(b.mul(segment, columns), expert);
  }

  /// The number up to `end` with the best score that is `open`, or -1.
  Value findBest(Value end, function_ref<Value(Value)> placeOf,
                 function_ref<Value(Value)> open) {
    return b.loop(b.i64(0), end, 1, {b.i64(-1), b.f32(-1.0f)},
                  [&](Value i, ValueRange best) -> SmallVector<Value> {
                    Value score = b.loadF32(scores, placeOf(i));
                    score = b.select(open(i), score, b.f32(-1.0f));
                    Value better = arith::CmpFOp::create(
                        b, arith::CmpFPredicate::OGT, score, best[1]);
                    return {b.select(better, i, best[0]),
                            b.select(better, score, best[1])};
                  })[0];
  }

  Value isFree(Value place) {
    return b.equal(b.loadIndex(taken, place), b.i64(0));
  }

  /// Each expert takes its best segments among those with room.
  void emitPublished() {
    Type f64 = b.getF64Type();
    auto number = [&](double value) -> Value {
      return arith::ConstantOp::create(b, b.getF64FloatAttr(value));
    };
    Value all = arith::SIToFPOp::create(b, f64, segments);
    double capacity = levels.getWhole().getCapacity().getValueAsDouble();
    Value share = arith::DivFOp::create(
        b, arith::MulFOp::create(b, all, number(capacity)), number(columns));
    Value quota = arith::FPToSIOp::create(
        b, b.getI64Type(), arith::MinNumFOp::create(b, share, all));
    Value most = b.i64(levels.getWhole().getMaxExperts());
    b.loop(b.i64(0), b.i64(experts), 1, [&](Value e) {
      b.loop(b.i64(0), quota, 1, [&](Value) {
        auto placeOf = [&](Value s) { return place(s, e); };
        Value best = findBest(segments, placeOf, [&](Value s) -> Value {
          return arith::AndIOp::create(b, isFree(place(s, e)),
                                       b.less(b.loadIndex(numTaken, s), most));
        });
        b.ifThen(b.less(b.i64(-1), best), [&] {
          b.storeIndex(b.i64(1), taken, place(best, e));
          b.storeIndex(b.add(b.loadIndex(numTaken, best), 1), numTaken, best);
        });
      });
    });
  }

  /// Each segment takes its best experts.
  void emitCausal() {
    int64_t topK = std::min(levels.getCausal().getTopK(), experts);
    b.loop(b.i64(0), segments, 1, [&](Value s) {
      b.loop(b.i64(0), b.i64(topK), 1, [&](Value) {
        auto placeOf = [&](Value e) { return place(s, e); };
        Value best = findBest(b.i64(experts), placeOf,
                              [&](Value e) { return isFree(place(s, e)); });
        b.ifThen(b.less(b.i64(-1), best),
                 [&] { b.storeIndex(b.i64(1), taken, place(s, best)); });
      });
    });
  }

  /// Appends a segment's experts, in their order, to the lists of its tokens.
  void emitLists(Value segment) {
    double share = levels.getSegmentShare().getValueAsDouble() / length;
    int64_t slots = dim(op.getExperts(), 1);
    int64_t weightColumns = dim(op.getWeights(), 1);
    Value chosen = phase.base(op.getExperts());
    Value weights = phase.base(op.getWeights());
    Value first = phase.element(op.getSegments(), segment);
    b.loop(
        b.i64(0), b.i64(experts), 1, {b.i64(levels.getNumTaken())},
        [&](Value e, ValueRange slot) -> SmallVector<Value> {
          Value mine = b.less(b.i64(0), b.loadIndex(taken, place(segment, e)));
          b.ifThen(mine, [&] {
            Value weight =
                b.fmul(b.loadF32(scores, place(segment, e)), b.f32(share));
            Value expert = b.add(e, levels.getTokenRows().size());
            b.loop(first, b.add(first, length), 1, [&](Value token) {
              b.storeIndex(expert, chosen, b.add(b.mul(token, slots), slot[0]));
              b.storeF32(weight, weights,
                         b.add(b.mul(token, weightColumns), slot[0]));
            });
          });
          return {b.add(slot[0], b.select(mine, b.i64(1), b.i64(0)))};
        });
  }

  PhaseContext &phase;
  mega::SegmentChooseOp op;
  KernelBuilder &b;
  TwoLevelAttr levels;
  /// Rows of the router for segments, and how many of their experts are in the
  /// program.
  int64_t length, columns, experts;
  Value scores, taken, numTaken, segments;
};

} // namespace

void fpmoe::emit(PhaseContext &phase, mega::SegmentChooseOp op, Tile) {
  SegmentChoose(phase, op).emit();
}
