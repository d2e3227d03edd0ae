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

#ifndef FPMOE_LIB_MODEL_CONFIG_H
#define FPMOE_LIB_MODEL_CONFIG_H

#include "lib/Model/Options.h"

namespace fpmoe {

/// Hyperparameters of a `Qwen2MoeForCausalLM`. As returned by readConfig all
/// values are in range: sizes are positive, numHeads is a multiple of
/// numKeyValueHeads, headDim is even, topK <= numExperts, and
/// parameterCount() fits in 50 bits.
struct ModelConfig {
  std::string architecture;

  int64_t vocabSize = 151936;
  int64_t hiddenSize = 2048;
  int64_t numLayers = 24;
  int64_t numHeads = 16;
  int64_t numKeyValueHeads = 16;
  /// hiddenSize / numHeads if config.json has none.
  int64_t headDim = 128;
  /// Context length in tokens.
  int64_t maxPositions = 32768;
  bool qkvBias = true;
  bool tieWordEmbeddings = false;
  double rmsNormEps = 1e-6;
  double ropeTheta = 10000;

  /// Width of the feed-forward network of dense layers.
  int64_t intermediateSize = 5632;
  int64_t moeIntermediateSize = 1408;
  int64_t sharedExpertIntermediateSize = 5632;
  int64_t numExperts = 60;
  int64_t topK = 4;
  /// Whether the weights of the chosen experts are scaled to a sum of 1.
  bool normTopKProb = false;
  /// One per expert, unique; "expert0" ... by default.
  std::vector<std::string> expertNames;

  /// Ids in [0, vocabSize) that end a text; may be empty.
  std::vector<int64_t> eosTokens;

  /// One entry per layer.
  std::vector<bool> sparseLayers;
  /// One entry per layer: the number of positions attention sees, the own
  /// one included, or 0 for all.
  std::vector<int64_t> windows;

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

/// Reads `config.json` of a directory, or the given file, and the `fpmoe.toml`
/// beside it. Errors read
/// `config.json: num_attention_heads is -3, it must be between 1 and 65536`.
llvm::Expected<ModelConfig> readConfig(llvm::StringRef directoryOrFile);

/// The same from text; `fileName` is for messages.
llvm::Expected<ModelConfig> parseConfig(llvm::StringRef json,
                                        llvm::StringRef fileName,
                                        const FileOptions &options = {});

/// How the checkpoint's authors sample, from `generation_config.json`.
struct GenerationConfig {
  /// Ids in [0, vocabSize); config.json's if the file names none.
  std::vector<int64_t> eosTokens;
  bool doSample = false;
  /// At least 0; 0 takes the likeliest token.
  std::optional<double> temperature;
  /// In (0, 1].
  std::optional<double> topP;
  /// 0 means all tokens.
  std::optional<int64_t> topK;
};

/// Reads `generation_config.json` of a directory, or the given file. A
/// directory without one gives the defaults, with the end tokens of `model`.
llvm::Expected<GenerationConfig>
readGenerationConfig(llvm::StringRef directoryOrFile, const ModelConfig &model);

/// The same from text; `fileName` is for messages.
llvm::Expected<GenerationConfig>
parseGenerationConfig(llvm::StringRef json, llvm::StringRef fileName,
                      const ModelConfig &model);

} // namespace fpmoe

#endif // FPMOE_LIB_MODEL_CONFIG_H
