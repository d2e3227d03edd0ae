//===- Matrices.cpp - What ops multiply by --------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/FPMoE/Matrices.h"

using namespace mlir;
using namespace fpmoe;

/// The matrices that are there.
static SmallVector<StoredMatrix>
present(std::initializer_list<StoredMatrix> matrices) {
  SmallVector<StoredMatrix> list;
  for (const StoredMatrix &matrix : matrices)
    if (matrix.weight)
      list.push_back(matrix);
  return list;
}

int64_t fpmoe::rankOf(Value lowRank) {
  return lowRank ? cast<ShapedType>(lowRank.getType()).getShape().end()[-2] : 0;
}

/// A first low-rank factor.
static StoredMatrix factor(Value weight) {
  return {weight, /*halves=*/false, /*tail=*/0, /*factor=*/true};
}

SmallVector<StoredMatrix> EmbeddingOp::getMatrices() { return {{getTable()}}; }

SmallVector<StoredMatrix> LinearOp::getMatrices() {
  return present(
      {{getWeight(), false, rankOf(getLowRank())}, factor(getLowRank())});
}

SmallVector<StoredMatrix> QkvOp::getMatrices() {
  return present(
      {{getWeight(), false, rankOf(getLowRank())}, factor(getLowRank())});
}

SmallVector<StoredMatrix> ExpertsOp::getMatrices() {
  return {{getGate()}, {getUp()}, {getDown()}};
}

SmallVector<StoredMatrix> MlpOp::getMatrices() {
  int64_t upRank = rankOf(getUpLowRank()), downRank = rankOf(getDownLowRank());
  return present({{getGate(), false, upRank},
                  {getUp(), false, upRank},
                  {getDown(), false, downRank},
                  factor(getUpLowRank()),
                  factor(getDownLowRank())});
}

SmallVector<StoredMatrix> MoeOp::getMatrices() {
  return present({{getGateUp(), true},
                  {getDown()},
                  {getSharedGateUp(), true, rankOf(getUpLowRank())},
                  {getSharedDown(), false, rankOf(getDownLowRank())},
                  factor(getUpLowRank()),
                  factor(getDownLowRank())});
}
