//===- Segments.cpp - the segment level of two-level routing ----*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The published rule, in which experts choose among all segments of a text, and
// the causal one, in which a complete segment chooses its experts.
//
//===----------------------------------------------------------------------===//

#include "lib/Reference/Ops.h"

#include <cmath>

using namespace llvm;

namespace fpmoe {

/// Experts of each segment, in the order of the experts, as columns of the
/// scores.
using Takers = std::vector<std::vector<int64_t>>;

/// The softmax over the segment level's experts, a row for each whole segment
/// of x.
static Expected<Rows> scoreSegments(WeightStore &store, const Rows &x,
                                    const WeightRef &router,
                                    TwoLevelAttr levels) {
  int64_t length = levels.getWhole().getSegment();
  Rows pooled(x.rows / length, x.columns);
  for (int64_t segment = 0; segment < pooled.rows; ++segment)
    for (int64_t column = 0; column < x.columns; ++column) {
      float largest = x[segment * length][column];
      for (int64_t i = 1; i < length; ++i)
        largest = std::max(largest, x[segment * length + i][column]);
      pooled[segment][column] = largest;
    }
  int64_t first = levels.getTokenExperts();
  Expected<Rows> scores =
      multiply(store, pooled, router, first, router.shape().front() - first);
  if (!scores)
    return scores;
  for (int64_t segment = 0; segment < scores->rows; ++segment) {
    MutableArrayRef<float> row = (*scores)[segment];
    double largest = *llvm::max_element(row), sum = 0;
    for (float logit : row)
      sum += std::exp(logit - largest);
    for (float &score : row)
      score = std::exp(score - largest) / sum;
  }
  return scores;
}

/// Numbers from 0 to the number of `scores`, the highest score first, the lower
/// number first among equals.
static std::vector<int64_t> rank(ArrayRef<float> scores) {
  std::vector<int64_t> order(scores.size());
  for (auto [i, number] : enumerate(order))
    number = i;
  llvm::stable_sort(
      order, [&](int64_t a, int64_t b) { return scores[a] > scores[b]; });
  return order;
}

static Takers choosePublished(ExpertChoiceAttr rule, const Rows &scores,
                              ArrayRef<int64_t> candidates) {
  Takers takers(scores.rows);
  int64_t quota = std::min<double>(
      scores.rows, scores.rows * rule.getCapacity().getValueAsDouble() /
                       scores.columns);
  for (int64_t expert : candidates) {
    std::vector<float> column;
    for (int64_t segment = 0; segment < scores.rows; ++segment)
      column.push_back(scores[segment][expert]);
    int64_t left = quota;
    for (int64_t segment : rank(column))
      if (left > 0 && static_cast<int64_t>(takers[segment].size()) <
                          rule.getMaxExperts()) {
        takers[segment].push_back(expert);
        --left;
      }
  }
  return takers;
}

static Takers chooseCausally(SegmentChoiceAttr rule, const Rows &scores,
                             ArrayRef<int64_t> candidates) {
  Takers takers(scores.rows);
  for (int64_t segment = 0; segment < scores.rows; ++segment) {
    for (int64_t expert : rank(scores[segment]))
      if (is_contained(candidates, expert) &&
          static_cast<int64_t>(takers[segment].size()) < rule.getTopK())
        takers[segment].push_back(expert);
    llvm::sort(takers[segment]);
  }
  return takers;
}

Error routeSegments(WeightStore &store, const Rows &x, const WeightRef &router,
                    TwoLevelAttr levels, SegmentMode mode, Routes &routes) {
  Expected<Rows> scores = scoreSegments(store, x, router, levels);
  if (!scores)
    return scores.takeError();
  if (scores->rows == 0)
    return Error::success();
  int64_t ofTokens = levels.getTokenExperts();
  SmallVector<int64_t> candidates =
      levels.getSegmentRows(ofTokens + scores->columns);
  for (int64_t &candidate : candidates)
    candidate -= ofTokens;
  Takers takers = mode == SegmentMode::whole
                      ? choosePublished(levels.getWhole(), *scores, candidates)
                      : chooseCausally(levels.getCausal(), *scores, candidates);
  // Those of the token level are the first of the program.
  int64_t first = levels.getTokenRows().size();
  int64_t length = levels.getWhole().getSegment();
  double share = levels.getSegmentShare().getValueAsDouble() / length;
  for (auto [segment, experts] : enumerate(takers))
    for (auto [i, expert] : enumerate(experts))
      for (int64_t token = segment * length, end = token + length; token < end;
           ++token) {
        int64_t slot = levels.getNumTaken() + i;
        routes.experts[token][slot] =
            first + (find(candidates, expert) - candidates.begin());
        routes.weights[token][slot] = (*scores)[segment][expert] * share;
      }
  return Error::success();
}

} // namespace fpmoe
