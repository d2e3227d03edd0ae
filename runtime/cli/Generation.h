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
#include "runtime/cli/Text.h"
#include "runtime/cli/TokenLanguages.h"
#include "runtime/core/Sampler.h"

#include <functional>

namespace fpmoe {

/// What the user asks for.
struct Request {
  /// Adds the options of the prompt, of sampling and of the language. `count`
  /// is the default of -n.
  void declare(Arguments &arguments, int64_t count);
  /// Checks that there is one prompt; the error is one of usage.
  Status check(const Arguments &arguments) const;
  /// Reads and tokenises the prompt, and checks that it fits the context.
  Status resolve(const Arguments &arguments, const Text &text);

  int64_t count = 0; /// tokens to generate
  std::vector<int32_t> prompt;
  SamplerOptions sampling;
  int32_t language = -1;
  /// Where tokens have languages that are not given: follows the text.
  std::unique_ptr<TokenLanguages> languages;

private:
  std::string promptText, promptFile, promptIds, languageName;
  int64_t seed = 0;
};

/// What came of it.
struct Generation {
  std::vector<int32_t> tokens; /// without the token that ended it
  bool ended = false;          /// the model ended the text
  double prefillSeconds = 0, decodeSeconds = 0;
};

/// Feeds the prompt and generates. `onPrompt` is called when the prompt is
/// fed, `onToken` for each token before it is fed, `onFed` when its routes
/// are known; a false answer ends the generation, as Ctrl-C does. The session
/// must be at position 0.
struct GenerationEvents {
  std::function<bool()> onPrompt;
  std::function<bool(int32_t token)> onToken;
  std::function<bool(int32_t token, int64_t position)> onFed;
};
Status generate(Engine &engine, Session &session, const Request &request,
                const GenerationEvents &events, Generation &result);

/// Positions that the session of a request has to have.
int64_t positionsFor(const Request &request);

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CLI_GENERATION_H
