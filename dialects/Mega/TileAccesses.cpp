//===- TileAccesses.cpp - What the tiles of each op touch -----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// The accesses that the race verifier and the barrier passes reason with. The
// code that lib/Codegen/CPU emits for an op must touch nothing else.
//===----------------------------------------------------------------------===//

#include "dialects/Mega/Mega.h"

using namespace mlir;
using namespace mega;

namespace {
constexpr bool kRead = false, kWrite = true;
using Accesses = SmallVectorImpl<TileAccess>;
} // namespace

/// `dims` where the phase has tiles, the whole buffer where it has none.
static void add(Operation *op, Accesses &accesses, Value buffer, bool write,
                SmallVector<int64_t, 2> dims) {
  if (!buffer)
    return;
  if (op->getParentOfType<PhaseOp>().getRank() == 0)
    dims.clear();
  accesses.push_back({buffer, write, std::move(dims)});
}

/// The product with those of the weights that the op has.
static TileProduct multiply(Value rows, ArrayRef<Value> weights) {
  TileProduct product{rows, {}};
  llvm::copy_if(weights, std::back_inserter(product.weights),
                [](Value weight) { return weight != nullptr; });
  return product;
}

int64_t EmbedOp::getTileRank() { return 1; }
void EmbedOp::getAccesses(Accesses &accesses) {
  add(*this, accesses, getTokens(), kRead, {0});
  add(*this, accesses, getX(), kWrite, {0});
}

int64_t RopeOp::getTileRank() { return 1; }
void RopeOp::getAccesses(Accesses &accesses) {
  add(*this, accesses, getPositions(), kRead, {});
  add(*this, accesses, getTable(), kWrite, {0});
}

int64_t NormOp::getTileRank() { return 1; }
bool NormOp::allowsTileSize(TileSize size) {
  return size == (getLogitsRows() ? TileSize::LogitsBlocks : TileSize::Blocks);
}
void NormOp::getAccesses(Accesses &accesses) {
  // Rows with logits lie anywhere, so that their blocks are not those of x.
  add(*this, accesses, getX(), kRead,
      getLogitsRows() ? SmallVector<int64_t, 2>() : SmallVector<int64_t, 2>{0});
  add(*this, accesses, getLogitsRows(), kRead, {});
  add(*this, accesses, getOperand(), kWrite, {0});
}

int64_t QuantizeOp::getTileRank() { return 1; }
bool QuantizeOp::allowsTileSize(TileSize size) {
  return size == (getGroups() ? TileSize::ExpertBlocks : TileSize::Blocks);
}
void QuantizeOp::getAccesses(Accesses &accesses) {
  add(*this, accesses, getGroups(), kRead, {});
  add(*this, accesses, getRows(), kRead, {0});
  add(*this, accesses, getOperand(), kWrite, {0});
}

int64_t LowRankOp::getTileRank() { return 1; }
void LowRankOp::getAccesses(Accesses &accesses) {
  add(*this, accesses, getLanguages(), kRead, {});
  add(*this, accesses, getOperand(), kRead, {0});
  add(*this, accesses, getWidened() ? getWidened() : getOperand(), kWrite, {0});
}
TileProduct LowRankOp::getProduct() {
  return multiply(getOperand(), {getWeight()});
}

int64_t QkvOp::getTileRank() { return 2; }
bool QkvOp::allowsTileSize(TileSize size) {
  return size == TileSize::BlockGroups;
}
void QkvOp::getAccesses(Accesses &accesses) {
  add(*this, accesses, getOperand(), kRead, {1});
  add(*this, accesses, getPositions(), kRead, {});
  add(*this, accesses, getTable(), kRead, {1});
  add(*this, accesses, getQuery(), kWrite, {0, 1});
  add(*this, accesses, getCache(), kWrite, {0, 1});
  add(*this, accesses, getHead(), kWrite, {});
}
TileProduct QkvOp::getProduct() {
  return multiply(getOperand(), {getWeight()});
}

int64_t SquaresOp::getTileRank() { return 1; }
void SquaresOp::getAccesses(Accesses &accesses) {
  add(*this, accesses, getQ(), kRead, {0});
  add(*this, accesses, getK(), kRead, {0});
  add(*this, accesses, getSums(), kWrite, {0});
}

int64_t HeadsOp::getTileRank() { return 1; }
void HeadsOp::getAccesses(Accesses &accesses) {
  for (Value rows : {getQ(), getK(), getV(), getTail(), getSquares()})
    add(*this, accesses, rows, kRead, {0});
  add(*this, accesses, getPositions(), kRead, {});
  add(*this, accesses, getTable(), kRead, {0});
  add(*this, accesses, getQuery(), kWrite, {0});
  add(*this, accesses, getCache(), kWrite, {0});
  add(*this, accesses, getHead(), kWrite, {});
}

int64_t AttentionOp::getTileRank() { return 2; }
bool AttentionOp::allowsTileSize(TileSize size) {
  return size == TileSize::QueryBlocks;
}
void AttentionOp::getAccesses(Accesses &accesses) {
  add(*this, accesses, getQuery(), kRead, {0, 1});
  add(*this, accesses, getCache(), kRead, {});
  add(*this, accesses, getPositions(), kRead, {});
  add(*this, accesses, getScores(), kWrite, {});
  add(*this, accesses, getSums(), kWrite, {});
  add(*this, accesses, getOperand(), kWrite, {0, 1});
}

int64_t AttendSpanOp::getTileRank() { return 2; }
bool AttendSpanOp::allowsTileSize(TileSize size) {
  return size == TileSize::Spans;
}
void AttendSpanOp::getAccesses(Accesses &accesses) {
  add(*this, accesses, getQuery(), kRead, {0});
  add(*this, accesses, getCache(), kRead, {});
  add(*this, accesses, getPositions(), kRead, {});
  add(*this, accesses, getScores(), kWrite, {});
  add(*this, accesses, getPartial(), kWrite, {0, 1});
}

int64_t MergeSpansOp::getTileRank() { return 1; }
void MergeSpansOp::getAccesses(Accesses &accesses) {
  add(*this, accesses, getPartial(), kRead, {});
  add(*this, accesses, getPositions(), kRead, {});
  add(*this, accesses, getOperand(), kWrite, {0});
}

int64_t LinearOp::getTileRank() { return 2; }
bool LinearOp::allowsTileSize(TileSize size) {
  return size == TileSize::BlockGroups;
}
void LinearOp::getAccesses(Accesses &accesses) {
  add(*this, accesses, getOperand(), kRead, {1});
  add(*this, accesses, getLogitsRows(), kRead, {});
  if (getAccumulate())
    add(*this, accesses, getOut(), kRead, {0, 1});
  add(*this, accesses, getOut(), kWrite, {0, 1});
}
TileProduct LinearOp::getProduct() {
  return multiply(getOperand(), {getWeight()});
}

int64_t ReduceOp::getTileRank() { return 1; }
void ReduceOp::getAccesses(Accesses &accesses) {
  add(*this, accesses, getSums(), kRead, {0});
  if (getAccumulate())
    add(*this, accesses, getOut(), kRead, {0});
  add(*this, accesses, getOut(), kWrite, {0});
}

int64_t ExchangeOp::getTileRank() { return 1; }
void ExchangeOp::getAccesses(Accesses &accesses) {
  add(*this, accesses, getRows(), kRead, {});
  add(*this, accesses, getRows(), kWrite, {});
}

int64_t KeepRowsOp::getTileRank() { return 1; }
void KeepRowsOp::getAccesses(Accesses &accesses) {
  add(*this, accesses, getX(), kRead, {});
  add(*this, accesses, getLogitsRows(), kRead, {});
  add(*this, accesses, getOut(), kWrite, {0});
}

int64_t RouteOp::getTileRank() { return 1; }
void RouteOp::getAccesses(Accesses &accesses) {
  add(*this, accesses, getX(), kRead, {0});
  add(*this, accesses, getForced(), kRead, {});
  add(*this, accesses, getRows(), kWrite, {0});
  add(*this, accesses, getExperts(), kWrite, {0});
  add(*this, accesses, getWeights(), kWrite, {0});
  add(*this, accesses, getScores(), kWrite, {});
}

int64_t RecordRoutesOp::getTileRank() { return 1; }
void RecordRoutesOp::getAccesses(Accesses &accesses) {
  add(*this, accesses, getExperts(), kRead, {0});
  add(*this, accesses, getRoutes(), kWrite, {0});
}

int64_t SegmentScoresOp::getTileRank() { return 1; }
void SegmentScoresOp::getAccesses(Accesses &accesses) {
  add(*this, accesses, getX(), kRead, {});
  add(*this, accesses, getSegments(), kRead, {});
  add(*this, accesses, getScores(), kWrite, {0});
  add(*this, accesses, getPooled(), kWrite, {});
}

int64_t SegmentChooseOp::getTileRank() { return 1; }
void SegmentChooseOp::getAccesses(Accesses &accesses) {
  add(*this, accesses, getScores(), kRead, {});
  add(*this, accesses, getSegments(), kRead, {});
  add(*this, accesses, getExperts(), kWrite, {0});
  add(*this, accesses, getWeights(), kWrite, {0});
  add(*this, accesses, getTaken(), kWrite, {});
}

int64_t GroupOp::getTileRank() { return 1; }
void GroupOp::getAccesses(Accesses &accesses) {
  add(*this, accesses, getExperts(), kRead, {});
  add(*this, accesses, getWeights(), kRead, {});
  add(*this, accesses, getGroups(), kWrite, {});
}

int64_t GatherOp::getTileRank() { return 1; }
bool GatherOp::allowsTileSize(TileSize size) {
  return size == TileSize::ExpertBlocks;
}
void GatherOp::getAccesses(Accesses &accesses) {
  add(*this, accesses, getRows(), kRead, {});
  add(*this, accesses, getGroups(), kRead, {});
  add(*this, accesses, getOperand(), kWrite, {0});
}

int64_t ExpertUpOp::getTileRank() { return 1; }
void ExpertUpOp::getAccesses(Accesses &accesses) {
  add(*this, accesses, getOperand(), kRead, {});
  add(*this, accesses, getGroups(), kRead, {});
  add(*this, accesses, getExperts(), kRead, {});
  add(*this, accesses, getWeights(), kRead, {});
  add(*this, accesses, getAct(), kWrite, {0});
}
TileProduct ExpertUpOp::getProduct() {
  return multiply(getOperand(), {getGateUp(), getSharedGateUp()});
}

int64_t ExpertDownOp::getTileRank() { return 1; }
void ExpertDownOp::getAccesses(Accesses &accesses) {
  add(*this, accesses, getAct(), kRead, {});
  add(*this, accesses, getGroups(), kRead, {});
  add(*this, accesses, getExperts(), kRead, {});
  add(*this, accesses, getX(), kRead, {0});
  add(*this, accesses, getX(), kWrite, {0});
}
TileProduct ExpertDownOp::getProduct() {
  return multiply(getAct(), {getDown(), getSharedDown()});
}
