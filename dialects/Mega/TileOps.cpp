//===- TileOps.cpp - What the ops of tiles need to be sound ---------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Code is emitted for the sizes that the types say: whatever would make it
// touch other memory than its operands' is refused here.
//===----------------------------------------------------------------------===//

#include "dialects/Mega/TileShapes.h"

#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mega;

LogicalResult EmbedOp::verify() {
  if (!isPacked(getTable(), 2))
    return fail(*this, "takes a table that is not a packed matrix", "embed_c1");
  int64_t columns = padColumns(dim(getTable(), 1));
  if (!hasColumns(getX(), columns))
    return emitOpError("gives rows of ")
           << columns << " columns into " << getX().getType() << " (embed_c1)";
  return success();
}

LogicalResult RopeOp::verify() {
  int64_t columns = 2 * dim(getFrequencies(), 0);
  if (!hasColumns(getTable(), columns))
    return emitOpError("of ")
           << getFrequencies().getType() << " gives " << getTable().getType()
           << ", which must have " << columns << " columns (rope_c1)";
  return success();
}

LogicalResult NormOp::verify() {
  int64_t columns = padColumns(dim(getWeight(), 0));
  if (!hasColumns(getX(), columns) || columnsOf(getOperand()) < columns)
    return emitOpError("of ")
           << getX().getType() << " by " << getWeight().getType() << " into "
           << getOperand().getType() << ", which must both have " << columns
           << " columns (norm_c1)";
  return success();
}

LogicalResult QuantizeOp::verify() {
  auto rows = cast<MemRefType>(getRows().getType());
  auto operand = cast<MemRefType>(getOperand().getType());
  int64_t columns = padColumns(getColumns()), tail = padColumns(getTail());
  int64_t shards = getShards();
  bool fits = rows.getRank() == 4 && rows.getElementType().isF32() &&
              rows.getDimSize(3) == 1 && operand.getRank() == 4 &&
              operand.getElementType().isInteger(8) &&
              operand.getDimSize(3) == kGroupStepBytes &&
              rows.getDimSize(0) == operand.getDimSize(0) &&
              rows.getDimSize(2) == operand.getDimSize(2) &&
              int64_t(getTail()) >= 0 && int64_t(getColumns()) > 0 &&
              shards > 0 && shards <= fpmoe::kMostRanks &&
              (shards == 1 || int64_t(getColumns()) % kGroupElements == 0) &&
              shards * (columns + tail) == columnsOf(getRows());
  int64_t steps = shards * (llvm::divideCeil(columns, kGroupElements) +
                            llvm::divideCeil(tail, kGroupElements));
  if (!fits || operand.getDimSize(1) != steps)
    return emitOpError("of ")
           << rows << " with " << getColumns() << " columns and a tail of "
           << getTail() << (shards == 1 ? "" : " in several shards")
           << " gives " << operand << " (quantize_c1)";
  return success();
}

/// Checks low ranks of shards, `rank` of each.
static LogicalResult verifyShards(LowRankOp op, int64_t rank) {
  auto operand = cast<MemRefType>(op.getOperand().getType());
  auto widened = cast<MemRefType>(op.getWidened().getType());
  if (isPacked(op.getWeight(), 3) && rank == dim(op.getWeight(), 1) &&
      areWholeShards(op.getWeight()) && operand.getRank() == 4 &&
      widened.getRank() == 4) {
    int64_t shards = dim(op.getWeight(), 0), columns = dim(op.getWeight(), 2);
    bool isAlike = operand.getElementType() == widened.getElementType();
    for (int64_t i : {0, 2, 3})
      isAlike &= operand.getDimSize(i) == widened.getDimSize(i);
    if (isAlike && columnsOf(op.getOperand()) == shards * padColumns(columns) &&
        columnsOf(op.getWidened()) == shards * padColumns(columns, rank))
      return success();
  }
  return op.emitOpError("of ranks that sum up to ")
         << rank << " by " << op.getWeight().getType() << " widens " << operand
         << " to " << widened << " (low_rank_c2)";
}

LogicalResult LowRankOp::verify() {
  int64_t rank = 0;
  for (int64_t size : getRanks())
    rank += size;
  if (getWidened())
    return verifyShards(*this, rank);
  if (!isPacked(getWeight(), 2))
    return fail(*this, "takes a weight that is not a packed matrix",
                "low_rank_c1");
  int64_t columns = padColumns(dim(getWeight(), 1), dim(getWeight(), 0));
  if (rank != dim(getWeight(), 0) || columnsOf(getOperand()) != columns)
    return emitOpError("of ranks that sum up to ")
           << rank << " by " << getWeight().getType() << " widens "
           << getOperand().getType() << ", which must have " << columns
           << " columns (low_rank_c1)";
  return success();
}

/// Checks where finished heads are stored.
static LogicalResult verifyHeads(Operation *op, Value query, Value cache,
                                 Value scratch, int64_t headDim,
                                 int64_t scratchColumns, StringRef label) {
  auto queryType = cast<MemRefType>(query.getType());
  auto cacheType = cast<MemRefType>(cache.getType());
  int64_t columns = padColumns(headDim);
  if (queryType.getRank() != 3 || cacheType.getRank() != 4 ||
      queryType.getDimSize(2) != columns ||
      cacheType.getDimSize(3) <= columns ||
      !hasColumns(scratch, padColumns(scratchColumns)))
    return op->emitOpError("stores heads of ")
           << columns << " columns into " << queryType << " and " << cacheType
           << " by " << scratch.getType() << " (" << label << ")";
  return success();
}

LogicalResult QkvOp::verify() {
  int64_t heads = getHeads() + 2 * getKvHeads(), headDim = getHeadDim();
  int64_t group = getGroup();
  if (group < 1)
    return emitOpError("takes ") << group << " blocks a tile (qkv_c2)";
  if (getPairs() &&
      (getQNorm() || getKNorm() || headDim % (2 * kVectorColumns)))
    return emitOpError("takes pairs of vectors of heads of ")
           << headDim << " columns, which must have no norm and be a multiple "
           << "of " << 2 * kVectorColumns << " (qkv_c3)";
  if (!isPacked(getWeight(), 3) || dim(getWeight(), 0) != heads ||
      dim(getWeight(), 1) != headDim ||
      columnsOf(getOperand()) != paddedDepthOf(getWeight()) ||
      !hasColumns(getTable(), headDim))
    return emitOpError("makes ")
           << heads << " heads of " << headDim << " columns of "
           << getOperand().getType() << " by " << getWeight().getType()
           << ", turned by " << getTable().getType() << " (qkv_c1)";
  return verifyHeads(*this, getQuery(), getCache(), getHead(), headDim, headDim,
                     "qkv_c1");
}

LogicalResult SquaresOp::verify() {
  int64_t shards = getShards();
  auto fits = [&](Value rows) {
    auto type = cast<MemRefType>(rows.getType());
    return type.getRank() == 2 && type.getDimSize(0) == dim(getSums(), 0) &&
           type.getDimSize(1) % (shards * kVectorColumns) == 0;
  };
  if (shards > 0 && shards <= fpmoe::kMostRanks &&
      llvm::isPowerOf2_64(shards) && hasColumns(getSums(), kVectorColumns) &&
      fits(getQ()) && fits(getK()))
    return success();
  return emitOpError("of ") << shards << " shards of " << getQ().getType()
                            << " and " << getK().getType() << " gives "
                            << getSums().getType() << " (squares_c1)";
}

LogicalResult HeadsOp::verify() {
  if (static_cast<bool>(getSquares()) != getRanks().has_value() ||
      (getSquares() && (!getQNorm() || int64_t(*getRanks()) < 1 ||
                        !hasColumns(getSquares(), kVectorColumns))))
    return fail(*this,
                "has squares without norms or ranks, ranks without squares, or "
                "not one vector of them",
                "heads_c3");
  if (dim(getTable(), 1) > static_cast<int64_t>(getHeadDim()))
    return emitOpError("turns heads of ")
           << getHeadDim() << " columns by " << getTable().getType()
           << " (heads_c2)";
  return verifyHeads(*this, getQuery(), getCache(), getHead(), getHeadDim(),
                     std::max(getHeadDim(), getValueDim()), "heads_c1");
}

/// Checks what an attention reads.
template <typename OpTy>
static LogicalResult verifyAttention(OpTy op, StringRef label) {
  int64_t heads = op.getHeads(), kvHeads = op.getKvHeads();
  int64_t keyColumns = padColumns(op.getHeadDim());
  int64_t valueColumns = padColumns(op.getValueDim());
  Value query = op.getQuery(), cache = op.getCache();
  auto cacheType = cast<MemRefType>(cache.getType());
  if (kvHeads < 1 || heads % kvHeads ||
      cast<MemRefType>(query.getType()).getRank() != 3 ||
      cacheType.getRank() != 4 || dim(query, 1) != heads ||
      dim(query, 2) != keyColumns || dim(cache, 1) != kvHeads ||
      dim(cache, 3) != keyColumns + valueColumns ||
      !(cacheType.getElementType().isF32() ||
        cacheType.getElementType().isBF16()))
    return op.emitOpError("of ")
           << heads << " heads on " << kvHeads << " takes " << query.getType()
           << " and " << cacheType << " (" << label << ")";
  return success();
}

/// Checks what an attention gives.
static LogicalResult verifyAttended(Operation *op, int64_t heads,
                                    int64_t valueDim, Value operand,
                                    StringRef label) {
  if (columnsOf(operand) >= padColumns(heads * valueDim) &&
      valueDim % dim(operand, 3) == 0)
    return success();
  return op->emitOpError("gives ")
         << heads << " heads of " << valueDim << " columns to "
         << operand.getType() << " (" << label << ")";
}

/// The type of a buffer that an op may lack.
static std::string describe(Value buffer) {
  std::string text;
  llvm::raw_string_ostream out(text);
  if (buffer)
    out << "'" << buffer.getType() << "'";
  else
    out << "'none'";
  return text;
}

LogicalResult AttentionOp::verify() {
  int64_t span = getSpan(), valueDim = getValueDim();
  if (failed(verifyAttention(*this, "attention_c1")) ||
      failed(verifyAttended(*this, getHeads(), valueDim, getOperand(),
                            "attention_c2")))
    return failure();
  bool hasScratch = getScores() && getSums();
  if (span < 1 || span % kVectorColumns || !getScores() != !getSums() ||
      (hasScratch &&
       (!hasColumns(getScores(), span + kVectorColumns) ||
        !hasColumns(getSums(), padColumns(valueDim) + kVectorColumns) ||
        dim(getSums(), 0) <
            int64_t(getHeads() / getKvHeads()) * dim(getOperand(), 2))))
    return emitOpError("in spans of ")
           << span << " has scores " << describe(getScores()) << " and sums "
           << describe(getSums()) << " (attention_c3)";
  return success();
}

LogicalResult AttendSpanOp::verify() {
  if (failed(verifyAttention(*this, "attend_span_c1")))
    return failure();
  int64_t span = getSpan(), kvHeads = getKvHeads(), heads = getHeads();
  auto partial = cast<MemRefType>(getPartial().getType());
  if (span < 1 || span % kVectorColumns ||
      (getScores() && !hasColumns(getScores(), span + kVectorColumns)) ||
      partial.getRank() != 4 || partial.getDimSize(0) != kvHeads ||
      partial.getDimSize(2) != heads / kvHeads ||
      partial.getDimSize(3) != padColumns(getValueDim()) + kVectorColumns)
    return emitOpError("in spans of ")
           << span << " has scores " << describe(getScores()) << " and gives "
           << partial << " (attend_span_c2)";
  return success();
}

LogicalResult MergeSpansOp::verify() {
  int64_t valueDim = getValueDim(), span = getSpan();
  auto partial = cast<MemRefType>(getPartial().getType());
  if (partial.getRank() != 4 ||
      partial.getDimSize(3) != padColumns(valueDim) + kVectorColumns)
    return emitOpError("of ") << valueDim << " columns puts " << partial
                              << " together (merge_spans_c1)";
  if (failed(verifyAttended(*this,
                            partial.getDimSize(0) * partial.getDimSize(2),
                            valueDim, getOperand(), "merge_spans_c1")))
    return failure();
  if (span < 1 || span % kVectorColumns)
    return emitOpError("puts spans of ")
           << span << " together (merge_spans_c2)";
  return success();
}

/// Checks a weight of shards, whose products wait for their sum.
static LogicalResult verifyShards(LinearOp op) {
  int64_t shards = dim(op.getWeight(), 0);
  int64_t chunks = llvm::divideCeil(layoutOf(op.getWeight()).vectors(),
                                    int64_t(op.getVectors()));
  auto out = cast<MemRefType>(op.getOut().getType());
  if (out.getRank() == 3 && out.getDimSize(0) == shards &&
      out.getDimSize(2) == padColumns(dim(op.getWeight(), 1)) &&
      areWholeShards(op.getWeight()) && !op.getBias() && !op.getMultiplier() &&
      !op.getAccumulate() && !op.getLogitsRows() &&
      hasTiles(op, shards * chunks) &&
      columnsOf(op.getOperand()) == shards * paddedDepthOf(op.getWeight()))
    return success();
  return op.emitOpError("of shards ")
         << op.getOperand().getType() << " by " << op.getWeight().getType()
         << " gives " << out
         << ", has what belongs to their sum, or not their tiles (linear_c3)";
}

LogicalResult LinearOp::verify() {
  auto out = cast<MemRefType>(getOut().getType());
  bool isSplit = isPacked(getWeight(), 3);
  if (!isSplit && (!isPacked(getWeight(), 2) || out.getRank() != 2))
    return fail(*this,
                "takes a weight that is not a packed matrix, or gives "
                "no rows",
                "linear_c1");
  int64_t columns = dim(getWeight(), 0);
  int64_t vectors = getVectors(), group = getGroup();
  if (vectors < 1 || group < 1)
    return emitOpError("takes ") << vectors << " vectors and " << group
                                 << " blocks a tile (linear_c2)";
  if (isSplit)
    return verifyShards(*this);
  bool fits = out.getDimSize(1) == padColumns(columns) ||
              (out.isDynamicDim(0) && out.getDimSize(1) == columns);
  if (!fits || columnsOf(getOperand()) != paddedDepthOf(getWeight()) ||
      (getBias() && dim(getBias(), 0) != columns))
    return emitOpError("of ")
           << getOperand().getType() << " by " << getWeight().getType()
           << " gives " << out << " (linear_c1)";
  return success();
}

LogicalResult ReduceOp::verify() {
  auto sums = cast<MemRefType>(getSums().getType());
  auto out = cast<MemRefType>(getOut().getType());
  bool fits = sums.getRank() == 3 && llvm::isPowerOf2_64(sums.getDimSize(0)) &&
              out.getRank() >= 2 && out.getRank() <= 3 &&
              (out.getRank() == 2 || out.getDimSize(0) == 1) &&
              sums.getShape().take_back(2) == out.getShape().take_back(2);
  if (!fits ||
      (getBias() && padColumns(dim(getBias(), 0)) != sums.getDimSize(2)))
    return emitOpError("of ") << sums << " gives " << out << " (reduce_c1)";
  return success();
}

LogicalResult ExchangeOp::verify() {
  auto rows = cast<MemRefType>(getRows().getType());
  if (rows.getRank() == 2 || (rows.getRank() == 3 && rows.getDimSize(0) == 1))
    return success();
  return emitOpError("adds ") << rows << ", which is no rows (exchange_c1)";
}

LogicalResult KeepRowsOp::verify() {
  int64_t columns = getColumns();
  if (columns < 1 || dim(getX(), 1) < columns)
    return emitOpError("keeps ") << columns << " columns of "
                                 << getX().getType() << " (keep_rows_c1)";
  return success();
}

LogicalResult Dot2Op::verify() {
  int64_t lanes = cast<VectorType>(getAcc().getType()).getNumElements();
  int64_t factors = cast<VectorType>(getLhs().getType()).getNumElements();
  if (factors != 2 * lanes)
    return emitOpError("sums ") << factors << " products into " << lanes
                                << " lanes, it takes two each (dot2_c1)";
  return success();
}
