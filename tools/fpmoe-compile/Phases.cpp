//===- Phases.cpp - The phases of compilation -----------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/fpmoe-compile/Phases.h"
#include "passes/Assemble/Passes.h"
#include "passes/CPU/Passes.h"
#include "passes/CUDA/Passes.h"
#include "passes/Fuse/Passes.h"
#include "passes/Quantize/Passes.h"
#include "passes/Schedule/Passes.h"
#include "passes/Specialize/Passes.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;

namespace fpmoe {

static constexpr StringLiteral kNames[] = {
    "import",   "assemble", "specialize", "fuse",   "quantize",
    "schedule", "codegen",  "llvm",       "object", "link"};

StringRef getPhaseName(Phase phase) {
  return kNames[static_cast<size_t>(phase)];
}

std::optional<Phase> parsePhase(StringRef name) {
  for (auto [i, known] : enumerate(kNames))
    if (name == known)
      return static_cast<Phase>(i);
  return std::nullopt;
}

std::string listPhases() {
  return join(std::begin(kNames), std::end(kNames), ", ");
}

void populatePhase(mlir::OpPassManager &pm, Phase phase,
                   const PhaseOptions &options) {
  switch (phase) {
  case Phase::Assemble:
    return populateAssemblePipeline(pm, AssembleOptions());
  case Phase::Specialize: {
    SpecializeOptions specialize;
    specialize.languages = ArrayRef<std::string>(options.languages);
    return populateSpecializePipeline(pm, specialize);
  }
  case Phase::Fuse:
    return populateFusePipeline(pm, FuseOptions());
  case Phase::Quantize: {
    QuantizeOptions quantize;
    quantize.format = options.weights;
    quantize.cache = options.cache;
    return populateQuantizePipeline(pm, quantize);
  }
  case Phase::Schedule:
    return populateSchedulePipeline(
        pm, {std::max({options.prefillTokens, options.target.rows,
                       options.target.tileRows}),
             options.layerInputs, options.ranks});
  case Phase::Codegen:
    return options.target.isGpu ? populateCudaCodegenPipeline(pm)
                                : populateCodegenPipeline(pm);
  case Phase::Import:
  case Phase::LLVM:
  case Phase::Object:
  case Phase::Link:
    break; // not made of MLIR passes
  }
}

} // namespace fpmoe
