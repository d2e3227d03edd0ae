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
#include <utility>

using namespace fpmoe;

static constexpr float infinity = std::numeric_limits<float>::infinity();

/// Tokens that are weighed at a time.
static constexpr int64_t blockTokens = 256;

int32_t fpmoe::largest(const float *row, int64_t count) {
  float value = maximum(row, count);
  if (value == -infinity)
    return -1;
  return static_cast<int32_t>(std::find(row, row + count, value) - row);
}

static uint64_t rotateLeft(uint64_t value, int by) {
  return (value << by) | (value >> (64 - by));
}

Sampler::Sampler(SamplerOptions given) : options(std::move(given)) {
  const SamplerOptions &o = options;
  adjusts = !o.biases.empty() || o.repetitionPenalty != 1 ||
            o.presencePenalty != 0 || o.frequencyPenalty != 0 ||
            o.noRepeatNgram > 0 || o.minTokens > 0 || o.minLength > 0 ||
            o.neverEnds || o.forcedFirst >= 0 || !o.forcedLast.empty() ||
            !o.suppressed.empty() || !o.suppressedFirst.empty();
}

SamplerState Sampler::start(const std::vector<int32_t> &prompt) const {
  SamplerState state;
  state.tokens = prompt;
  state.promptTokens = state.length();
  uint64_t seed = options.seed;
  for (uint64_t &word : state.random) {
    seed += 0x9e3779b97f4a7c15ull;
    uint64_t mixed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9ull;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebull;
    word = mixed ^ (mixed >> 31);
  }
  return state;
}

/// A uniform number in [0, 1).
static double uniform(uint64_t (&state)[4]) {
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

static void ban(float *logits, const std::vector<int32_t> &tokens) {
  for (int32_t token : tokens)
    logits[token] = -infinity;
}

static void force(float *logits, int64_t count,
                  const std::vector<int32_t> &tokens) {
  std::fill(logits, logits + count, -infinity);
  for (int32_t token : tokens)
    logits[token] = 0;
}

void Sampler::adjust(float *logits, int64_t count, const SamplerState &state) {
  const std::vector<int32_t> &tokens = state.tokens;
  for (const SequenceBias &each : options.biases) {
    size_t before = each.tokens.size() - 1;
    if (before <= tokens.size() &&
        std::equal(tokens.end() - before, tokens.end(), each.tokens.begin()))
      logits[each.tokens.back()] += each.bias;
  }
  penalise(logits, count, state);
  if (options.noRepeatNgram > 0)
    banRepeats(logits, state);
  banAndForce(logits, count, state);
}

void Sampler::penalise(float *logits, int64_t count,
                       const SamplerState &state) {
  counts.resize(count);
  auto forEachCounted = [&](int64_t from, auto change) {
    for (int64_t i = from; i < state.length(); ++i)
      ++counts[state.tokens[i]];
    for (int64_t i = from; i < state.length(); ++i) {
      int32_t token = state.tokens[i];
      if (counts[token])
        change(logits[token], counts[token]);
      counts[token] = 0;
    }
  };
  auto repetition = static_cast<float>(options.repetitionPenalty);
  if (repetition != 1)
    forEachCounted(0, [&](float &logit, int32_t) {
      logit = logit < 0 ? logit * repetition : logit / repetition;
    });
  if (options.presencePenalty != 0 || options.frequencyPenalty != 0)
    forEachCounted(state.promptTokens, [&](float &logit, int32_t times) {
      logit -= static_cast<float>(options.presencePenalty +
                                  options.frequencyPenalty * times);
    });
}

void Sampler::banRepeats(float *logits, const SamplerState &state) const {
  const std::vector<int32_t> &tokens = state.tokens;
  int64_t before = options.noRepeatNgram - 1;
  for (int64_t i = 0; i + before < state.length(); ++i)
    if (std::equal(tokens.end() - before, tokens.end(), tokens.begin() + i))
      logits[tokens[i + before]] = -infinity;
}

void Sampler::banAndForce(float *logits, int64_t count,
                          const SamplerState &state) const {
  int64_t generated = state.generated();
  if (options.neverEnds || generated < options.minTokens ||
      state.length() < options.minLength)
    ban(logits, options.ends);
  bool forcesFirst = options.forcedFirst >= 0 && state.promptTokens == 1;
  if (forcesFirst && generated == 0)
    force(logits, count, {options.forcedFirst});
  if (!options.forcedLast.empty() && generated == options.maxTokens - 1)
    force(logits, count, options.forcedLast);
  ban(logits, options.suppressed);
  if (generated == (forcesFirst ? 1 : 0))
    ban(logits, options.suppressedFirst);
}

void Sampler::rankLikeliest(const float *logits, int64_t count, double top) {
  candidates.clear();
  auto size = static_cast<size_t>(std::min(options.topK, count));
  float least = -infinity; // that others must be above
  for (int64_t i = 0; i < count; ++i) {
    if (!(logits[i] > least))
      continue;
    if (candidates.size() == size) {
      std::pop_heap(candidates.begin(), candidates.end());
      candidates.pop_back();
    }
    candidates.push_back({logits[i], static_cast<int32_t>(i)});
    std::push_heap(candidates.begin(), candidates.end());
    if (candidates.size() == size)
      least = static_cast<float>(candidates.front().weight);
  }
  std::sort_heap(candidates.begin(), candidates.end());
  for (Candidate &each : candidates)
    each.weight = exponential((each.weight - top) / options.temperature);
}

void Sampler::weighAll(const float *logits, int64_t count, double top) {
  candidates.clear();
  double weights[blockTokens];
  for (int64_t first = 0; first < count; first += blockTokens) {
    int64_t size = std::min(blockTokens, count - first);
    exponentials(logits + first, size, top, options.temperature, weights);
    for (int64_t i = 0; i < size; ++i)
      if (weights[i] > 0)
        candidates.push_back({weights[i], static_cast<int32_t>(first + i)});
  }
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
int32_t Sampler::drawCandidate(SamplerState &state) {
  // The likeliest weighs 1.
  candidates.erase(std::remove_if(candidates.begin(), candidates.end(),
                                  [&](const Candidate &candidate) {
                                    return candidate.weight < options.minP ||
                                           candidate.weight == 0;
                                  }),
                   candidates.end());
  double all = 0;
  for (const Candidate &candidate : candidates)
    all += candidate.weight;
  double drawn = uniform(state.random) * all, sum = 0;
  for (const Candidate &candidate : candidates) {
    sum += candidate.weight;
    if (drawn < sum)
      return candidate.token;
  }
  return candidates.back().token;
}

int32_t Sampler::drawAny(const float *logits, int64_t count, double top,
                         SamplerState &state) {
  double weights[blockTokens];
  auto weigh = [&](int64_t first) {
    int64_t size = std::min(blockTokens, count - first);
    exponentials(logits + first, size, top, options.temperature, weights);
    // Neither what is no number nor what is too unlikely has a chance.
    for (int64_t i = 0; i < size; ++i)
      weights[i] = weights[i] >= options.minP ? weights[i] : 0;
    return size;
  };
  sums.clear();
  double all = 0;
  for (int64_t first = 0; first < count; first += blockTokens) {
    int64_t size = weigh(first);
    for (int64_t i = 0; i < size; ++i)
      all += weights[i];
    sums.push_back(all);
  }
  double drawn = std::min(uniform(state.random) * all,
                          all * (1 - std::numeric_limits<double>::epsilon()));
  int64_t block =
      std::upper_bound(sums.begin(), sums.end(), drawn) - sums.begin();
  double sum = block ? sums[block - 1] : 0;
  int64_t size = weigh(block * blockTokens);
  for (int64_t i = 0; i < size; ++i) {
    sum += weights[i];
    if (drawn < sum)
      return static_cast<int32_t>(block * blockTokens + i);
  }
  return -1; // not reached: the last sum is that of the block
}

int32_t Sampler::draw(const float *logits, int64_t count, int32_t best,
                      SamplerState &state) {
  double top = logits[best];
  if (top > std::numeric_limits<float>::max())
    return best; // +infinity leaves no chance to the others
  if (options.topK > 0) {
    rankLikeliest(logits, count, top);
  } else if (options.topP < 1) {
    weighAll(logits, count, top);
  } else {
    return drawAny(logits, count, top, state);
  }
  if (options.topP < 1)
    keepNucleus();
  return drawCandidate(state);
}

int32_t Sampler::sample(float *logits, int64_t count, SamplerState &state) {
  int32_t best = largest(logits, count);
  if (best < 0)
    return noNumber;
  if (adjusts) {
    adjust(logits, count, state);
    best = largest(logits, count);
    if (best < 0)
      return allBanned;
  }
  return options.temperature > 0 ? draw(logits, count, best, state) : best;
}
