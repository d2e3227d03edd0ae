//===- Sampler.h - from logits to the next token ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Greedy choice, or a draw under temperature, top-k and top-p. Equal seeds
// and logits give equal tokens on every machine.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CORE_SAMPLER_H
#define FPMOE_RUNTIME_CORE_SAMPLER_H

#include <cstdint>
#include <vector>

namespace fpmoe {

struct SamplerOptions {
  double temperature = 0; /// 0: the most likely token
  int64_t topK = 0;       /// draw among the k most likely; 0: all
  double topP = 1;        /// draw among the fewest whose sum reaches this
  uint64_t seed = 0;
};

/// Returns the index of the largest value, the lowest among equals; -1 when
/// none is a number above -infinity.
int32_t largest(const float *row, int64_t count);

class Sampler {
public:
  explicit Sampler(const SamplerOptions &options);

  /// Chooses a token from `count` logits; -1 when they hold no finite value.
  int32_t sample(const float *logits, int64_t count);

private:
  struct Candidate {
    double weight;
    int32_t token;
    /// The likelier comes first, the lower id among equals.
    bool operator<(const Candidate &other) const {
      return weight != other.weight ? weight > other.weight
                                    : token < other.token;
    }
  };
  /// A uniform number in [0, 1).
  double uniform();
  /// Keeps the fewest candidates that reach topP, likeliest first.
  void keepNucleus();

  SamplerOptions options;
  uint64_t state[4];
  std::vector<Candidate> candidates;
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CORE_SAMPLER_H
