//===- MakeProgram.h - From vectors to a program ----------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TOOLS_FPMOE_COMPILE_MAKEPROGRAM_H
#define FPMOE_TOOLS_FPMOE_COMPILE_MAKEPROGRAM_H

#include "lib/Checkpoint/Checkpoint.h"
#include "lib/Target/CPU/Describe.h"
#include "lib/Weights/GroupFile.h"
#include "tools/fpmoe-compile/Diagnostics.h"
#include "tools/fpmoe-compile/Targets.h"

namespace fpmoe {

/// What a program is made of.
struct ProgramParts {
  std::vector<LevelModule> levels; ///< of the codegen phase; they are lowered
  const Targets &targets;
  const ProgramDescription &description;
  mlir::ModuleOp scheduled; ///< of the schedule phase: how weights are made
  const Checkpoint *checkpoint;
  /// Integers that are made already; may be null.
  std::shared_ptr<const GroupFile> groups;
};

/// Goes through the phases behind codegen, and writes what the last one makes.
llvm::Error makeProgram(const CompileOptions &options, ProgramParts parts,
                        Diagnostics &diagnostics);

} // namespace fpmoe

#endif
