//===- VerifyStorage.cpp - what the quantize phase leaves -----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Closes the quantize phase: f32 for all that is no matrix.
//
//===----------------------------------------------------------------------===//

#include "passes/Quantize/Matrices.h"
#include "passes/Quantize/Passes.h"

using namespace mlir;

namespace fpmoe {

#define GEN_PASS_DEF_VERIFYSTORAGE
#include "passes/Quantize/Passes.h.inc"

namespace {
struct VerifyStoragePass : impl::VerifyStorageBase<VerifyStoragePass> {
  void runOnOperation() override {
    WalkResult walk = getOperation().walk([&](GetOp get) {
      Type element = get.getType().getElementType();
      for (OpOperand &use : get->getUses()) {
        if (element.isF32() || isStoredMatrix(use))
          continue;
        get.emitOpError("gives ")
            << element << " to '" << use.getOwner()->getName()
            << "', which takes f32 in this place";
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    if (walk.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace

} // namespace fpmoe
