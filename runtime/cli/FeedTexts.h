//===- FeedTexts.h - texts that are known, in few steps ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Feeds texts in pieces of the size of the context, each starting afresh. A
// step takes the rest of a piece and as many of those behind it as fit, so that
// many short texts read the weights as often as a long one.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CLI_FEEDTEXTS_H
#define FPMOE_RUNTIME_CLI_FEEDTEXTS_H

#include "runtime/cli/Engine.h"

#include <functional>
#include <vector>

namespace fpmoe {

struct FedText {
  std::vector<int32_t> ids; ///< at least one, of the vocabulary
  /// Of every token; empty where tokens have none.
  std::vector<int32_t> languages;
};

struct FeedOptions {
  int64_t chunk = 0; ///< tokens of a step, 1 to the level's max_tokens
  /// Expert of every token, or -1; where tokens have languages, the language.
  int32_t language = -1;
  /// Whether each text is one step, routed by the published rule of segments.
  bool wholeText = false;
};

/// Called after each step for the tokens that it took of a text, in the order
/// of the texts: `rows` of them from `first` on, with their logits,
/// [rows, vocabulary].
using OnFed = std::function<Status(size_t text, int64_t first, int64_t rows,
                                   const float *logits)>;

/// Feeds all texts, or until `stop` returns true between steps.
Status feedTexts(Engine &engine, const std::vector<const FedText *> &texts,
                 const FeedOptions &options, bool (*stop)(),
                 const OnFed &onFed);

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CLI_FEEDTEXTS_H
