//===- BenchLoad.h - texts as a server has them ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CLI_BENCHLOAD_H
#define FPMOE_RUNTIME_CLI_BENCHLOAD_H

#include "runtime/cli/Engine.h"
#include "runtime/cli/Samples.h"
#include "runtime/core/Scheduler.h"

namespace fpmoe {

/// Texts that the scheduler reads and writes: some at a time, each with a
/// prompt of its own, and another one for each that ends.
class BenchLoad {
public:
  BenchLoad(int64_t sequences, int64_t prompt, int64_t generate)
      : sequences(sequences), prompt(prompt), generate(generate) {}

  Status open(Engine &engine);
  /// Runs four times as many texts as there are at a time, or until `stop`
  /// returns true.
  Status run(bool (*stop)());

  Samples tokens;    ///< read and made, per second of a run
  Samples firstOnes; ///< seconds from a text's start to its first token
  Samples gaps;      ///< seconds from a token of a text to its next one

private:
  int64_t sequences, prompt, generate;
  uint64_t numTexts = 0;
  std::unique_ptr<Scheduler> scheduler;
};

/// Token ids of the vocabulary, the same for the same seed.
std::vector<int32_t> randomTokens(int64_t count, uint64_t seed);

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CLI_BENCHLOAD_H
