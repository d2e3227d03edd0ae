//===- Exchange.cpp - Sums over ranks -------------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Phase.h"

using namespace mlir;
using namespace fpmoe;

/// Rows lie one behind the other: the runtime adds all of them at once.
void fpmoe::emit(PhaseContext &phase, mega::ExchangeOp op, Tile) {
  KernelBuilder &b = phase.b;
  Value reduce = phase.pointerField(offsetof(FpmoeStep, reduce));
  Value ranks = phase.pointerField(offsetof(FpmoeStep, ranks));
  auto type =
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                  {b.ptrType(), b.ptrType(), b.getI64Type()});
  LLVM::CallOp::create(b, type,
                       ValueRange{reduce, ranks, phase.base(op.getRows()),
                                  b.mul(phase.count, dim(op.getRows(), -1))});
}
