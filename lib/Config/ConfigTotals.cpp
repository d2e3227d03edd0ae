//===- ConfigTotals.cpp - how large a model is ----------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See ConfigParser.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Config/ConfigParser.h"

#include "lib/Checkpoint/Input.h"

#include "llvm/Support/MathExtras.h"

using namespace llvm;

namespace fpmoe {

/// Weights or cache entries; leaves room for sizes in bytes in 63 bits.
static constexpr uint64_t maxElements = uint64_t(1) << 50;

static uint64_t countParameters(const ModelConfig &config) {
  auto product = [](uint64_t a, uint64_t b) {
    return SaturatingMultiply(a, b);
  };
  auto sum = [](uint64_t a, uint64_t b) { return SaturatingAdd(a, b); };
  uint64_t hidden = config.hiddenSize;
  uint64_t queries = config.numHeads * config.headDim;
  uint64_t keys = config.numKeyValueHeads * config.headDim;
  uint64_t values = config.numKeyValueHeads * config.valueDim();
  uint64_t results = config.numHeads * config.valueDim();
  uint64_t attention = sum(product(hidden, results), 2 * hidden);
  uint64_t biased;
  if (uint64_t latent = config.kvLatent) {
    uint64_t toLatent = latent + config.latentRopeDim;
    uint64_t ofQuery = config.queryLatent ? config.queryLatent : hidden;
    attention = sum(attention, product(hidden, toLatent) + latent);
    attention = sum(attention,
                    product(latent, config.numHeads * config.nopeDim + values));
    attention = sum(attention, product(ofQuery, queries));
    if (config.queryLatent)
      attention = sum(attention, product(hidden + 1, config.queryLatent));
    biased = toLatent + config.queryLatent;
  } else {
    biased = queries + keys + values;
    attention = sum(attention, product(hidden, biased));
  }
  attention = sum(attention, (config.qkvBias ? biased : 0) +
                                 (config.outputBias ? hidden : 0));
  if (config.headNorm == HeadNorm::PerHead)
    attention = sum(attention, 2 * config.headDim);
  if (config.headNorm == HeadNorm::WholeRow)
    attention = sum(attention, queries + keys);
  uint64_t sparse =
      sum(product(3 * hidden,
                  sum(product(config.numExperts, config.moeIntermediateSize),
                      config.sharedExpertIntermediateSize)),
          hidden * (config.numExperts + config.sharedExpertGate));
  uint64_t dense = product(3 * hidden, config.intermediateSize);
  uint64_t total = sum(product(product(hidden, config.vocabSize),
                               config.tieWordEmbeddings ? 1 : 2),
                       hidden);
  for (bool isSparse : config.sparseLayers)
    total = sum(total, sum(attention, isSparse ? sparse : dense));
  return total;
}

int64_t ModelConfig::parameterCount() const { return countParameters(*this); }

Error ConfigParser::totals() {
  if (countParameters(config) > maxElements)
    return fileError(fileName, "the sizes make more than 2^50 weights");
  uint64_t cache = SaturatingMultiply<uint64_t>(
      config.numLayers * config.maxPositions,
      config.numKeyValueHeads * (config.headDim + config.valueDim()));
  if (cache > maxElements)
    return fileError(fileName, "max_position_embeddings of " +
                                   Twine(config.maxPositions) +
                                   " makes a key and value cache of more than "
                                   "2^50 numbers");
  return Error::success();
}

} // namespace fpmoe
