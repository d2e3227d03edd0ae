//===- Matrices.cpp - Which weights have a storage format -----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Quantize/Matrices.h"

using namespace mlir;

bool fpmoe::isStoredMatrix(OpOperand &operand) {
  auto op = dyn_cast<MatricesOpInterface>(operand.getOwner());
  return op && llvm::any_of(op.getMatrices(), [&](const StoredMatrix &matrix) {
           return matrix.weight == operand.get();
         });
}
