//===- Sampler.cpp - from logits to the next token ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Candidates are ordered by weight and then by id, so that ties never depend
// on the sorting algorithm. Random numbers come from xoshiro256++, seeded by
// splitmix64.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Sampler.h"
#include "runtime/core/Math.h"

#include <algorithm>
#include <limits>

using namespace fpmoe;

int32_t fpmoe::largest(const float *row, int64_t count) {
  int32_t best = -1;
  float value = -std::numeric_limits<float>::infinity();
  for (int64_t i = 0; i < count; ++i)
    if (row[i] > value) {
      value = row[i];
      best = static_cast<int32_t>(i);
    }
  return best;
}

static uint64_t rotateLeft(uint64_t value, int by) {
  return (value << by) | (value >> (64 - by));
}

Sampler::Sampler(const SamplerOptions &options) : options(options) {
  uint64_t seed = options.seed;
  for (uint64_t &word : state) {
    seed += 0x9e3779b97f4a7c15ull;
    uint64_t mixed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9ull;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebull;
    word = mixed ^ (mixed >> 31);
  }
}

double Sampler::uniform() {
  uint64_t result = rotateLeft(state[0] + state[3], 23) + state[0];
  uint64_t shifted = state[1] << 17;
  state[2] ^= state[0];
  state[3] ^= state[1];
  state[1] ^= state[2];
  state[0] ^= state[3];
  state[2] ^= shifted;
  state[3] = rotateLeft(state[3], 45);
  return (result >> 11) * 0x1p-53;
}

void Sampler::keepNucleus() {
  double all = 0;
  for (const Candidate &candidate : candidates)
    all += candidate.weight;
  // Few candidates reach the share as a rule, so only the likeliest are
  // sorted, and more of them when that was not enough.
  for (size_t sorted = 256;; sorted *= 8) {
    sorted = std::min(sorted, candidates.size());
    std::partial_sort(candidates.begin(), candidates.begin() + sorted,
                      candidates.end());
    double sum = 0;
    for (size_t i = 0; i < sorted; ++i) {
      sum += candidates[i].weight;
      if (sum >= options.topP * all)
        return candidates.resize(i + 1);
    }
    if (sorted == candidates.size())
      return;
  }
}

int32_t Sampler::sample(const float *logits, int64_t count) {
  int32_t best = largest(logits, count);
  if (best < 0 || options.temperature <= 0)
    return best;
  double top = logits[best];
  if (top > std::numeric_limits<float>::max())
    return best; // +infinity leaves no chance to the others

  candidates.clear();
  for (int64_t i = 0; i < count; ++i) {
    double weight = exponential((logits[i] - top) / options.temperature);
    if (weight > 0)
      candidates.push_back({weight, static_cast<int32_t>(i)});
  }
  if (options.topK > 0 &&
      options.topK < static_cast<int64_t>(candidates.size())) {
    std::partial_sort(candidates.begin(), candidates.begin() + options.topK,
                      candidates.end());
    candidates.resize(options.topK);
  }
  if (options.topP < 1)
    keepNucleus();

  double all = 0;
  for (const Candidate &candidate : candidates)
    all += candidate.weight;
  double drawn = uniform() * all, sum = 0;
  for (const Candidate &candidate : candidates) {
    sum += candidate.weight;
    if (drawn < sum)
      return candidate.token;
  }
  return candidates.back().token;
}
