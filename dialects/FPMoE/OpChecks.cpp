//===- OpChecks.cpp - What verifiers of the graph's ops share -------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/FPMoE/OpChecks.h"

using namespace mlir;
using namespace fpmoe;

LogicalResult fpmoe::expectShape(Operation *op, StringRef what, Value value,
                                 ArrayRef<int64_t> shape,
                                 StringRef constraint) {
  if (!value || shapeOf(value) == shape)
    return success();
  InFlightDiagnostic diag = op->emitOpError(what);
  diag << " has shape [";
  llvm::interleaveComma(shapeOf(value), diag);
  diag << "], it must be [";
  llvm::interleaveComma(shape, diag);
  return diag << "] (" << constraint << ")";
}

LogicalResult fpmoe::verifyNames(Operation *op, ArrayAttr names,
                                 int64_t numExperts, StringRef constraint) {
  if (static_cast<int64_t>(names.size()) != numExperts)
    return op->emitOpError("names ") << names.size() << " of " << numExperts
                                     << " experts (" << constraint << ")";
  return success();
}

LogicalResult fpmoe::verifyEps(Operation *op, double eps,
                               StringRef constraint) {
  if (eps > 0)
    return success();
  return op->emitOpError("eps is ")
         << eps << ", it must be positive (" << constraint << ")";
}

LogicalResult fpmoe::verifyPositive(Operation *op, StringRef what, double value,
                                    StringRef constraint) {
  if (value > 0)
    return success();
  return op->emitOpError(what)
         << " is " << value << ", it must be positive (" << constraint << ")";
}

LogicalResult fpmoe::verifyLowRank(Operation *op, Value lowRank,
                                   std::optional<ArrayRef<int64_t>> ranks,
                                   int64_t &columns, StringRef constraint,
                                   int64_t shards) {
  if (static_cast<bool>(lowRank) != ranks.has_value())
    return op->emitOpError("has a low rank or its ranks alone (")
           << constraint << ")";
  if (!lowRank)
    return success();
  int64_t sum = 0, most = int64_t(1) << 24;
  for (int64_t rank : *ranks) {
    if (rank < 0 || rank > most)
      return op->emitOpError("has a rank of ")
             << rank << " (" << constraint << ")";
    sum = std::min(sum + rank, most + 1);
  }
  SmallVector<int64_t> shape{sum, columns};
  if (shards)
    shape.insert(shape.begin(), shards);
  if (failed(expectShape(op, "low_rank", lowRank, shape, constraint)))
    return failure();
  columns += sum;
  return success();
}

bool fpmoe::needsRouter(Attribute routing) {
  return isa<TokenChoiceAttr, ExpertChoiceAttr, SegmentChoiceAttr,
             TwoLevelAttr>(routing);
}
