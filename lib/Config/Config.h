//===- Config.h - reader of config.json -------------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads the hyperparameters of a Hugging Face checkpoint. A field that would
// change the result and that the compiler does not implement is refused by
// name; missing fields take the defaults of `transformers`.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CONFIG_CONFIG_H
#define FPMOE_LIB_CONFIG_CONFIG_H

#include "lib/Config/Options.h"

#include <optional>

namespace fpmoe {

/// Which norm queries and keys pass before they are turned.
enum class HeadNorm { None, PerHead, WholeRow };

/// How frequencies of rotary embedding differ from theta^(-2i/D).
struct RopeScaling {
  enum Kind { None, Linear, Llama3, Yarn };
  Kind kind = None;
  /// At least 1.
  double factor = 1;
  /// Context of the pretraining; llama3 and yarn.
  int64_t originalPositions = 0;
  /// Llama3: below `low` turns in that context a wave is scaled, above `high`
  /// it is kept.
  double low = 1, high = 4;
  /// Yarn: as `low` and `high`, fast being the larger number of turns; whether
  /// pairs of columns are rounded; what cosines and sines are multiplied by.
  double betaFast = 32, betaSlow = 1;
  bool truncate = true;
  double magnitude = 1;
};

/// Hyperparameters of one of the architectures in Architectures.h, whose
/// differences are the values of these fields. As returned by readConfig all
/// values are in range: sizes are positive, numHeads is a multiple of
/// numKeyValueHeads, headDim and ropeDim() are even, topK <= numExperts, and
/// parameterCount() fits in 50 bits.
struct ModelConfig {
  /// A name that findArchitecture() knows.
  std::string architecture;

  int64_t vocabSize = 0;
  int64_t hiddenSize = 0;
  int64_t numLayers = 0;
  /// Context length in tokens.
  int64_t maxPositions = 0;
  bool tieWordEmbeddings = false;
  double rmsNormEps = 1e-6;
  /// What rows of the embedding, the result of every block before it is added,
  /// and logits are multiplied by.
  double embeddingMultiplier = 1;
  double residualMultiplier = 1;
  double logitsMultiplier = 1;

  int64_t numHeads = 0;
  int64_t numKeyValueHeads = 0;
  /// Columns of a head of queries and keys.
  int64_t headDim = 0;
  /// What products of queries and keys are multiplied by.
  double attentionScale = 0;
  /// Biases of the projections to queries, keys and values (with a latent: to
  /// the latents), and of the one after attention.
  bool qkvBias = false;
  bool outputBias = false;
  HeadNorm headNorm = HeadNorm::None;
  /// Limit of the magnitude of queries, keys and values, if there is one.
  std::optional<double> clipQKV;
  double ropeTheta = 10000;
  /// Whether the rows of queries and keys that a rotation takes together are
  /// neighbours in the checkpoint, as in GGUF files of Llama.
  bool neighboursRotate = false;
  RopeScaling ropeScaling;

  /// Width of the latent that keys and values come from, or 0 for attention
  /// without one. With a latent, a head of queries and keys has `nopeDim`
  /// columns as they are and then `latentRopeDim` turned ones, which all key
  /// heads share.
  int64_t kvLatent = 0;
  /// Width of the latent that queries come from, or 0 for none.
  int64_t queryLatent = 0;
  int64_t nopeDim = 0;
  int64_t latentRopeDim = 0;
  int64_t latentValueDim = 0;

  /// Width of the feed-forward network of dense layers.
  int64_t intermediateSize = 0;
  /// 0 if there are no experts; the fields below then mean nothing.
  int64_t numExperts = 0;
  int64_t topK = 0;
  int64_t moeIntermediateSize = 0;
  /// Width of the expert that every token takes, or 0 if there is none.
  int64_t sharedExpertIntermediateSize = 0;
  /// Whether that expert is scaled by a sigmoid of its own.
  bool sharedExpertGate = false;
  /// Whether the weights of the chosen experts are scaled to a sum of 1.
  bool normTopKProb = false;
  /// What these weights are multiplied by after that.
  double routedScale = 1;
  /// Experts are chosen from the best `topGroups` of `numGroups` groups; 0 if
  /// they are not in groups.
  int64_t numGroups = 0;
  int64_t topGroups = 0;
  /// One per expert, unique on each level; "expert0" ... by default.
  std::vector<std::string> expertNames;

  /// The rule of `MultiPLMoeForCausalLM`, whose experts are first those that
  /// tokens choose, the last of which every token takes, then those of
  /// segments.
  struct TwoLevels {
    int64_t tokenExperts = 6, segmentExperts = 6;
    int64_t segment = 64;   ///< tokens of a segment
    double capacity = 1;    ///< segments an expert takes, over their share
    int64_t maxExperts = 4; ///< experts of a segment
    double tokenWeight = 0.7, segmentWeight = 0.3;
  };
  std::optional<TwoLevels> twoLevels;

  /// Ids in [0, vocabSize) that end a text; may be empty.
  std::vector<int64_t> eosTokens;

  /// One entry per layer.
  std::vector<bool> sparseLayers;
  /// One entry per layer: the number of positions attention sees, the own
  /// one included, or 0 for all.
  std::vector<int64_t> windows;

  /// Columns of a head that rotary embedding turns, the last ones.
  int64_t ropeDim() const { return kvLatent ? latentRopeDim : headDim; }
  /// Columns of a head of values.
  int64_t valueDim() const { return kvLatent ? latentValueDim : headDim; }
  /// Whether the layer has experts; otherwise one feed-forward network.
  bool isSparse(int64_t layer) const { return sparseLayers[layer]; }
  /// The sliding window of the layer, in positions, if it has one.
  std::optional<int64_t> window(int64_t layer) const {
    return windows[layer] ? std::optional<int64_t>(windows[layer])
                          : std::nullopt;
  }
  /// Number of weights; tied embeddings count once.
  int64_t parameterCount() const;
};

/// Reads `config.json` of a directory, or the given file, or the metadata of a
/// GGUF file, and the `fpmoe.toml` beside it. Errors read
/// `config.json: num_attention_heads is -3, it must be between 1 and 1024`.
llvm::Expected<ModelConfig> readConfig(llvm::StringRef directoryOrFile);

/// The same with these options in the place of those of fpmoe.toml.
llvm::Expected<ModelConfig> readConfig(llvm::StringRef directoryOrFile,
                                       const FileOptions &options);

/// The same from text; `fileName` is for messages.
llvm::Expected<ModelConfig> parseConfig(llvm::StringRef json,
                                        llvm::StringRef fileName,
                                        const FileOptions &options = {});

/// How the checkpoint's authors sample: what `generation_config.json` says, or,
/// without one, the fields of `config.json` that older versions of transformers
/// kept it in.
struct GenerationConfig {
  /// Ids in [0, vocabSize); config.json's if the file names none.
  std::vector<int64_t> eosTokens;
  bool doSample = false;
  /// At least 0; 0 takes the likeliest token.
  std::optional<double> temperature;
  /// In (0, 1].
  std::optional<double> topP;
  /// 0 means all tokens. Set if doSample is: to 50, as in transformers, if the
  /// file says nothing.
  std::optional<int64_t> topK;

  // The rest means what it does in transformers; these values mean nothing.
  double minP = 0;
  double repetitionPenalty = 1;
  int64_t noRepeatNgram = 0;
  int64_t minNewTokens = 0, minLength = 0;
  int64_t maxNewTokens = 0, maxLength = 0;
  int64_t forcedBos = -1;
  std::vector<int64_t> forcedEos, suppressed, beginSuppressed;
  /// Tokens, and what is added to the logit of the last one after the others;
  /// minus infinity for bad words.
  std::vector<std::pair<std::vector<int64_t>, double>> sequenceBiases;
  std::vector<std::string> stopStrings;

  /// What the files say that programs do not follow: a line for each.
  std::vector<std::string> warnings;
};

/// Reads `generation_config.json` of a directory and the fields of its
/// `config.json` that say the same, or the given file. A GGUF file gives the
/// defaults, with the end tokens of `model`.
llvm::Expected<GenerationConfig>
readGenerationConfig(llvm::StringRef directoryOrFile, const ModelConfig &model);

/// The same from text; `fileName` is for messages.
llvm::Expected<GenerationConfig>
parseGenerationConfig(llvm::StringRef json, llvm::StringRef fileName,
                      const ModelConfig &model);

} // namespace fpmoe

#endif // FPMOE_LIB_CONFIG_CONFIG_H
