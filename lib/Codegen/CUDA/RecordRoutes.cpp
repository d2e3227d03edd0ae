//===- RecordRoutes.cpp - Tells which experts were chosen -----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// One thread does it, as a CPU does.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CUDA/Emit.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

void cuda::emit(BlockContext &block, mega::RecordRoutesOp op, Tile tile) {
  block.once(
      [&] { fpmoe::emit(static_cast<PhaseContext &>(block), op, tile); });
}
