//===- Matrices.cpp - which weights have a format -------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One case for each op that reads a matrix.
//
//===----------------------------------------------------------------------===//

#include "passes/Quantize/Matrices.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

bool fpmoe::isStoredMatrix(OpOperand &operand) {
  Value value = operand.get();
  return llvm::TypeSwitch<Operation *, bool>(operand.getOwner())
      .Case([&](EmbeddingOp op) { return value == op.getTable(); })
      .Case([&](LinearOp op) {
        return value == op.getWeight() || value == op.getLowRank();
      })
      .Case([&](QkvOp op) {
        return value == op.getWeight() || value == op.getLowRank();
      })
      .Case([&](ExpertsOp op) {
        return value == op.getGate() || value == op.getUp() ||
               value == op.getDown();
      })
      .Case([&](MlpOp op) {
        return value == op.getGate() || value == op.getUp() ||
               value == op.getDown() || value == op.getUpLowRank() ||
               value == op.getDownLowRank();
      })
      .Case([&](MoeOp op) {
        return value == op.getGateUp() || value == op.getDown() ||
               value == op.getSharedGateUp() || value == op.getSharedDown() ||
               value == op.getUpLowRank() || value == op.getDownLowRank();
      })
      .Default(false);
}
