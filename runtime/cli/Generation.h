//===- Generation.h - making text ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The request (prompt, sampling, language) that generate and trace share, and
// the loop that answers it token by token.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CLI_GENERATION_H
#define FPMOE_RUNTIME_CLI_GENERATION_H

#include "runtime/cli/Engine.h"
#include "runtime/cli/SamplingArguments.h"
#include "runtime/cli/StopStrings.h"
#include "runtime/cli/Text.h"
#include "runtime/cli/TokenLanguages.h"
#include "runtime/core/Guesser.h"

#include <functional>

namespace fpmoe {

/// Looks for stop strings in the text that tokens make.
class StopSearch {
public:
  StopSearch(const Text &text, std::vector<std::string> strings)
      : stream(text, /*asIds=*/false), strings(std::move(strings)) {}

  /// Takes a token in which no string is looked for.
  void skip(int32_t token) { stream.skip(token); }
  /// True when the token completes a string.
  bool push(int32_t token) { return strings.push(stream.push(token)); }
  /// Bytes at the end of the text that are not to be written, or not yet.
  size_t held() const { return strings.held(); }

private:
  Text::Stream stream;
  StopStrings strings;
};

/// What the user asks for.
struct Request {
  /// Adds the options of the prompt, of sampling and of the language.
  void declare(Arguments &arguments);
  /// Completes what was given, of which one has to be a prompt; the error is
  /// one of usage.
  Status check(const Arguments &arguments, bool needsPrompt = true);
  /// Reads and tokenises the prompt, and checks that it fits the context.
  Status resolve(const Arguments &arguments, const Text &text);

  /// The file that the prompt is in; empty for none.
  const std::string &getPromptFile() const { return promptFile; }

  int64_t count = 128; /// tokens to generate
  int64_t drafts = 7;  /// tokens to guess in a step
  std::vector<int32_t> prompt;
  SamplingArguments sampling;
  /// Special tokens that end the text like those of the model, and what looks
  /// for other texts that do, if there are any.
  std::vector<int32_t> stopTokens;
  std::unique_ptr<StopSearch> stops;
  std::string languageName;
  int32_t language = -1; ///< of that name; -1: none
  /// Where tokens have languages that are not given: follows the text.
  std::unique_ptr<TokenLanguages> languages;

private:
  Status resolveStops(const Arguments &arguments, const Text &text);
  Status resolveCount(const Arguments &arguments);

  std::string promptText, promptFile, promptIds;
};

/// What came of it.
struct Generation {
  std::vector<int32_t> tokens; /// without the token that ended it
  bool ended = false;          /// the model ended the text
  bool stopped = false;        /// its last token completes a stop string
  double prefillSeconds = 0, decodeSeconds = 0;
};

/// `onPrompt` is called when the prompt is fed, `onToken` for each token before
/// it is fed, `onFed` when its routes are known; a false answer ends the
/// generation, as Ctrl-C does.
struct GenerationEvents {
  std::function<bool()> onPrompt;
  std::function<bool(int32_t token)> onToken;
  std::function<bool(int32_t token, int64_t position)> onFed;
};

/// A request and what answers it.
struct Continuation {
  Text text;
  Request request;
  Engine engine;
  std::unique_ptr<Session> session;

  void declare(Arguments &arguments);
  Status open(const Arguments &arguments, bool recordRoutes);
  /// Feeds the prompt and generates.
  Status run(const GenerationEvents &events, Generation &result);

private:
  Status decode(const GenerationEvents &events, Generation &result);
  Status feed(int32_t token, const SamplerState &state,
              std::vector<int32_t> &guesses);

  Guesser guesser{0};
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CLI_GENERATION_H
