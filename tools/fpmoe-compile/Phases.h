//===- Phases.h - The phases of compilation ---------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TOOLS_FPMOE_COMPILE_PHASES_H
#define FPMOE_TOOLS_FPMOE_COMPILE_PHASES_H

#include "lib/Target/CPU/Target.h"
#include "mlir/Pass/PassManager.h"

#include <optional>
#include <string>
#include <vector>

namespace fpmoe {

/// From a checkpoint to a program, in this order. Each can be stopped after.
enum class Phase {
  Import,     ///< the graph as the checkpoint has it
  Assemble,   ///< recipes folded
  Specialize, ///< only the languages asked for
  Fuse,       ///< norms, routers and experts in few ops
  Quantize,   ///< a format for each weight
  Schedule,   ///< programs of phases and tiles
  Codegen,    ///< functions over vectors
  LLVM,       ///< LLVM IR
  Object,     ///< machine code
  Link        ///< the program
};

llvm::StringRef getPhaseName(Phase phase);
std::optional<Phase> parsePhase(llvm::StringRef name);
/// "import, assemble, ...", for messages.
std::string listPhases();

/// What the passes have to know.
struct PhaseOptions {
  std::vector<std::string> languages; ///< none: all
  std::string weights; ///< a storage format; empty: as the checkpoint
  std::string cache;   ///< f32 or bf16; empty: as the weights
  int64_t prefillTokens = 512;
  bool layerInputs = false; ///< in the place of the logits
  int64_t ranks = 0;        ///< that the model is split over, 0: it is not
  CpuTarget target;
};

/// Adds the passes of one phase from Assemble to Codegen.
void populatePhase(mlir::OpPassManager &pm, Phase phase,
                   const PhaseOptions &options);

} // namespace fpmoe

#endif
