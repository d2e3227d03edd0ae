//===- ExpertsBuilder.cpp - The phases of a feed-forward block ------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Route, group the tokens by expert, and two products over the experts and the
// shared one together, so that none waits for another.
//===----------------------------------------------------------------------===//

#include "dialects/FPMoE/Matrices.h"
#include "lib/Codegen/Formats/Format.h"
#include "passes/Schedule/ProgramBuilder.h"

using namespace mlir;
using namespace fpmoe;
using mega::BufferSpace;
using mega::StepInput;
using mega::TileSize;

/// Bytes of a vector of columns over the part of K that the second product
/// takes at a time: the weights of a tile stay in the cache while blocks pass.
static constexpr int64_t kDepthBytes = 128 << 10;

int64_t fpmoe::getNumRecorded(MoeOp op) {
  if (auto levels = dyn_cast_or_null<TwoLevelAttr>(op.getRoutingAttr()))
    return levels.getNumChosen();
  return op.getNames() ? getTopK(*op.getRouting()) : 0;
}

namespace {

class ExpertsBuilder {
public:
  ExpertsBuilder(ProgramBuilder &b, MoeOp op, Value x)
      : b(b), op(op), x(x), experts(op.getNames() ? op.getNames()->size() : 0),
        topK(experts ? getTopK(*op.getRouting()) : 0),
        shared(static_cast<bool>(op.getSharedDown())),
        levels(dyn_cast_or_null<TwoLevelAttr>(op.getRoutingAttr())) {
    // A segment is complete in a step of many tokens only.
    if (levels && b.one)
      topK = levels.getNumTaken();
  }

  LogicalResult build();

private:
  LogicalResult checkFormats();
  void buildRoute(Value rows);
  void buildSegments();
  /// Writes the table of expert blocks and packs their rows.
  Value buildGroups(Value rows, int64_t columns, Value upWeight);
  void buildUp(Value rows);
  void buildDown();
  /// Blocks of the experts' tokens at most.
  int64_t getNumSlots() const;
  /// Whichever there is.
  Value anyGateUp() {
    return op.getGateUp() ? op.getGateUp() : op.getSharedGateUp();
  }
  /// That of the wider experts: rows of the others end in zeros.
  Value widerDown() {
    auto columns = [](Value weight) {
      return weight ? cast<ShapedType>(weight.getType()).getShape().back() : 0;
    };
    return columns(op.getDown()) > columns(op.getSharedDown())
               ? op.getDown()
               : op.getSharedDown();
  }
  /// Dimensions of that where it is not split.
  int64_t rankOfDown() { return widerDown() == op.getDown() ? 3 : 2; }
  int64_t getNumShards() {
    return fpmoe::getNumShards(widerDown(), rankOfDown());
  }
  static mega::PackedLayout layoutOf(Value weight) {
    return mega::PackedLayout(cast<RankedTensorType>(weight.getType()));
  }

  ProgramBuilder &b;
  MoeOp op;
  Value x;
  int64_t experts, topK;
  bool shared;
  TwoLevelAttr levels;
  Value chosen, weights, groups, act;
};

int64_t ExpertsBuilder::getNumSlots() const {
  if (b.one)
    return topK + shared;
  int64_t routed =
      experts ? b.shape.maxTokens * topK / b.shape.rows + experts : 0;
  return routed + (shared ? b.numBlocks : 0);
}

/// Rows are made once for all weights that multiply them.
LogicalResult ExpertsBuilder::checkFormats() {
  auto operandOf = [&](Value weight) {
    const Format &format =
        getFormat(cast<ShapedType>(weight.getType()).getElementType());
    return std::tuple(format.getOperandElement(b.target),
                      format.getOperandDepth(b.target),
                      format.takesRowMajor(b.target));
  };
  // Low ranks multiply the rows as they are made.
  auto rowsOf = [&](Value weight) {
    return getRowsFormat(
               getFormat(cast<ShapedType>(weight.getType()).getElementType()))
        .getOperandElement(b.target);
  };
  for (auto [weights, name] :
       {std::pair(SmallVector<Value>{op.getGateUp(), op.getSharedGateUp(),
                                     op.getUpLowRank()},
                  "gate_up"),
        std::pair(SmallVector<Value>{op.getDown(), op.getSharedDown(),
                                     op.getDownLowRank()},
                  "down")}) {
    llvm::erase(weights, Value());
    bool isFactor = false;
    for (Value weight : weights)
      if (isFactor =
              weight == op.getUpLowRank() || weight == op.getDownLowRank();
          isFactor ? rowsOf(weight) != rowsOf(weights.front())
                   : operandOf(weight) != operandOf(weights.front()))
        return op.emitOpError("has matrices of formats that multiply the same "
                              "rows differently on this target: ")
               << weights.front().getType() << " and " << weight.getType()
               << " (" << name << ")";
  }
  return success();
}

LogicalResult ExpertsBuilder::build() {
  if (failed(checkFormats()))
    return failure();
  bool hasSegments = levels && !b.one && levels.getMaxPerSegment() > 0;
  if (hasSegments && b.shape.maxTokens < levels.getWhole().getSegment())
    return op.emitOpError("routes segments of ")
           << levels.getWhole().getSegment()
           << " tokens, a step has at most prefill-tokens, "
           << b.shape.maxTokens;
  int64_t columns = widenedColumns(
      cast<RankedTensorType>(op.getType()).getDimSize(1), op.getUpLowRank());
  Value rows = b.operand("normed", b.common(), anyGateUp(), b.shape.maxTokens,
                         /*rows=*/1, columns);
  buildRoute(rows);
  if (hasSegments)
    buildSegments();
  if (!b.one)
    rows = buildGroups(rows, columns, anyGateUp());
  // Expert blocks of the shared expert alone are the blocks of the tokens.
  rows = addLowRank(b, rows, op.getUpLowRank(), op.getUpRanksAttr(),
                    "up_low_rank");
  Value ofExperts = op.getUpLowRank() ? Value() : groups;
  buildUp(
      b.multiplied(rows, anyGateUp(), ofExperts, rankOf(op.getUpLowRank())));
  act = addLowRank(b, act, op.getDownLowRank(), op.getDownRanksAttr(),
                   "down_low_rank");
  ofExperts = op.getDownLowRank() ? Value() : groups;
  act = b.multiplied(act, widerDown(), ofExperts, rankOf(op.getDownLowRank()),
                     getNumShards());
  buildDown();
  return success();
}

void ExpertsBuilder::buildRoute(Value rows) {
  Type f32 = b.getF32Type(), i32 = b.getI32Type();
  int64_t tokens = b.shape.maxTokens;
  chosen =
      b.buffer("chosen", b.common(), {tokens, std::max<int64_t>(topK, 1)}, i32);
  weights = b.buffer("weights", b.common(), {tokens, topK + 1}, f32);
  int64_t numScores = 1;
  if (op.getRouter())
    numScores = cast<RankedTensorType>(op.getRouter().getType()).getDimSize(0) +
                experts;
  auto choice = dyn_cast_or_null<TokenChoiceAttr>(op.getRoutingAttr());
  if (choice)
    numScores += choice.getGroups();
  Value scores =
      b.buffer("router_scores", BufferSpace::Private, {numScores}, f32);
  Value norm = b.weight(op.getNorm()), router = b.weight(op.getRouter());
  Value scale = b.weight(op.getScale());
  // All threads of a worker share one token.
  TileSize size =
      b.target.getThreads() > 1 ? TileSize::Tokens : TileSize::Blocks;
  b.beginPhase("route", b.one ? ProgramBuilder::Sizes()
                              : ProgramBuilder::Sizes{b.size(size)});
  mega::RouteOp::create(b, b.loc, x, norm, router, scale,
                        choice ? b.input(StepInput::Forced) : Value(), rows,
                        chosen, weights, scores, op.getEpsAttr(),
                        op.getRoutingAttr(), b.getI64IntegerAttr(experts),
                        op.getMultiplierAttr());
  if (b.shape.routeColumns) {
    b.beginPhase("record_routes", {b.sizeOfMany(TileSize::Tokens)});
    mega::RecordRoutesOp::create(b, b.loc, topK ? chosen : Value(),
                                 b.input(StepInput::Routes), b.layer,
                                 b.shape.routeColumns, b.shape.routeTokens);
  }
  // What is made of the rows is no part of it.
  b.endPhase();
}

/// Adds to the tokens' lists the experts of the segments that are complete.
void ExpertsBuilder::buildSegments() {
  Type f32 = b.getF32Type(), i32 = b.getI32Type();
  int64_t segments = b.shape.maxTokens / levels.getWhole().getSegment();
  int64_t numRows =
      cast<RankedTensorType>(op.getRouter().getType()).getDimSize(0) -
      levels.getTokenExperts();
  int64_t width = cast<MemRefType>(x.getType()).getDimSize(1);
  Value scores =
      b.buffer("segment_scores", BufferSpace::Shared, {segments, numRows}, f32);
  Value pooled = b.buffer("pooled", BufferSpace::Private, {width}, f32);
  Value taken =
      b.buffer("taken", BufferSpace::Private, {segments * (numRows + 1)}, i32);
  Value complete = b.input(StepInput::Segments);
  b.endPhase();
  Value norm = b.weight(op.getNorm()), router = b.weight(op.getRouter());
  b.beginPhase("segment_scores", {b.size(segments)});
  mega::SegmentScoresOp::create(b, b.loc, x, norm, router, complete, scores,
                                pooled, op.getEpsAttr(), levels);
  b.beginPhase("segment_choose", {b.size(1)});
  mega::SegmentChooseOp::create(b, b.loc, scores, complete, chosen, weights,
                                taken, levels);
}

Value ExpertsBuilder::buildGroups(Value rows, int64_t columns, Value upWeight) {
  mega::GroupTableLayout table{experts + shared, getNumSlots(), b.shape.rows};
  // Shared memory of a block of threads is small: one makes the table for all.
  bool isOnes = b.target.getThreads() > 1;
  groups =
      b.buffer("groups", isOnes ? BufferSpace::Shared : BufferSpace::Private,
               {table.size()}, b.getI32Type());
  b.beginPhase("group", isOnes ? ProgramBuilder::Sizes{b.size(1)}
                               : ProgramBuilder::Sizes());
  mega::GroupOp::create(b, b.loc, chosen, weights, groups, experts, shared);
  Value packed = b.operand("gathered", BufferSpace::Shared, upWeight,
                           table.blocks, b.shape.rows, columns);
  b.beginPhase("gather", {b.size(TileSize::ExpertBlocks)});
  mega::GatherOp::create(b, b.loc, rows, groups, packed);
  return packed;
}

void ExpertsBuilder::buildUp(Value rows) {
  b.endPhase();
  Value gateUp = b.weight(op.getGateUp());
  Value sharedGateUp = b.weight(op.getSharedGateUp());
  // All experts have tiles of the same size.
  int64_t pairs = INT64_MAX, width = 0, tiles = 0;
  for (Value weight : {gateUp, sharedGateUp})
    if (weight)
      pairs =
          std::min(pairs, std::max<int64_t>(b.vectorsPerTile(weight) / 2, 1));
  for (Value weight : {gateUp, sharedGateUp}) {
    if (!weight)
      continue;
    int64_t weightPairs = layoutOf(weight).vectors() / 2;
    width = std::max(width, weightPairs * mega::kVectorColumns);
    int64_t count = weight == sharedGateUp ? 1 : b.one ? topK : experts;
    tiles += count * llvm::divideCeil(weightPairs, pairs);
  }
  act = b.operand("active", BufferSpace::Shared, widerDown(), getNumSlots(),
                  b.shape.rows, widenedColumns(width, op.getDownLowRank()));
  b.beginPhase("expert_up", {b.size(tiles)});
  mega::ExpertUpOp::create(b, b.loc, rows, gateUp, sharedGateUp, groups,
                           b.one ? chosen : Value(), b.one ? weights : Value(),
                           act, pairs);
}

void ExpertsBuilder::buildDown() {
  b.endPhase();
  Value down = b.weight(op.getDown()),
        sharedDown = b.weight(op.getSharedDown());
  int64_t bytes = 1, perPanel = 1, depth = 0; // bytes of 16 columns of K
  for (Value weight : {down, sharedDown})
    if (weight) {
      mega::PackedLayout layout = layoutOf(weight);
      bytes = std::max(bytes, layout.vectorBytes / layout.k);
      perPanel = std::max(perPanel, layout.n / mega::kVectorColumns);
      depth = std::max(depth, layout.depth * layout.k);
    }
  depth = std::min(depth, kDepthBytes / bytes / mega::kGroupElements *
                              mega::kGroupElements);
  int64_t total = layoutOf(widerDown()).vectors();
  int64_t vectors = std::max(getVectorsAtOnce(b.target, 1), perPanel);
  if (!b.one && b.target.getThreads() == 1) {
    int64_t vectorBytes = depth * bytes;
    vectors = llvm::alignTo(
        std::min<int64_t>(std::max<int64_t>(kTileWeightBytes / vectorBytes, 1),
                          llvm::divideCeil(total, kMinTiles)),
        std::max<int64_t>(perPanel, 2));
  }
  bool areShards = isSplit(widerDown(), rankOfDown());
  int64_t shards = getNumShards();
  Value out = areShards ? b.shardSums(shards, x) : x;
  b.beginPhase("expert_down",
               {b.size(shards * llvm::divideCeil(total, vectors))});
  mega::ExpertDownOp::create(b, b.loc, act, down, sharedDown, groups,
                             b.one ? chosen : Value(), out, vectors, depth);
  if (areShards)
    b.addShards(out, /*graphBias=*/Value(), /*multiplier=*/FloatAttr(), x);
}

} // namespace

LogicalResult fpmoe::buildExperts(ProgramBuilder &b, MoeOp op, Value x) {
  return ExpertsBuilder(b, op, x).build();
}
