//===- OpChecks.h - What verifiers of the graph's ops share -----*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Shapes of rows and weights, and checks that several ops have.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_DIALECTS_FPMOE_OPCHECKS_H
#define FPMOE_DIALECTS_FPMOE_OPCHECKS_H

#include "dialects/FPMoE/FPMoE.h"

namespace fpmoe {

inline llvm::ArrayRef<int64_t> shapeOf(mlir::Value value) {
  return llvm::cast<mlir::RankedTensorType>(value.getType()).getShape();
}
inline int64_t columnsOf(mlir::Value rows) { return shapeOf(rows).back(); }
/// Of a weight that should be a matrix; 1 where it has no dimension at all.
inline int64_t rowsOf(mlir::Value matrix) {
  return shapeOf(matrix).empty() ? 1 : shapeOf(matrix).front();
}

/// Fails unless `value`, if there, has exactly this shape.
mlir::LogicalResult expectShape(mlir::Operation *op, llvm::StringRef what,
                                mlir::Value value,
                                llvm::ArrayRef<int64_t> shape,
                                llvm::StringRef constraint);

/// Each of these fails with an error of the op that ends with the constraint.
mlir::LogicalResult verifyNames(mlir::Operation *op, mlir::ArrayAttr names,
                                int64_t numExperts, llvm::StringRef constraint);

mlir::LogicalResult verifyEps(mlir::Operation *op, double eps,
                              llvm::StringRef constraint);

mlir::LogicalResult verifyPositive(mlir::Operation *op, llvm::StringRef what,
                                   double value, llvm::StringRef constraint);

/// Checks what widens an input of `columns` columns, and sets them to those of
/// the widened one. With `shards`, there is one for each.
mlir::LogicalResult verifyLowRank(mlir::Operation *op, mlir::Value lowRank,
                                  std::optional<llvm::ArrayRef<int64_t>> ranks,
                                  int64_t &columns, llvm::StringRef constraint,
                                  int64_t shards = 0);

/// Whether `columns` are `heads` heads of one size.
inline bool areHeads(int64_t columns, int64_t heads) {
  return heads > 0 && columns % heads == 0;
}

/// Whether a rule chooses by the scores of a router.
bool needsRouter(mlir::Attribute routing);

} // namespace fpmoe

#endif
