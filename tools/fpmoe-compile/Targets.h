//===- Targets.h - What a program is compiled for ---------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TOOLS_FPMOE_COMPILE_TARGETS_H
#define FPMOE_TOOLS_FPMOE_COMPILE_TARGETS_H

#include "tools/fpmoe-compile/Compile.h"

namespace fpmoe {

struct Targets {
  std::vector<CpuTarget> levels; ///< the best one first: a GPU's, then CPUs'
  std::vector<std::string> gpus; ///< architectures that a GPU's has cubins for
};

/// As --target, --cpu and --gpu say, or fpmoe.toml. The error tells what does
/// not go together.
llvm::Expected<Targets> chooseTargets(const CompileOptions &options);

/// Whether the model can be split as --ranks says, if it does; `isScheduled`:
/// the input is IR of the schedule phase. The error tells what does not go with
/// it.
llvm::Error checkRanks(const CompileOptions &options, const Targets &targets,
                       bool isScheduled);

/// The files that hold what a phase made, in `directory`: one, or from the
/// schedule on one for each level. Behind codegen they are of a GPU's level:
/// its LLVM IR; its PTX, and cubins in the order of `gpus`.
std::vector<std::string> listDumps(llvm::StringRef directory, Phase phase,
                                   const Targets &targets);

} // namespace fpmoe

#endif
