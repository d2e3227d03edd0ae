//===- PromptStates.h - What prompts make of a part -------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TOOLS_FPMOE_COMPILE_PROMPTSTATES_H
#define FPMOE_TOOLS_FPMOE_COMPILE_PROMPTSTATES_H

#include "lib/Weights/Sources.h"

namespace fpmoe {

/// Gives `sources` the vectors of every `fpmoe.prompt_state` of the module. For
/// each part that they name, compiles a program for this machine into the
/// system's directory for temporary files, runs it over the prompts, and
/// removes it.
llvm::Error addPromptStates(mlir::ModuleOp module, Sources &sources);

} // namespace fpmoe

#endif
