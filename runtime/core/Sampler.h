//===- Sampler.h - from logits to the next token ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Greedy choice, or a draw under temperature, top-k, top-p and min-p, after
// biases, penalties and bans. Their meaning and order are those of the logits
// processors of Hugging Face `transformers`; presence and frequency penalties
// are OpenAI's. Equal seeds and logits give equal tokens on every machine.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CORE_SAMPLER_H
#define FPMOE_RUNTIME_CORE_SAMPLER_H

#include <cstdint>
#include <vector>

namespace fpmoe {

/// What is added to the logit of the last token of a sequence where the others
/// stand before it; -infinity bans the sequence.
struct SequenceBias {
  std::vector<int32_t> tokens; /// at least one
  float bias;
};

struct SamplerOptions {
  double temperature = 0; /// 0: the most likely token
  int64_t topK = 0;       /// draw among the k most likely; 0: all
  double topP = 1;        /// draw among the fewest whose sum reaches this
  double minP = 0;        /// of the likeliest's probability, which others need
  uint64_t seed = 0;

  std::vector<SequenceBias> biases;
  /// Divides positive logits of tokens of prompt and text, multiplies others.
  double repetitionPenalty = 1;
  /// Subtracted from logits of generated tokens: once, and as often as they
  /// were generated.
  double presencePenalty = 0, frequencyPenalty = 0;
  /// No sequence of so many tokens stands twice in prompt and text; 0: any.
  int64_t noRepeatNgram = 0;

  /// Tokens that end a text. They are banned until it has `minTokens` tokens,
  /// or `minLength` with the prompt, and always if `neverEnds`.
  std::vector<int32_t> ends;
  int64_t minTokens = 0, minLength = 0;
  bool neverEnds = false;
  /// The token after a prompt of one token, or -1.
  int32_t forcedFirst = -1;
  /// One of these is the last of `maxTokens` tokens, if there are any.
  std::vector<int32_t> forcedLast;
  int64_t maxTokens = INT64_MAX;
  /// Banned everywhere, and as the first token that is not forced.
  std::vector<int32_t> suppressed, suppressedFirst;
};

/// What a sampler knows of one sequence. A copy goes on as the original does.
struct SamplerState {
  std::vector<int32_t> tokens; /// the prompt's and those generated so far
  int64_t promptTokens = 0;
  uint64_t random[4];

  int64_t length() const { return static_cast<int64_t>(tokens.size()); }
  int64_t generated() const { return length() - promptTokens; }
};

/// Returns the index of the largest value, the lowest among equals; -1 when
/// none is a number above -infinity.
int32_t largest(const float *row, int64_t count);

/// One sampler serves any number of sequences, one after the other.
class Sampler {
public:
  explicit Sampler(SamplerOptions options);

  /// The state of a sequence of which only the prompt is there.
  SamplerState start(const std::vector<int32_t> &prompt) const;

  /// Results of sample that are no token: the logits hold no number above
  /// -infinity, or all that do are banned.
  enum : int32_t { noNumber = -1, allBanned = -2 };

  /// Chooses a token from `count` logits, which it may change. The caller
  /// appends it to the state.
  int32_t sample(float *logits, int64_t count, SamplerState &state);

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
  void adjust(float *logits, int64_t count, const SamplerState &state);
  void penalise(float *logits, int64_t count, const SamplerState &state);
  void banRepeats(float *logits, const SamplerState &state) const;
  void banAndForce(float *logits, int64_t count,
                   const SamplerState &state) const;
  int32_t draw(const float *logits, int64_t count, int32_t best,
               SamplerState &state);
  /// Candidates become the topK likeliest, or all that have a chance; `top` is
  /// the largest logit, whose weight is 1.
  void rankLikeliest(const float *logits, int64_t count, double top);
  void weighAll(const float *logits, int64_t count, double top);
  /// Keeps the fewest candidates that reach topP, likeliest first.
  void keepNucleus();
  int32_t drawCandidate(SamplerState &state);
  /// Draws of all tokens.
  int32_t drawAny(const float *logits, int64_t count, double top,
                  SamplerState &state);

  SamplerOptions options;
  bool adjusts; /// logits are not taken as they are
  std::vector<Candidate> candidates;
  std::vector<double> sums;    ///< of the weights up to the end of each block
  std::vector<int32_t> counts; /// [vocabulary] zeros between calls
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CORE_SAMPLER_H
