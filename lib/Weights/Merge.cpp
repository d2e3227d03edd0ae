//===- Merge.cpp - arithmetic of merges, on windows -------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loops over one operand after the other, so that they become vector code.
//
//===----------------------------------------------------------------------===//

#include "lib/Weights/Merge.h"

#include <cmath>

using namespace llvm;

namespace fpmoe {

void mergeWeightedSum(WeightedSumOp op, const Windows &inputs,
                      MutableArrayRef<float> out) {
  float total = 0;
  std::fill(out.begin(), out.end(), 0.0f);
  for (size_t i = 0; i < inputs.size(); ++i) {
    float weight = op.getWeights()[i];
    total += weight;
    const float *input = inputs[i].data();
    for (size_t e = 0; e < out.size(); ++e)
      out[e] += weight * input[e];
  }
  if (op.getNormalized())
    for (float &value : out)
      value /= total;
}

void mergeTaskArithmetic(TaskArithmeticOp op, const Windows &inputs,
                         MutableArrayRef<float> out) {
  std::vector<float> sum(out.size());
  float total = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    float weight = op.getWeights()[i];
    total += weight;
    const float *input = inputs[i].data();
    for (size_t e = 0; e < out.size(); ++e)
      sum[e] += weight * (input[e] - out[e]);
  }
  if (op.getNormalized() && std::fabs(total) >= 1e-8f)
    for (float &value : sum)
      value /= total;
  float lambda = op.getLambda().convertToDouble();
  for (size_t e = 0; e < out.size(); ++e)
    out[e] += lambda * sum[e];
}

void mergeTies(TiesOp op, ArrayRef<Selection> kept, int64_t first,
               Windows &inputs, MutableArrayRef<float> out) {
  bool isPeft = op.getForm() == TiesForm::Peft;
  // Elect. PEFT weighs after the signs are known, which can turn one.
  std::vector<float> signs(out.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    Selection selection = kept[i];
    float weight = isPeft ? 1.0f : static_cast<float>(op.getWeights()[i]);
    float *input = inputs[i].data();
    for (size_t e = 0; e < out.size(); ++e) {
      float delta = input[e] - out[e];
      delta = selection.has(delta, first + static_cast<int64_t>(e)) ? delta : 0;
      input[e] = weight * delta;
      signs[e] += input[e];
    }
  }
  std::vector<float> sum(out.size()), divisor(out.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    float weight = op.getWeights()[i];
    const float *input = inputs[i].data();
    for (size_t e = 0; e < out.size(); ++e) {
      bool agrees = signs[e] >= 0 ? input[e] > 0 : input[e] < 0;
      sum[e] += agrees ? (isPeft ? weight * input[e] : input[e]) : 0.0f;
      divisor[e] += agrees ? (isPeft ? 1.0f : weight) : 0.0f;
    }
  }
  float lambda = op.getLambda().convertToDouble();
  bool divides = isPeft || op.getNormalized();
  for (size_t e = 0; e < out.size(); ++e) {
    float merged = divides && divisor[e] != 0 ? sum[e] / divisor[e] : sum[e];
    out[e] += lambda * merged;
  }
}

int64_t countKept(TiesForm form, double density, int64_t elements) {
  if (density >= 1)
    return elements;
  auto count = static_cast<int64_t>(density * static_cast<double>(elements));
  return form == TiesForm::MergeKit ? std::max<int64_t>(count, 1) : count;
}

} // namespace fpmoe
