//===- Explain.h - What the compiler understood of a model ------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A page for people: what the graph computes, and what its program will need.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TOOLS_FPMOE_COMPILE_EXPLAIN_H
#define FPMOE_TOOLS_FPMOE_COMPILE_EXPLAIN_H

#include "lib/Target/CPU/Describe.h"

namespace fpmoe {

/// What only the plain graph tells: lines about layers, attention and experts.
/// `module` is of a phase before fuse.
std::string explainGraph(mlir::ModuleOp module);

/// The whole page: `graph` in its place, the sizes from the description of the
/// program. `remark` says where the weights come from.
std::string explainProgram(const ProgramDescription &description,
                           llvm::StringRef graph, llvm::StringRef remark);

} // namespace fpmoe

#endif
