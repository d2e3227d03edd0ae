//===- AssignBuffers.cpp - Gives scratch its place ------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Schedule/Passes.h"
#include "llvm/Support/MathExtras.h"

namespace fpmoe {
#define GEN_PASS_DEF_ASSIGNBUFFERS
#include "passes/Schedule/Passes.h.inc"
} // namespace fpmoe

using namespace mlir;

namespace {

struct AssignBuffersPass : fpmoe::impl::AssignBuffersBase<AssignBuffersPass> {
  void runOnOperation() override {
    int64_t sharedEnd = 0, privateEnd = 0;
    auto place = [&](mega::BufferOp buffer, int64_t &end) {
      buffer.setOffset(end);
      end += llvm::alignTo(buffer.getBytes(), 64);
    };
    getOperation().walk([&](mega::BufferOp buffer) {
      if (buffer.getSpace() == mega::BufferSpace::Shared)
        place(buffer, sharedEnd);
      else if (buffer.getSpace() == mega::BufferSpace::Private)
        place(buffer, privateEnd);
    });
  }
};

} // namespace
