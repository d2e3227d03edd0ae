//===- Routing.cpp - the meaning of the routing rules -----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which experts a token takes. What a token takes as a part of its segment is in
// Segments.cpp. A rule that needs more than the tokens is refused by name.
//
//===----------------------------------------------------------------------===//

#include "lib/Reference/Ops.h"

#include <cmath>
#include <numeric>

using namespace llvm;

namespace fpmoe {

static void chooseByToken(TokenChoiceAttr rule, ArrayRef<float> logits,
                          MutableArrayRef<float> weights,
                          MutableArrayRef<int32_t> experts) {
  // Scores of all rows of the router, candidates or not.
  double largest = *llvm::max_element(logits), sum = 0;
  std::vector<double> scores;
  for (float logit : logits)
    sum += scores.emplace_back(std::exp(logit - largest));

  // Rows outside the best groups count as 0.
  std::vector<bool> masked(logits.size());
  if (int64_t groups = rule.getGroups()) {
    int64_t size = logits.size() / groups;
    std::vector<int64_t> order(groups);
    std::iota(order.begin(), order.end(), 0);
    auto best = [&](int64_t group) {
      return *llvm::max_element(logits.slice(group * size, size));
    };
    llvm::stable_sort(
        order, [&](int64_t a, int64_t b) { return best(a) > best(b); });
    for (int64_t group : ArrayRef(order).drop_front(rule.getTopGroups()))
      for (int64_t row = group * size; row < (group + 1) * size; ++row) {
        masked[row] = true;
        scores[row] = 0;
      }
  }

  // Expert i is row `candidates[i]`. The lower row goes first among equals.
  ArrayRef<int64_t> candidates = rule.getCandidates();
  int64_t numExperts = candidates.empty() ? logits.size() : candidates.size();
  auto rowOf = [&](int64_t expert) {
    return candidates.empty() ? expert : candidates[expert];
  };
  auto isBetter = [&](int64_t a, int64_t b) {
    int64_t rowA = rowOf(a), rowB = rowOf(b);
    if (masked[rowA] != masked[rowB])
      return static_cast<bool>(masked[rowB]);
    if (!masked[rowA] && logits[rowA] != logits[rowB])
      return logits[rowA] > logits[rowB];
    return rowA < rowB;
  };
  std::vector<bool> taken(numExperts);
  double chosen = 0;
  for (size_t k = 0; k < experts.size(); ++k) {
    int64_t best = -1;
    for (int64_t expert = 0; expert < numExperts; ++expert)
      if (!taken[expert] && (best < 0 || isBetter(expert, best)))
        best = expert;
    taken[best] = true;
    experts[k] = best;
    weights[k] = scores[rowOf(best)] / sum;
    chosen += scores[rowOf(best)] / sum;
  }
  if (rule.getRenormalize())
    for (size_t k = 0; k < experts.size(); ++k)
      weights[k] = scores[rowOf(experts[k])] / sum / chosen;
  for (float &weight : weights)
    weight *= rule.getFactor();
}

/// The token level: softmax over its experts, the best of which are taken
/// beside the shared ones, with weights that sum up to the level's share.
static void chooseOfTwoLevels(TwoLevelAttr levels, ArrayRef<float> allLogits,
                              MutableArrayRef<float> weights,
                              MutableArrayRef<int32_t> experts) {
  // Of the experts in the program; what others would have cancels out.
  std::vector<float> logits;
  for (int64_t row : levels.getTokenRows())
    logits.push_back(allLogits[row]);
  double largest = *llvm::max_element(logits);
  std::vector<double> scores;
  for (float logit : logits)
    scores.push_back(std::exp(logit - largest));
  int32_t numExperts = logits.size(), free = numExperts - levels.getShared();
  std::vector<int32_t> chosen;
  for (int64_t k = 0; k < levels.getNumChosen(); ++k) {
    int32_t best = -1;
    for (int32_t expert = 0; expert < free; ++expert)
      if (!llvm::is_contained(chosen, expert) &&
          (best < 0 || logits[expert] > logits[best]))
        best = expert;
    chosen.push_back(best);
  }
  for (int32_t expert = free; expert < numExperts; ++expert)
    chosen.push_back(expert);
  double sum = 0;
  for (int32_t expert : chosen)
    sum += scores[expert];
  llvm::fill(experts, -1);
  for (auto [k, expert] : enumerate(chosen)) {
    experts[k] = expert;
    weights[k] =
        scores[expert] / sum * levels.getTokenShare().getValueAsDouble();
  }
}

Expected<Routes> route(WeightStore &store, const Rows &x,
                       const WeightRef *router, mlir::Attribute routing,
                       SegmentMode mode) {
  if (isa<ExpertChoiceAttr, SegmentChoiceAttr>(routing))
    return createStringError("routing by segments alone is not evaluated: a "
                             "token outside a complete one has no expert");
  int64_t topK = getTopK(routing);
  Routes routes{Rows(x.rows, topK), Matrix<int32_t>(x.rows, topK)};
  if (auto fixed = dyn_cast<FixedChoiceAttr>(routing)) {
    llvm::fill(routes.weights.data, 1.0f);
    llvm::fill(routes.experts.data, fixed.getExpert());
    return routes;
  }
  Expected<Rows> logits =
      multiply(store, x, *router, 0, router->shape().front());
  if (!logits)
    return logits.takeError();
  if (auto levels = dyn_cast<TwoLevelAttr>(routing)) {
    for (int64_t row = 0; row < x.rows; ++row)
      chooseOfTwoLevels(levels, (*logits)[row], routes.weights[row],
                        routes.experts[row]);
    if (mode != SegmentMode::open)
      if (Error e = routeSegments(store, x, *router, levels, mode, routes))
        return e;
    return routes;
  }
  auto rule = cast<TokenChoiceAttr>(routing);
  for (int64_t row = 0; row < x.rows; ++row)
    chooseByToken(rule, (*logits)[row], routes.weights[row],
                  routes.experts[row]);
  return routes;
}

} // namespace fpmoe
