//===- SamplingArguments.h - options of sampling ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How tokens are chosen and when a text ends: the defaults of the model's
// authors, and the options that change them.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CLI_SAMPLINGARGUMENTS_H
#define FPMOE_RUNTIME_CLI_SAMPLINGARGUMENTS_H

#include "runtime/cli/Arguments.h"
#include "runtime/core/Sampler.h"

namespace fpmoe {

/// The sampling defaults of the program.
SamplerOptions defaultSampling();

struct SamplingArguments {
  SamplerOptions sampler = defaultSampling();
  /// Texts that end a generation and are not part of it.
  std::vector<std::string> stops;

  void declare(Arguments &arguments);
  /// Completes what was given; the error is one of usage.
  Status check(const Arguments &arguments);

private:
  int64_t seed = 0;
  std::vector<std::string> biases;
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CLI_SAMPLINGARGUMENTS_H
