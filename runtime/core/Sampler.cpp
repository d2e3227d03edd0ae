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

int32_t fpmoe::largest(const float *row, int64_t count) {
  int32_t best = -1;
  float value = -infinity;
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

int32_t Sampler::draw(const float *logits, int64_t count, int32_t best,
                      SamplerState &state) {
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
  if (options.minP > 0) // the likeliest weighs 1
    candidates.erase(std::remove_if(candidates.begin(), candidates.end(),
                                    [&](const Candidate &candidate) {
                                      return candidate.weight < options.minP;
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
