//===- Passes.h - From the graph to programs --------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// The schedule phase: programs of phases and tiles for a team of workers, with
// as few barriers as they need.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_PASSES_SCHEDULE_PASSES_H
#define FPMOE_PASSES_SCHEDULE_PASSES_H

#include "dialects/Mega/Mega.h"
#include "mlir/Pass/Pass.h"

namespace fpmoe {

#define GEN_PASS_DECL
#include "passes/Schedule/Passes.h.inc"

struct ScheduleOptions {
  int64_t prefillTokens = 512; ///< tokens of one prefill step, at most
  bool layerInputs = false;    ///< in the place of the logits
  int64_t ranks = 0;           ///< that the model is split over, 0: it is not
};

/// Adds the passes of the schedule phase, its legality check before the last.
void populateSchedulePipeline(mlir::OpPassManager &pm,
                              const ScheduleOptions &options = {});

/// Registers the passes, and the phase as the pipeline `fpmoe-schedule`.
void registerSchedulePasses();

} // namespace fpmoe

#endif
