//===- ProgramLayout.cpp - Memory and tickets of a program ----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/ProgramLayout.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace fpmoe;

ProgramLayout::ProgramLayout(mega::ProgramOp program) {
  auto place = [&](Value buffer, int64_t &end) {
    auto type = cast<MemRefType>(buffer.getType());
    offsets[buffer] = end;
    end = llvm::alignTo(
        end + type.getNumElements() * type.getElementTypeBitWidth() / 8, 64);
  };
  program.walk([&](Operation *op) {
    if (auto buffer = dyn_cast<mega::BufferOp>(op)) {
      auto type = cast<MemRefType>(buffer.getResult().getType());
      switch (buffer.getSpace()) {
      case mega::BufferSpace::Shared:
        return place(buffer, sharedBytes);
      case mega::BufferSpace::Private:
        return place(buffer, privateBytes);
      case mega::BufferSpace::Cache:
        // Keys and values.
        cacheBytesPerPosition = type.getDimSize(0) * type.getDimSize(1) *
                                type.getDimSize(3) *
                                type.getElementTypeBitWidth() / 8;
        return;
      case mega::BufferSpace::Logits:
        return;
      }
    }
    if (auto stack = dyn_cast<mega::LayersOp>(op)) {
      layers = stack.getOrder().size();
      for (Region &kind : stack.getKinds())
        layerPhases = std::max<int64_t>(
            layerPhases, llvm::range_size(kind.getOps<mega::PhaseOp>()));
    }
  });
  topPhases = llvm::range_size(program.getBody().getOps<mega::PhaseOp>());
}
