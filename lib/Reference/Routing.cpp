//===- Routing.cpp - the meaning of the routing rules -----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which experts a token takes. Rules that look beyond the token are part of
// the IR, but no function of the tokens so far: they are refused by name.
//
//===----------------------------------------------------------------------===//

#include "lib/Reference/Ops.h"

#include <cmath>

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

  // Expert i is row `candidates[i]`. The lower row goes first among equals.
  ArrayRef<int64_t> candidates = rule.getCandidates();
  int64_t numExperts = candidates.empty() ? logits.size() : candidates.size();
  auto rowOf = [&](int64_t expert) {
    return candidates.empty() ? expert : candidates[expert];
  };
  auto isBetter = [&](int64_t a, int64_t b) {
    int64_t rowA = rowOf(a), rowB = rowOf(b);
    return logits[rowA] > logits[rowB] ||
           (logits[rowA] == logits[rowB] && rowA < rowB);
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
}

Expected<Routes> route(WeightStore &store, const Rows &x,
                       const WeightRef *router, mlir::Attribute routing) {
  if (isa<ExpertChoiceAttr>(routing))
    return createStringError("routing by expert choice is not evaluated: it "
                             "depends on tokens that are yet to come");
  if (isa<LanguageChoiceAttr>(routing))
    return createStringError("routing by language choice is not evaluated: it "
                             "depends on a tracker outside the graph");
  int64_t topK = getTopK(routing);
  Routes routes{Rows(x.rows, topK), Matrix<int32_t>(x.rows, topK)};
  if (auto fixed = dyn_cast<FixedChoiceAttr>(routing)) {
    llvm::fill(routes.weights.data, 1.0f);
    llvm::fill(routes.experts.data, fixed.getExpert());
    return routes;
  }
  auto rule = cast<TokenChoiceAttr>(routing);
  Expected<Rows> logits =
      multiply(store, x, *router, 0, router->shape().front());
  if (!logits)
    return logits.takeError();
  for (int64_t row = 0; row < x.rows; ++row)
    chooseByToken(rule, (*logits)[row], routes.weights[row],
                  routes.experts[row]);
  return routes;
}

} // namespace fpmoe
