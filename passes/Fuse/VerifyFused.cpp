//===- VerifyFused.cpp - what the fuse phase leaves -----------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Closes the fuse phase: the phases after it know the fused ops only. An op
// that stayed plain is named.
//
//===----------------------------------------------------------------------===//

#include "passes/Fuse/Passes.h"

#include "dialects/FPMoE/FPMoE.h"

using namespace mlir;

namespace fpmoe {

#define GEN_PASS_DEF_VERIFYFUSED
#include "passes/Fuse/Passes.h.inc"

namespace {
struct VerifyFusedPass : impl::VerifyFusedBase<VerifyFusedPass> {
  void runOnOperation() override {
    WalkResult walk = getOperation().walk([](Operation *op) {
      if (!isa<RmsNormOp, RopeOp, ExtendHeadsOp, ClampOp, ScaleOp, RouteOp,
               ExpertsOp, MlpOp, AddOp>(op))
        return WalkResult::advance();
      op->emitOpError("is left after the fuse phase, which found no fused op "
                      "for it: an intermediate has another user, or the order "
                      "of the ops is not that of a layer");
      return WalkResult::interrupt();
    });
    if (walk.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace

} // namespace fpmoe
