//===- VerifyStorage.cpp - what the quantize phase leaves -----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Closes the quantize phase: one format for all matrices, f32 for all the rest.
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
    GetOp first;
    WalkResult walk = getOperation().walk([&](GetOp get) {
      Type element = get.getType().getElementType();
      for (OpOperand &use : get->getUses()) {
        if (!isStoredMatrix(use)) {
          if (element.isF32())
            continue;
          get.emitOpError("gives ")
              << element << " to '" << use.getOwner()->getName()
              << "', which takes f32 in this place";
          return WalkResult::interrupt();
        }
        if (!first)
          first = get;
        if (first.getType().getElementType() == element)
          continue;
        get.emitOpError("gives a matrix of ")
            << element << ", '" << first.getWeight() << "' is of "
            << first.getType().getElementType();
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
