//===- ExpertOps.cpp - What tiles of routed experts need to be sound ------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Mega/TileShapes.h"

using namespace mlir;
using namespace mega;

LogicalResult RouteOp::verify() {
  auto rows = cast<MemRefType>(getRows().getType());
  int64_t tokens = dim(getX(), 0);
  if (!hasColumns(getX(), padColumns(dim(getNorm(), 0))) ||
      rows.getRank() != 4 || rows.getDimSize(0) != tokens ||
      rows.getDimSize(2) != 1 || columnsOf(getRows()) < dim(getX(), 1) ||
      dim(getExperts(), 0) != tokens || dim(getWeights(), 0) != tokens ||
      dim(getExperts(), 1) != std::max<int64_t>(getNumTaken(), 1))
    return emitOpError("of ")
           << getX().getType() << " by " << getNorm().getType() << " gives "
           << rows << ", " << getExperts().getType() << " and "
           << getWeights().getType() << " (route_c1)";
  if (getRouting() &&
      !isa<fpmoe::TokenChoiceAttr, fpmoe::FixedChoiceAttr, fpmoe::TwoLevelAttr>(
          *getRouting()))
    return emitOpError("cannot route by ") << *getRouting() << " (route_c2)";
  bool needsRouter =
      isa_and_nonnull<fpmoe::TokenChoiceAttr, fpmoe::TwoLevelAttr>(
          getRoutingAttr());
  if (getNumTaken() > 0 ? !getRouting() || (needsRouter && !getRouter())
                        : static_cast<bool>(getRouting()))
    return emitOpError("takes ")
           << getNumTaken()
           << " experts a token, but has no rule, or no router "
           << "for it, or has a rule and takes none (route_c3)";
  if (isa_and_nonnull<fpmoe::TokenChoiceAttr>(getRoutingAttr()) && !getForced())
    return emitOpError("does not know which expert is forced (route_c3)");
  return success();
}

LogicalResult RecordRoutesOp::verify() {
  int64_t columns = getColumns(), tokens = getMaxTokens();
  if (columns < 1 || tokens < 1)
    return emitOpError("records ") << columns << " experts of " << tokens
                                   << " tokens (record_routes_c1)";
  return success();
}

LogicalResult SegmentScoresOp::verify() {
  int64_t ofTokens = getRouting().getTokenExperts();
  if (dim(getRouter(), 0) != ofTokens + dim(getScores(), 1) ||
      dim(getPooled(), 0) != dim(getX(), 1))
    return emitOpError("by ")
           << getRouter().getType() << " gives " << getScores().getType()
           << " with scratch " << getPooled().getType()
           << " (segment_scores_c1)";
  return success();
}

LogicalResult SegmentChooseOp::verify() {
  int64_t needed = dim(getScores(), 0) * (dim(getScores(), 1) + 1);
  if (dim(getTaken(), 0) < needed)
    return emitOpError("needs scratch of ")
           << needed << " numbers, it has " << getTaken().getType()
           << " (segment_choose_c1)";
  return success();
}

LogicalResult GroupOp::verify() {
  int64_t rows = (*this)->getParentOfType<ProgramOp>()
                     ? (*this)->getParentOfType<ProgramOp>().getRows()
                     : 1;
  auto layout = GroupTableLayout::withGroups(
      getGroups(), getNumExperts() + getShared(), rows);
  if ((*this)->getParentOfType<ProgramOp>() &&
      (layout.blocks < 1 || layout.size() != dim(getGroups(), 0)))
    return emitOpError("makes ")
           << layout.groups << " groups of blocks of " << rows << " rows in "
           << getGroups().getType() << ", which is no whole table (group_c1)";
  return success();
}

LogicalResult GatherOp::verify() {
  auto rows = cast<MemRefType>(getRows().getType());
  auto operand = cast<MemRefType>(getOperand().getType());
  if (rows.getRank() != 4 || rows.getDimSize(2) != 1 ||
      rows.getElementType() != operand.getElementType() ||
      columnsOf(getRows()) != columnsOf(getOperand()) ||
      dim(getRows(), 3) != dim(getOperand(), 3))
    return emitOpError("packs rows of ")
           << rows << " into " << operand << " (gather_c1)";
  return success();
}

/// Checks the weights of routed experts and of a shared one, of which there
/// must be some, and that all have `operand`'s K, or with `mayBeLess` less.
static LogicalResult verifyExperts(Operation *op, Value routed, Value shared,
                                   Value operand, bool halves, bool mayBeLess,
                                   bool isSplit, StringRef label) {
  bool fits = routed || shared;
  for (auto [weight, rank] : {std::pair(routed, 3), std::pair(shared, 2)})
    if (weight)
      fits &= isPacked(weight, rank + isSplit) &&
              layoutOf(weight).halves == halves &&
              (mayBeLess ? paddedDepthOf(weight) <= columnsOf(operand)
                         : paddedDepthOf(weight) == columnsOf(operand));
  if (fits)
    return success();
  InFlightDiagnostic error = op->emitOpError("multiplies ")
                             << operand.getType() << " by";
  for (Value weight : {routed, shared})
    if (weight)
      error << " " << weight.getType();
  return error << (routed || shared ? "" : " no expert") << " (" << label
               << ")";
}

LogicalResult ExpertUpOp::verify() {
  if (failed(verifyExperts(*this, getGateUp(), getSharedGateUp(), getOperand(),
                           /*halves=*/true, /*mayBeLess=*/false,
                           /*isSplit=*/false, "expert_up_c1")))
    return failure();
  if (static_cast<bool>(getGroups()) == static_cast<bool>(getExperts()) ||
      static_cast<bool>(getExperts()) != static_cast<bool>(getWeights()))
    return fail(*this,
                "needs the groups of many tokens, or the experts and weights "
                "of one",
                "expert_up_c2");
  if (int64_t pairs = getPairs(); pairs < 1)
    return emitOpError("takes ") << pairs << " pairs a tile (expert_up_c3)";
  return success();
}

LogicalResult ExpertDownOp::verify() {
  auto x = cast<MemRefType>(getX().getType());
  bool isSplit = x.getRank() == 3;
  int64_t depth = getDepth(), vectors = getVectors();
  if (failed(verifyExperts(*this, getDown(), getSharedDown(), getAct(),
                           /*halves=*/false, /*mayBeLess=*/true, isSplit,
                           "expert_down_c1")))
    return failure();
  for (Value weight : {getDown(), getSharedDown()})
    if (isSplit && weight && vectors > 0 &&
        (dim(weight, -3) != x.getDimSize(0) || !areWholeShards(weight) ||
         x.getDimSize(0) * paddedDepthOf(weight) > columnsOf(getAct()) ||
         !hasTiles(*this,
                   x.getDimSize(0) *
                       llvm::divideCeil(layoutOf(weight).vectors(), vectors))))
      return emitOpError("of shards ")
             << getAct().getType() << " by " << weight.getType() << " gives "
             << x << ", or has not their tiles (expert_down_c3)";
  int64_t unit = kVectorColumns;
  for (Value weight : {getDown(), getSharedDown()})
    if (weight)
      unit = std::max(unit, layoutOf(weight).k);
  if (depth < 1 || depth % unit || vectors < 1)
    return emitOpError("takes ")
           << vectors << " vectors, and K " << depth
           << " elements at a time, which must be a multiple of " << unit
           << " (expert_down_c2)";
  return success();
}
