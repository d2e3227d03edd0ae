//===- Completion.h - the text that follows a prompt ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Samples the tokens of a sequence of the scheduler, turns them into text, and
// ends it: after so many tokens, where the model does, or before a stop string.
// Called in the scheduler's thread.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_SERVE_COMPLETION_H
#define FPMOE_RUNTIME_SERVE_COMPLETION_H

#include "runtime/cli/StopStrings.h"
#include "runtime/cli/Text.h"
#include "runtime/cli/TokenLanguages.h"
#include "runtime/core/Sampler.h"
#include "runtime/core/Scheduler.h"

#include <atomic>
#include <functional>

namespace fpmoe {

struct CompletionOptions {
  /// Adds what ends the text: a special token by its name, or a text. Nothing
  /// where there is no tokenizer, and so no text to look for it in.
  void addStop(const Text &text, const std::string &stop);

  SamplerOptions sampler;
  int64_t maxTokens = 0;
  /// Texts that end the text and are not part of it, and tokens that do.
  std::vector<std::string> stops;
  std::vector<int32_t> stopTokens;
  /// Log-probabilities of tokens are wanted, and of so many of the likeliest.
  bool wantsLogprobs = false;
  int64_t topLogprobs = 0;
  std::string file; ///< name of the file that the text is of; empty: unknown
  double mostSeconds = 0; ///< from the first token on; 0: any
};

/// A token and what the model thought of it.
struct ScoredToken {
  int32_t token;
  double logprob; ///< natural; of the logits as the model gives them
  std::vector<std::pair<int32_t, double>> top; ///< the likeliest first
};

class Completion final : public Task {
public:
  enum class Reason { stop, length, cancelled, error };
  /// What is new of the text. No part of a character or of a stop string is in
  /// it. Tokens may be told before their text.
  struct Piece {
    std::string text;
    std::vector<int32_t> tokens;
    std::vector<ScoredToken> scored; ///< of these, if they are wanted
  };
  /// Both are called in the scheduler's thread; onDone last.
  std::function<void(Piece)> onPiece;
  std::function<void(Reason)> onDone;
  std::function<void(int64_t position, int32_t expert)> onExpert;
  std::function<void(int64_t found)> onStarted;

  Completion(const Text &text, std::vector<int32_t> prompt,
             CompletionOptions options);

  /// Of the prompt, where these are wanted: from its second token on.
  const std::vector<ScoredToken> &promptScores() const { return scores; }
  /// Tokens made, the one that ended the text not among them.
  int64_t made() const { return numMade; }
  /// What went wrong, where the reason is `error`.
  const Status &status() const { return problem; }
  const std::string &stopString() const { return stoppedBy; }

  std::vector<int32_t> languagesOf(const std::vector<int32_t> &tokens) override;
  std::vector<int32_t>
  languagesAhead(const std::vector<int32_t> &tokens) const override {
    return languages->ahead(tokens);
  }
  void onStart(int64_t found) override;
  void onPromptLogits(int64_t position, float *logits) override;
  void onRoutes(int64_t position, const int32_t *routes) override;
  Next next(float *logits) override;
  void onEnd(End how) override;
  /// Ends it before it has begun, where the scheduler does not take it.
  void refuse(const Status &why);

private:
  Next finish(Reason how);
  Next addToken(int32_t token, ScoredToken score);

  CompletionOptions options;
  Sampler sampler;
  SamplerState state;
  Text::Stream stream;
  StopStrings stops;
  std::unique_ptr<TokenLanguages> languages;
  std::string pending; ///< text that may be part of a stop string
  std::vector<float> row;
  std::vector<ScoredToken> scores;
  int64_t numMade = 0;
  double firstTime = 0;
  Reason reason = Reason::cancelled;
  Status problem = Status::success();
  std::string stoppedBy;
};

/// The log-probability of a token, and of the `count` likeliest ones.
ScoredToken scoreToken(const float *logits, int64_t vocabulary, int32_t token,
                       int64_t count);

} // namespace fpmoe

#endif // FPMOE_RUNTIME_SERVE_COMPLETION_H
