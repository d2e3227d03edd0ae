//===- LayerBuilder.cpp - The phases of a layer's body --------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/FPMoE/Matrices.h"
#include "fpmoe/runtime/abi.h"
#include "lib/Codegen/Formats/Format.h"
#include "passes/Schedule/ProgramBuilder.h"

using namespace mlir;
using namespace fpmoe;
using mega::BufferSpace;
using mega::StepInput;
using mega::TileSize;

static int64_t columnsOf(Value value) {
  return cast<ShapedType>(value.getType()).getShape().back();
}

int64_t fpmoe::widenedColumns(int64_t columns, Value lowRank) {
  return mega::padColumns(
      columns, lowRank && !isSplit(lowRank, /*rank=*/2) ? rankOf(lowRank) : 0);
}

/// Whether low ranks multiply the same rows as the weight that they widen.
static LogicalResult checkLowRank(Operation *op, mega::TargetAttr target,
                                  Value weight, Value lowRank) {
  if (!lowRank)
    return success();
  auto elementOf = [&](Value matrix) {
    return getRowsFormat(
               getFormat(cast<ShapedType>(matrix.getType()).getElementType()))
        .getOperandElement(target);
  };
  if (elementOf(weight) == elementOf(lowRank))
    return success();
  return op->emitOpError("has low ranks of a format that multiplies rows "
                         "differently on this target: ")
         << weight.getType() << " and " << lowRank.getType();
}

/// Memory for rows like those of `operand`, each shard of which is widened.
static Value makeWidened(ProgramBuilder &b, Value operand, Value lowRank) {
  ArrayRef<int64_t> factor = cast<ShapedType>(lowRank.getType()).getShape();
  auto type = cast<MemRefType>(operand.getType());
  SmallVector<int64_t> sizes(type.getShape());
  sizes[1] = factor[0] * mega::padColumns(factor[2], factor[1]) / sizes[3];
  Value widened =
      b.buffer("widened", BufferSpace::Shared, sizes, type.getElementType());
  if (!type.getLayout().isIdentity())
    widened.setType(mega::getRowMajorType(cast<MemRefType>(widened.getType())));
  return widened;
}

Value fpmoe::addLowRank(ProgramBuilder &b, Value operand, Value lowRank,
                        DenseI64ArrayAttr ranks, StringRef name) {
  if (!lowRank)
    return operand;
  Value widened;
  if (isSplit(lowRank, /*rank=*/2))
    widened = makeWidened(b, operand, lowRank);
  b.endPhase();
  Value weight = b.weight(lowRank);
  b.beginPhase(name,
               mega::isPrivate(operand)
                   ? ProgramBuilder::Sizes()
                   : ProgramBuilder::Sizes{b.sizeOfMany(TileSize::Blocks)});
  mega::LowRankOp::create(b, b.loc, operand, weight,
                          b.input(StepInput::Languages), widened, ranks);
  return widened ? widened : operand;
}

namespace {

class LayerBuilder {
public:
  LayerBuilder(ProgramBuilder &b, func::FuncOp body, ProgramMemory &memory)
      : b(b), body(body), memory(memory), x(memory.x) {}

  LogicalResult build();

private:
  LogicalResult buildQkv(QkvOp op);
  LogicalResult buildHeads(HeadsOp op);
  Value buildSquares(Value q, Value k, int64_t shards);
  LogicalResult buildAttention(AttentionOp op);
  LogicalResult buildLinear(LinearOp op);
  LogicalResult buildShards(LinearOp op, Value source, StringRef name);
  LogicalResult buildMoe(MoeOp op);

  /// The rows that a value of the body is, or null after an error.
  Value rowsOf(Operation *op, Value value);
  /// The normalised rows as an operand of products with `weight`; made once.
  Value normed(Value source, Value norm, FloatAttr eps, StringRef name,
               Value weight, Value lowRank, DenseI64ArrayAttr ranks);
  /// Makes or checks what query and cache need; fails unless `query` goes to
  /// one attention.
  FailureOr<AttentionOp> prepareAttention(Operation *user, Value query);
  /// The rows of a rotary table that the step needs, or null after an error.
  Value anglesOf(Operation *user, Value table);

  ProgramBuilder &b;
  func::FuncOp body;
  ProgramMemory &memory;
  Value x;
  /// Rows by value of the body, and operands by rows, norm and element.
  llvm::DenseMap<Value, Value> rows;
  llvm::DenseMap<std::tuple<Value, Value, Type>, Value> operands;
  // Of the attention that is being built.
  Value query, attended;
};

LogicalResult LayerBuilder::build() {
  rows[body.getArgument(0)] = x;
  for (Operation &op : body.getBody().front()) {
    b.endPhase();
    if (isa<GetOp>(op))
      continue;
    if (isa<func::ReturnOp>(op)) {
      if (rows.lookup(op.getOperand(0)) == x)
        continue;
      return op.emitOpError("of a layer gives rows that nothing was added to");
    }
    LogicalResult result = success();
    if (auto qkv = dyn_cast<QkvOp>(op))
      result = buildQkv(qkv);
    else if (auto heads = dyn_cast<HeadsOp>(op))
      result = buildHeads(heads);
    else if (auto attention = dyn_cast<AttentionOp>(op))
      result = buildAttention(attention);
    else if (auto linear = dyn_cast<LinearOp>(op))
      result = buildLinear(linear);
    else if (auto moe = dyn_cast<MoeOp>(op))
      result = buildMoe(moe);
    else
      result = op.emitOpError("cannot be scheduled in a layer; run the fuse "
                              "phase before this one");
    if (failed(result))
      return failure();
  }
  return success();
}

Value LayerBuilder::rowsOf(Operation *op, Value value) {
  Value known = rows.lookup(value);
  if (!known)
    op->emitOpError("takes rows that no phase before makes");
  return known;
}

Value LayerBuilder::normed(Value source, Value norm, FloatAttr eps,
                           StringRef name, Value weight, Value lowRank,
                           DenseI64ArrayAttr ranks) {
  Type element = getFormat(cast<ShapedType>(weight.getType()).getElementType())
                     .getOperandElement(b.target);
  auto key = std::tuple(source, norm, element);
  // Rows that are widened are those of one product.
  if (!lowRank)
    if (Value known = operands.lookup(key))
      return known;
  Value operand = b.operand(name, b.common(), weight, b.numBlocks, b.shape.rows,
                            widenedColumns(columnsOf(norm), lowRank));
  Value w = b.weight(norm);
  b.beginPhase(name, b.one ? ProgramBuilder::Sizes()
                           : ProgramBuilder::Sizes{b.size(TileSize::Blocks)});
  mega::NormOp::create(b, b.loc, source, w, /*logits_rows=*/Value(), operand,
                       eps);
  addLowRank(b, operand, lowRank, ranks, "low_rank");
  operand = b.multiplied(operand, weight, /*groups=*/Value(), rankOf(lowRank));
  if (!lowRank)
    operands[key] = operand;
  return operand;
}

/// A program keeps frequencies instead of a table that grows with the context.
Value LayerBuilder::anglesOf(Operation *user, Value table) {
  auto get = table.getDefiningOp<GetOp>();
  auto symbol = b.module.lookupSymbol<WeightOp>(get.getWeightAttr());
  auto source = symbol.getResultValue().getDefiningOp<RopeTableOp>();
  auto type = symbol.getTensorType();
  if (!source) {
    user->emitOpError("has a rotary table that is no fpmoe.rope_table");
    return {};
  }
  if (type.getDimSize(0) < b.shape.context) {
    user->emitOpError("has a rotary table of fewer positions than the "
                      "context, ")
        << b.shape.context;
    return {};
  }
  Value &angles = memory.angles[get.getWeightAttr()];
  if (angles)
    return angles;
  std::string name = (symbol.getSymName() + ".frequencies").str();
  auto frequencies = b.module.lookupSymbol<WeightOp>(name);
  OpBuilder::InsertionGuard guard(b);
  if (!frequencies) {
    auto each = RankedTensorType::get({type.getDimSize(1) / 2}, b.getF32Type());
    b.setInsertionPoint(symbol);
    frequencies = WeightOp::create(b, symbol.getLoc(), b.getStringAttr(name),
                                   TypeAttr::get(each), DenseI64ArrayAttr(),
                                   IntegerAttr(), IntegerAttr());
    b.setInsertionPointToStart(&frequencies.getRecipe().emplaceBlock());
    Value made = RopeFrequenciesOp::create(b, symbol.getLoc(), each,
                                           source.getThetaAttr(),
                                           source.getScalingAttr());
    YieldOp::create(b, symbol.getLoc(), made);
  }
  angles = b.buffer("angles", b.common(),
                    {b.shape.maxTokens, type.getDimSize(1)}, b.getF32Type());
  b.beginTopPhase("rope",
                  b.one ? ProgramBuilder::Sizes()
                        : ProgramBuilder::Sizes{b.size(TileSize::Tokens)});
  OpBuilder::InsertPoint inside = b.saveInsertionPoint();
  b.setInsertionPoint(inside.getBlock()->getParentOp());
  Value weight = mega::WeightOp::create(
      b, b.loc, frequencies.getTensorType(),
      FlatSymbolRefAttr::get(b.getContext(), name), Value());
  b.restoreInsertionPoint(inside);
  mega::RopeOp::create(b, b.loc, weight, b.input(StepInput::Positions), angles,
                       b.getF64FloatAttr(RopeFrequenciesOp::getMagnitude(
                           source.getScalingAttr())));
  return angles;
}

FailureOr<AttentionOp> LayerBuilder::prepareAttention(Operation *user,
                                                      Value queryOf) {
  auto attention = queryOf.hasOneUse()
                       ? dyn_cast<AttentionOp>(*queryOf.user_begin())
                       : AttentionOp();
  if (!attention)
    return user->emitOpError("must give its query to an attention");
  int64_t keyColumns = mega::padColumns(attention.getHeadDim());
  int64_t valueColumns = mega::padColumns(attention.getValueDim());
  query = b.buffer(
      "query", BufferSpace::Shared,
      {b.numBlocks * b.shape.rows, int64_t(attention.getHeads()), keyColumns},
      b.getF32Type());
  SmallVector<int64_t> cacheShape{
      memory.layers, int64_t(attention.getKvHeads()), ShapedType::kDynamic,
      keyColumns + valueColumns};
  Type element = attention.getCache().value_or(b.getF32Type());
  if (!memory.cache)
    memory.cache = b.buffer("cache", BufferSpace::Cache, cacheShape, element);
  auto cache = cast<MemRefType>(memory.cache.getType());
  if (cache.getShape() != ArrayRef(cacheShape) ||
      cache.getElementType() != element)
    return user->emitOpError("has other key and value heads, or another type "
                             "of cache, than the layers before it");
  return attention;
}

LogicalResult LayerBuilder::buildQkv(QkvOp op) {
  if (failed(checkLowRank(op, b.target, op.getWeight(), op.getLowRank())))
    return failure();
  FailureOr<AttentionOp> attention = prepareAttention(op, op.getQuery());
  Value source = rowsOf(op, op.getInput());
  Value angles = anglesOf(op, op.getTable());
  if (failed(attention) || !source || !angles)
    return failure();
  int64_t heads = attention->getHeads(), kvHeads = attention->getKvHeads();
  int64_t dim = attention->getHeadDim();
  Value operand =
      normed(source, op.getNorm(), op.getEpsAttr(), "attention_norm",
             op.getWeight(), op.getLowRank(), op.getRanksAttr());
  Value head = b.buffer("head", BufferSpace::Private,
                        {b.shape.rows, mega::padColumns(dim)}, b.getF32Type());
  b.endPhase();
  Value weight = b.weight(op.getWeight()), bias = b.weight(op.getBias());
  Value qNorm = b.weight(op.getQNorm()), kNorm = b.weight(op.getKNorm());
  // Of one token, GPUs have more blocks than there are heads.
  constexpr int64_t pair = 2 * mega::kVectorColumns;
  bool pairs =
      b.one && b.target.getThreads() > 1 && !qNorm && !kNorm && dim % pair == 0;
  b.beginPhase("qkv", {b.size((heads + 2 * kvHeads) * (pairs ? dim / pair : 1)),
                       b.sizeOfMany(TileSize::BlockGroups)});
  mega::QkvOp::create(b, b.loc, operand, weight, bias, qNorm, kNorm, angles,
                      b.input(StepInput::Positions), query, memory.cache, head,
                      b.layer, heads, kvHeads, dim, b.blocksPerTile(),
                      op.getHeadEpsAttr(), op.getClipAttr(), pairs);
  return success();
}

LogicalResult LayerBuilder::buildHeads(HeadsOp op) {
  FailureOr<AttentionOp> attention = prepareAttention(op, op.getQuery());
  Value angles = anglesOf(op, op.getTable());
  if (failed(attention) || !angles)
    return failure();
  Value q = rowsOf(op, op.getQ()), k = rowsOf(op, op.getK());
  Value v = rowsOf(op, op.getV());
  Value tail = op.getTail() ? rowsOf(op, op.getTail()) : Value();
  if (!q || !k || !v || (op.getTail() && !tail))
    return failure();
  int64_t keyDim = attention->getHeadDim(), valueDim = attention->getValueDim();
  Value head = b.buffer("head", BufferSpace::Private,
                        {1, mega::padColumns(std::max(keyDim, valueDim))},
                        b.getF32Type());
  Value squares =
      op.getShards() ? buildSquares(q, k, *op.getShards()) : Value();
  b.endPhase();
  Value qNorm = b.weight(op.getQNorm()), kNorm = b.weight(op.getKNorm());
  b.beginPhase("heads", {b.sizeOfMany(TileSize::Tokens)});
  mega::HeadsOp::create(b, b.loc, q, k, v, tail, qNorm, kNorm, squares, angles,
                        b.input(StepInput::Positions), query, memory.cache,
                        head, b.layer, op.getHeads(), op.getKvHeads(), keyDim,
                        valueDim, op.getEpsAttr(), op.getClipAttr(),
                        squares ? b.getI64IntegerAttr(b.ranks) : IntegerAttr());
  return success();
}

/// Sums of squares over the rows of all ranks.
Value LayerBuilder::buildSquares(Value q, Value k, int64_t shards) {
  Value sums =
      b.buffer("squares", BufferSpace::Shared,
               {b.shape.maxTokens, mega::kVectorColumns}, b.getF32Type());
  b.beginPhase("squares", {b.sizeOfMany(TileSize::Tokens)});
  mega::SquaresOp::create(b, b.loc, q, k, sums, shards);
  b.exchange(sums);
  return sums;
}

LogicalResult LayerBuilder::buildAttention(AttentionOp op) {
  if (op.getLayer() != body.getArgument(2))
    return op.emitOpError("must use the cache of its own layer");
  auto linear = op.getResult().hasOneUse()
                    ? dyn_cast<LinearOp>(*op.getResult().user_begin())
                    : LinearOp();
  if (!linear)
    return op.emitOpError("must give its rows to one linear map");
  int64_t heads = op.getHeads(), kvHeads = op.getKvHeads();
  int64_t dim = op.getHeadDim(), valueDim = op.getValueDim();
  attended = b.operand("attended", BufferSpace::Shared, linear.getWeight(),
                       b.numBlocks, b.shape.rows,
                       widenedColumns(heads * valueDim, linear.getLowRank()));
  // Heads are stored by tiles of their own, which cannot share a group of k.
  auto type = cast<MemRefType>(attended.getType());
  if (valueDim % type.getDimSize(3)) {
    StringRef weight = linear.getWeight().getDefiningOp<GetOp>().getWeight();
    return op.emitOpError("gives heads of ")
           << valueDim << " columns to '" << weight << "', whose format takes "
           << type.getDimSize(3) << " columns of " << type.getElementType()
           << " at a time on cpu '" << b.target.getCpu()
           << "'; store it in another one, such as f32: --weights=*"
           << weight.rsplit('.').second << "=f32";
  }
  operands[{op.getResult(), Value(), Type()}] = attended;
  // The extra columns keep rows apart in the first-level cache.
  int64_t group = heads / kvHeads, rows = b.shape.rows;
  bool hasScratch = b.target.getThreads() == 1;
  int64_t span = b.target.getSpan();
  bool hasTiles = attendsWithTiles(b.target, memory.cache);
  if (hasScratch) // no more of it than there are positions
    span = std::min(span, hasTiles ? int64_t(llvm::alignTo(
                                         b.shape.context, FPMOE_PAGE_POSITIONS))
                                   : mega::padColumns(b.shape.context));
  // So many heads hide what memory takes; more would not stay in a cache.
  constexpr int64_t kMostHeads = 16;
  int64_t together =
      llvm::divideCeil(group, llvm::divideCeil(group, kMostHeads));
  int64_t scoreRows = std::max(getRowsAtOnce(b.target, rows), together);
  if (!b.one && hasTiles)
    scoreRows = std::max(scoreRows, kTileRows);
  Value scores, sums;
  if (hasScratch)
    scores = b.buffer("scores", BufferSpace::Private,
                      {scoreRows, span + mega::kVectorColumns}, b.getF32Type());
  int64_t columns = mega::padColumns(valueDim) + mega::kVectorColumns;
  if (!b.one) {
    if (hasScratch)
      sums = b.buffer("sums", BufferSpace::Private, {group * rows, columns},
                      b.getF32Type());
    b.beginPhase("attention", {b.size(kvHeads), b.size(TileSize::QueryBlocks)});
    mega::AttentionOp::create(b, b.loc, query, memory.cache,
                              b.input(StepInput::Positions), attended, scores,
                              sums, b.layer, heads, kvHeads, dim, valueDim,
                              span, op.getScale(), op.getWindowAttr());
    return success();
  }
  int64_t spans = llvm::divideCeil(b.shape.context, span);
  Value partial = b.buffer("partial", BufferSpace::Shared,
                           {kvHeads, spans, group, columns}, b.getF32Type());
  b.beginPhase("attention", {b.size(kvHeads), b.size(TileSize::Spans)});
  mega::AttendSpanOp::create(b, b.loc, query, memory.cache,
                             b.input(StepInput::Positions), partial, scores,
                             b.layer, heads, kvHeads, dim, valueDim, span,
                             op.getScale(), op.getWindowAttr());
  b.endPhase();
  b.beginPhase("merge_spans", {b.size(heads)});
  mega::MergeSpansOp::create(b, b.loc, partial, b.input(StepInput::Positions),
                             attended, valueDim, span, op.getWindowAttr());
  return success();
}

/// A product of the attention or of normalised rows. With a residual, which can
/// only be the activations, it adds to them; without, it makes rows of its own.
LogicalResult LayerBuilder::buildLinear(LinearOp op) {
  if (failed(checkLowRank(op, b.target, op.getWeight(), op.getLowRank())))
    return failure();
  Value source = operands.lookup({op.getInput(), Value(), Type()});
  if (op.getNorm()) {
    Value input = rowsOf(op, op.getInput());
    if (!input)
      return failure();
    source = normed(input, op.getNorm(), op.getEpsAttr(),
                    input == x ? "attention_norm" : "norm", op.getWeight(),
                    op.getLowRank(), op.getRanksAttr());
  }
  if (!source)
    return op.emitOpError("in a layer must be a product of the attention or "
                          "have a norm");
  if (!op.getNorm()) {
    source = addLowRank(b, source, op.getLowRank(), op.getRanksAttr(),
                        "output_low_rank");
    source = b.multiplied(source, op.getWeight(), /*groups=*/Value(),
                          rankOf(op.getLowRank()),
                          getNumShards(op.getWeight(), /*rank=*/2));
  }
  Value out = x;
  StringRef name =
      op.getWeight().getDefiningOp<GetOp>().getWeight().rsplit('.').second;
  if (op.getResidual() || name.empty())
    name = "output";
  if (!op.getResidual())
    out = b.buffer(
        name, BufferSpace::Shared,
        {b.shape.maxTokens, mega::padColumns(columnsOf(op.getResult()))},
        b.getF32Type());
  else if (rows.lookup(op.getResidual()) != x)
    return op.emitOpError("adds to rows that are not the activations");
  if (isSplit(op.getWeight(), /*rank=*/2))
    return buildShards(op, source, name);
  b.endPhase();
  Value weight = b.weight(op.getWeight()), bias = b.weight(op.getBias());
  int64_t vectors = b.vectorsPerTile(weight);
  int64_t total =
      mega::PackedLayout(cast<RankedTensorType>(weight.getType())).vectors();
  b.beginPhase(name, {b.size(llvm::divideCeil(total, vectors)),
                      b.sizeOfMany(TileSize::BlockGroups)});
  mega::LinearOp::create(b, b.loc, source, weight, bias,
                         /*logits_rows=*/Value(), out, vectors,
                         b.blocksPerTile(),
                         /*accumulate=*/out == x, op.getMultiplierAttr());
  rows[op.getResult()] = out;
  if (out == x)
    operands.clear();
  return success();
}

/// A product by shards, which adds to the activations.
LogicalResult LayerBuilder::buildShards(LinearOp op, Value source,
                                        StringRef name) {
  if (!op.getResidual())
    return op.emitOpError("of shards must add to the activations");
  b.endPhase();
  Value weight = b.weight(op.getWeight());
  int64_t shards = getNumShards(weight, /*rank=*/2);
  int64_t vectors = b.vectorsPerTile(weight);
  int64_t total =
      mega::PackedLayout(cast<RankedTensorType>(weight.getType())).vectors();
  Value sums = b.shardSums(shards, x);
  b.beginPhase(name, {b.size(shards * llvm::divideCeil(total, vectors)),
                      b.sizeOfMany(TileSize::BlockGroups)});
  mega::LinearOp::create(b, b.loc, source, weight, /*bias=*/Value(),
                         /*logits_rows=*/Value(), sums, vectors,
                         b.blocksPerTile(), /*accumulate=*/false,
                         /*multiplier=*/FloatAttr());
  b.addShards(sums, op.getBias(), op.getMultiplierAttr(), x);
  rows[op.getResult()] = x;
  operands.clear();
  return success();
}

LogicalResult LayerBuilder::buildMoe(MoeOp op) {
  if (rowsOf(op, op.getInput()) != x || failed(buildExperts(b, op, x)))
    return failure();
  rows[op.getResult()] = x;
  operands.clear();
  return success();
}

} // namespace

LogicalResult fpmoe::buildLayer(ProgramBuilder &b, func::FuncOp body,
                                ProgramMemory &memory) {
  return LayerBuilder(b, body, memory).build();
}
