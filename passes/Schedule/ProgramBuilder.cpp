//===- ProgramBuilder.cpp - Builds one program of the step ----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// One token and many become the same phases, but for two things: for one token
// every worker computes norms and routes for itself, and its experts need no
// grouping. Tiles are sized so that their weights stay in a core's cache.
//===----------------------------------------------------------------------===//

#include "passes/Schedule/ProgramBuilder.h"

using namespace mlir;
using namespace fpmoe;
using mega::BufferSpace;

namespace {

/// Bytes of weights that one tile of a product keeps in the second-level cache
/// while it goes over the tokens.
constexpr int64_t kTileWeightBytes = 400 << 10;
/// Tiles that a product has at least, where it is large enough: many workers
/// must find work, and few must end together.
constexpr int64_t kMinTiles = 32;
/// Blocks of tokens in a span: enough to use a tile's weights well.
constexpr int64_t kSpanBlocks = 16;

class ProgramBuilder {
public:
  ProgramBuilder(func::FuncOp main, const ProgramShape &shape)
      : main(main), shape(shape), b(main.getContext()), loc(main.getLoc()),
        one(shape.maxTokens == 1),
        blocks(llvm::divideCeil(shape.maxTokens, shape.rows)) {}

  LogicalResult build();

private:
  LogicalResult buildLayers(LayersOp layers);
  LogicalResult buildBody(func::FuncOp body);
  LogicalResult buildQkv(QkvOp op);
  LogicalResult buildHeads(HeadsOp op);
  LogicalResult buildAttention(AttentionOp op);
  LogicalResult buildLinear(LinearOp op);
  LogicalResult buildMoe(MoeOp op);
  void buildSegments(MoeOp op, TwoLevelAttr levels, Value chosen,
                     Value weights);
  LogicalResult buildLogits(LinearOp op);
  /// Keeps the rows that go into a layer.
  void keepRows();

  Value buffer(BufferSpace space, MemRefType type);
  Value buffer(BufferSpace space, ArrayRef<int64_t> sizes, Type element) {
    return buffer(space, MemRefType::get(sizes, element));
  }
  /// Memory for a packed operand of `columns` columns.
  Value operand(BufferSpace space, int64_t numBlocks, int64_t columns);
  Value weight(Value graphWeight);
  /// The rows that a value of the body is, or null after an error.
  Value rowsOf(Operation *op, Value value);
  /// The normalised rows as an operand of products; made once.
  Value normed(Value rows, Value norm, FloatAttr eps, StringRef name,
               Value lowRank = {}, DenseI64ArrayAttr ranks = {});
  /// Puts the low-rank activations of a product behind its operand, if it has
  /// any.
  void addLowRank(Value operandOf, Value lowRank, DenseI64ArrayAttr ranks,
                  StringRef name);
  /// Makes or checks what query and cache need; fails unless the table of
  /// `user` covers the context and `query` goes to one attention.
  FailureOr<AttentionOp> prepareAttention(Operation *user, Value query,
                                          Value table);
  ArrayAttr tiles(ArrayRef<Attribute> sizes) { return b.getArrayAttr(sizes); }
  Attribute size(int64_t n) { return b.getI64IntegerAttr(n); }
  Attribute size(StringRef name) { return b.getStringAttr(name); }
  /// Starts a phase, and a barrier behind it; later ops go into the phase.
  void beginPhase(StringRef name, ArrayAttr tiles);
  /// How many of `panels` panels of `steps` steps a tile takes.
  int64_t panelsPerTile(Value packedWeight, int64_t unit);
  int64_t stepsOf(Value packedWeight);

  func::FuncOp main;
  ProgramShape shape;
  OpBuilder b;
  Location loc;
  bool one;
  int64_t blocks;
  Type element; ///< of weights and operands
  Block *buffers = nullptr, *phases = nullptr;
  Value x, cache, layer;
  int64_t hidden = 0; ///< columns of x that are used
  Value kept;         ///< inputs of the layers, if they are wanted
  /// Of the body that is being built: rows, and operands by rows and norm.
  llvm::DenseMap<Value, Value> rows;
  llvm::DenseMap<std::pair<Value, Value>, Value> operands;
  llvm::StringMap<int> phaseNames;
  // Of the attention that is being built.
  Value query, attended;
  int64_t layersCount = 0;
};

Value ProgramBuilder::buffer(BufferSpace space, MemRefType type) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(buffers);
  if (!buffers->empty()) {
    Operation *last = &buffers->front();
    while (isa_and_nonnull<mega::BufferOp>(last->getNextNode()))
      last = last->getNextNode();
    b.setInsertionPointAfter(last);
  }
  return mega::BufferOp::create(b, loc, type, space);
}

Value ProgramBuilder::operand(BufferSpace space, int64_t numBlocks,
                              int64_t columns) {
  int64_t step = element.isBF16() ? 2 : 1;
  int64_t steps = paddedColumns(columns) / step;
  auto type = MemRefType::get({numBlocks, steps, shape.rows, step}, element);
  return buffer(space, shape.rowMajor ? mega::getRowMajorType(type) : type);
}

Value ProgramBuilder::weight(Value graphWeight) {
  if (!graphWeight)
    return {};
  auto get = graphWeight.getDefiningOp<GetOp>();
  auto symbol = main->getParentOfType<ModuleOp>().lookupSymbol<WeightOp>(
      get.getWeightAttr());
  // Weights stand before the phase that uses them.
  OpBuilder::InsertionGuard guard(b);
  if (auto phase =
          dyn_cast<mega::PhaseOp>(b.getInsertionBlock()->getParentOp()))
    b.setInsertionPoint(phase);
  return mega::WeightOp::create(b, loc, symbol.getType(), get.getWeightAttr(),
                                get.getLayer() ? layer : Value());
}

void ProgramBuilder::beginPhase(StringRef name, ArrayAttr tileSizes) {
  b.setInsertionPointToEnd(phases);
  // A phase becomes a function, so its name is its own.
  std::string unique = name.str();
  if (int number = phaseNames[name]++)
    unique += "_" + std::to_string(number);
  auto phase =
      mega::PhaseOp::create(b, loc, b.getStringAttr(unique), tileSizes);
  mega::BarrierOp::create(b, loc);
  b.setInsertionPointToStart(&phase.getBody().emplaceBlock());
}

int64_t ProgramBuilder::stepsOf(Value packedWeight) {
  auto type = cast<RankedTensorType>(packedWeight.getType());
  return type.getDimSize(type.getRank() - 3);
}

int64_t ProgramBuilder::panelsPerTile(Value packedWeight, int64_t unit) {
  auto type = cast<RankedTensorType>(packedWeight.getType());
  int64_t panels = type.getDimSize(type.getRank() - 4);
  int64_t bytes = stepsOf(packedWeight) * 64;
  int64_t fit = std::max<int64_t>(kTileWeightBytes / bytes, 1);
  int64_t balanced = llvm::divideCeil(panels, kMinTiles);
  return llvm::alignTo(std::min(fit, balanced), unit);
}

LogicalResult ProgramBuilder::build() {
  ModuleOp module = main->getParentOfType<ModuleOp>();
  b.setInsertionPointToEnd(module.getBody());
  auto program =
      mega::ProgramOp::create(b, loc, b.getStringAttr(shape.name),
                              shape.maxTokens, shape.rows, shape.context);
  buffers = phases = &program.getBody().emplaceBlock();
  for (Operation &op : main.getBody().front()) {
    if (isa<GetOp, func::ReturnOp>(op))
      continue;
    if (auto embedding = dyn_cast<EmbeddingOp>(op)) {
      auto get = embedding.getTable().getDefiningOp<GetOp>();
      element = module.lookupSymbol<WeightOp>(get.getWeightAttr())
                    .getTensorType()
                    .getElementType();
      hidden = cast<RankedTensorType>(embedding.getType()).getDimSize(1);
      x = buffer(BufferSpace::Shared, {shape.maxTokens, roundUpToPanel(hidden)},
                 b.getF32Type());
      b.setInsertionPointToEnd(phases);
      Value table = weight(embedding.getTable());
      beginPhase("embed", tiles({one ? size(1) : size("tokens")}));
      mega::EmbedOp::create(b, loc, table, x, embedding.getMultiplierAttr());
    } else if (auto layers = dyn_cast<LayersOp>(op)) {
      if (failed(buildLayers(layers)))
        return failure();
    } else if (auto linear = dyn_cast<LinearOp>(op)) {
      if (!shape.layerInputs && failed(buildLogits(linear)))
        return failure();
    } else {
      return op.emitOpError("cannot be scheduled here; run the fuse phase "
                            "before this one");
    }
  }
  return success();
}

LogicalResult ProgramBuilder::buildLayers(LayersOp layers) {
  ModuleOp module = main->getParentOfType<ModuleOp>();
  layersCount = layers.getOrder().size();
  if (shape.layerInputs) {
    int64_t vocabulary =
        cast<RankedTensorType>(main.getFunctionType().getResult(0))
            .getDimSize(1);
    kept = buffer(
        BufferSpace::Logits,
        {ShapedType::kDynamic, std::max(vocabulary, layersCount * hidden)},
        b.getF32Type());
  }
  b.setInsertionPointToEnd(phases);
  Block *outer = phases;
  auto op = mega::LayersOp::create(b, loc, layers.getOrder(),
                                   layers.getBodies().size());
  for (auto [region, name] : llvm::zip(
           op.getKinds(), layers.getBodies().getAsRange<FlatSymbolRefAttr>())) {
    phases = &region.emplaceBlock();
    layer = phases->addArgument(b.getIndexType(), loc);
    phaseNames.clear();
    auto body = module.lookupSymbol<func::FuncOp>(name.getAttr());
    if (failed(buildBody(body)))
      return failure();
  }
  phases = outer;
  layer = {};
  b.setInsertionPointToEnd(phases);
  return success();
}

LogicalResult ProgramBuilder::buildBody(func::FuncOp body) {
  rows.clear();
  operands.clear();
  rows[body.getArgument(0)] = x;
  if (kept)
    keepRows();
  for (Operation &op : body.getBody().front()) {
    b.setInsertionPointToEnd(phases);
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

/// Columns of an input with what low ranks put behind it.
static int64_t widened(int64_t columns, Value lowRank) {
  if (!lowRank)
    return columns;
  return roundUpToPanel(columns) +
         cast<RankedTensorType>(lowRank.getType()).getDimSize(0);
}

Value ProgramBuilder::rowsOf(Operation *op, Value value) {
  Value known = rows.lookup(value);
  if (!known)
    op->emitOpError("takes rows that no phase before makes");
  return known;
}

Value ProgramBuilder::normed(Value source, Value norm, FloatAttr eps,
                             StringRef name, Value lowRank,
                             DenseI64ArrayAttr ranks) {
  // Rows that are widened are those of one product.
  Value operandOf = lowRank ? Value() : operands.lookup({source, norm});
  if (operandOf)
    return operandOf;
  int64_t columns = cast<RankedTensorType>(norm.getType()).getDimSize(0);
  operandOf = operand(one ? BufferSpace::Private : BufferSpace::Shared, blocks,
                      widened(columns, lowRank));
  Value w = weight(norm);
  beginPhase(name, one ? ArrayAttr() : tiles({size("blocks")}));
  mega::NormOp::create(b, loc, source, w, operandOf, eps, UnitAttr());
  addLowRank(operandOf, lowRank, ranks, "low_rank");
  if (!lowRank)
    operands[{source, norm}] = operandOf;
  return operandOf;
}

FailureOr<AttentionOp>
ProgramBuilder::prepareAttention(Operation *user, Value queryOf, Value table) {
  auto attention = dyn_cast<AttentionOp>(*queryOf.user_begin());
  if (!queryOf.hasOneUse() || !attention)
    return user->emitOpError("has a query that is not used by one attention");
  int64_t positions = cast<RankedTensorType>(table.getType()).getDimSize(0);
  if (positions < shape.context)
    return user->emitOpError("turns ")
           << positions << " positions, 'context' is " << shape.context;
  Type f32 = b.getF32Type();
  int64_t keyColumns = roundUpToPanel(attention.getHeadDim());
  int64_t valueColumns = roundUpToPanel(attention.getValueDim());
  query = buffer(
      BufferSpace::Shared,
      {blocks * shape.rows, int64_t(attention.getHeads()), keyColumns}, f32);
  SmallVector<int64_t> cacheShape{layersCount, int64_t(attention.getKvHeads()),
                                  ShapedType::kDynamic,
                                  keyColumns + valueColumns};
  if (!cache)
    cache = buffer(BufferSpace::Cache, cacheShape, f32);
  if (cast<MemRefType>(cache.getType()).getShape() != ArrayRef(cacheShape))
    return user->emitOpError("has other key and value heads than the layers "
                             "before it");
  return attention;
}

void ProgramBuilder::addLowRank(Value operandOf, Value lowRank,
                                DenseI64ArrayAttr ranks, StringRef name) {
  if (!lowRank)
    return;
  int64_t columns = cast<RankedTensorType>(lowRank.getType()).getDimSize(1);
  bool isPrivate = mega::getSpace(operandOf) == BufferSpace::Private;
  b.setInsertionPointToEnd(phases);
  Value w = weight(lowRank);
  beginPhase(name,
             isPrivate ? ArrayAttr() : tiles({one ? size(1) : size("blocks")}));
  mega::LowRankOp::create(b, loc, operandOf, w, columns, ranks);
}

LogicalResult ProgramBuilder::buildQkv(QkvOp op) {
  FailureOr<AttentionOp> attention =
      prepareAttention(op, op.getQuery(), op.getTable());
  Value source = rowsOf(op, op.getInput());
  if (failed(attention) || !source)
    return failure();
  int64_t heads = attention->getHeads(), kvHeads = attention->getKvHeads();
  int64_t dim = attention->getHeadDim();
  Value operandOf =
      normed(source, op.getNorm(), op.getEpsAttr(), "attention_norm",
             op.getLowRank(), op.getRanksAttr());
  Value head = buffer(BufferSpace::Private, {shape.rows, roundUpToPanel(dim)},
                      b.getF32Type());
  b.setInsertionPointToEnd(phases);
  Value w = weight(op.getWeight()), bias = weight(op.getBias());
  Value qNorm = weight(op.getQNorm()), kNorm = weight(op.getKNorm());
  Value table = weight(op.getTable());
  beginPhase("qkv",
             tiles({size(heads + 2 * kvHeads), one ? size(1) : size("spans")}));
  mega::QkvOp::create(b, loc, operandOf, w, bias, qNorm, kNorm, table, query,
                      cache, head, layer, heads, kvHeads, dim, kSpanBlocks,
                      op.getHeadEpsAttr(), op.getClipAttr());
  return success();
}

LogicalResult ProgramBuilder::buildHeads(HeadsOp op) {
  FailureOr<AttentionOp> attention =
      prepareAttention(op, op.getQuery(), op.getTable());
  if (failed(attention))
    return failure();
  Value q = rowsOf(op, op.getQ()), k = rowsOf(op, op.getK());
  Value v = rowsOf(op, op.getV());
  Value tail = op.getTail() ? rowsOf(op, op.getTail()) : Value();
  if (!q || !k || !v || (op.getTail() && !tail))
    return failure();
  int64_t keyDim = attention->getHeadDim(), valueDim = attention->getValueDim();
  Value head =
      buffer(BufferSpace::Private,
             {1, roundUpToPanel(std::max(keyDim, valueDim))}, b.getF32Type());
  Value qNorm = weight(op.getQNorm()), kNorm = weight(op.getKNorm());
  Value table = weight(op.getTable());
  beginPhase("heads", tiles({one ? size(1) : size("tokens")}));
  mega::HeadsOp::create(b, loc, q, k, v, tail, qNorm, kNorm, table, query,
                        cache, head, layer, op.getHeads(), op.getKvHeads(),
                        keyDim, valueDim, op.getEpsAttr(), op.getClipAttr());
  return success();
}

LogicalResult ProgramBuilder::buildAttention(AttentionOp op) {
  if (op.getLayer() != op->getParentOfType<func::FuncOp>().getArgument(2))
    return op.emitOpError("must use the cache of its own layer");
  int64_t heads = op.getHeads(), kvHeads = op.getKvHeads();
  int64_t dim = op.getHeadDim(), valueDim = op.getValueDim();
  // The product that follows may have its input widened.
  Value lowRank;
  if (auto linear = dyn_cast<LinearOp>(*op.getResult().user_begin()))
    lowRank = linear.getLowRank();
  attended =
      operand(BufferSpace::Shared, blocks, widened(heads * valueDim, lowRank));
  operands[{op.getResult(), Value()}] = attended;
  // For one token, the rows are the query heads that share keys and values.
  int64_t rows = one ? heads / kvHeads : shape.rows;
  // The extra columns keep rows apart in the first-level cache.
  Value scores = buffer(BufferSpace::Private,
                        {rows, roundUpToPanel(shape.context) + kPanelRows},
                        b.getF32Type());
  beginPhase("attention", tiles({size(one ? kvHeads : heads),
                                 one ? size(1) : size("blocks")}));
  mega::AttentionOp::create(b, loc, query, cache, attended, scores, layer,
                            heads, kvHeads, dim, valueDim, op.getScale(),
                            op.getWindowAttr());
  return success();
}

/// A product of the attention or of normalised rows. With a residual, which can
/// only be the activations, it adds to them; without, it makes rows of its own.
LogicalResult ProgramBuilder::buildLinear(LinearOp op) {
  Value source = operands.lookup({op.getInput(), Value()});
  if (op.getNorm()) {
    Value input = rowsOf(op, op.getInput());
    if (!input)
      return failure();
    source = normed(input, op.getNorm(), op.getEpsAttr(),
                    input == x ? "attention_norm" : "norm", op.getLowRank(),
                    op.getRanksAttr());
  }
  if (!source)
    return op.emitOpError("in a layer must be a product of the attention or "
                          "have a norm");
  if (!op.getNorm() && op.getLowRank()) {
    if (!op.getInput().hasOneUse())
      return op.emitOpError("widens an input that others use");
    addLowRank(source, op.getLowRank(), op.getRanksAttr(), "output_low_rank");
  }
  int64_t columns = cast<RankedTensorType>(op.getType()).getDimSize(1);
  Value out = x;
  if (!op.getResidual()) {
    out = buffer(BufferSpace::Shared,
                 {shape.maxTokens, roundUpToPanel(columns)}, b.getF32Type());
  } else if (rows.lookup(op.getResidual()) != x) {
    return op.emitOpError("adds to rows that are not the activations");
  }
  b.setInsertionPointToEnd(phases);
  Value w = weight(op.getWeight()), bias = weight(op.getBias());
  int64_t panels = one ? shape.streams : panelsPerTile(w, 2);
  int64_t total = cast<RankedTensorType>(w.getType()).getDimSize(0);
  StringRef name =
      op.getWeight().getDefiningOp<GetOp>().getWeight().rsplit('.').second;
  beginPhase(op.getResidual() || name.empty() ? "output" : name,
             tiles({size(llvm::divideCeil(total, panels)),
                    one ? size(1) : size("spans")}));
  mega::LinearOp::create(b, loc, source, w, bias, out, columns, panels,
                         kSpanBlocks, /*accumulate=*/out == x,
                         op.getMultiplierAttr());
  rows[op.getResult()] = out;
  if (out == x)
    operands.clear();
  return success();
}

/// Adds to the tokens' lists the experts of the segments that are complete.
void ProgramBuilder::buildSegments(MoeOp op, TwoLevelAttr levels, Value chosen,
                                   Value weights) {
  Type f32 = b.getF32Type(), i32 = b.getI32Type();
  int64_t segments = shape.maxTokens / levels.getWhole().getSegment();
  int64_t experts =
      cast<RankedTensorType>(op.getRouter().getType()).getDimSize(0) -
      levels.getTokenExperts();
  int64_t width = cast<MemRefType>(x.getType()).getDimSize(1);
  Value scores = buffer(BufferSpace::Shared, {segments, experts}, f32);
  Value pooled = buffer(BufferSpace::Private, {width}, f32);
  Value taken = buffer(BufferSpace::Private, {segments * (experts + 1)}, i32);
  b.setInsertionPointToEnd(phases);
  Value norm = weight(op.getNorm()), router = weight(op.getRouter());
  beginPhase("segment_scores", tiles({size(segments)}));
  mega::SegmentScoresOp::create(b, loc, x, norm, router, scores, pooled,
                                op.getEpsAttr(), levels);
  beginPhase("segment_choose", tiles({size(1)}));
  mega::SegmentChooseOp::create(b, loc, scores, chosen, weights, taken, levels);
}

LogicalResult ProgramBuilder::buildMoe(MoeOp op) {
  if (rowsOf(op, op.getInput()) != x)
    return failure();
  Type f32 = b.getF32Type(), i32 = b.getI32Type();
  int64_t columns = cast<RankedTensorType>(op.getType()).getDimSize(1);
  int64_t experts = op.getNames() ? op.getNames()->size() : 0;
  int64_t topK = experts ? getTopK(*op.getRouting()) : 0;
  auto levels = dyn_cast_or_null<TwoLevelAttr>(op.getRoutingAttr());
  // A segment is complete in a step of many tokens only.
  if (levels && one)
    topK = levels.getNumTaken();
  bool hasSegments = levels && !one && levels.getMaxPerSegment() > 0;
  if (hasSegments && shape.maxTokens < levels.getWhole().getSegment())
    return op.emitOpError("routes segments of ")
           << levels.getWhole().getSegment()
           << " tokens, a step has at most prefill-tokens, " << shape.maxTokens;
  bool shared = static_cast<bool>(op.getSharedDown());
  BufferSpace space = one ? BufferSpace::Private : BufferSpace::Shared;

  // Norm and routing.
  Value upLowRank = op.getUpLowRank(), downLowRank = op.getDownLowRank();
  int64_t inColumns = widened(columns, upLowRank);
  Value normedRows =
      buffer(space, {shape.maxTokens, paddedColumns(inColumns)}, element);
  Value chosen =
      buffer(space, {shape.maxTokens, std::max<int64_t>(topK, 1)}, i32);
  Value weights = buffer(space, {shape.maxTokens, topK + 1}, f32);
  int64_t numScores = 1;
  if (op.getRouter())
    numScores = cast<RankedTensorType>(op.getRouter().getType()).getDimSize(0) +
                experts;
  if (auto choice = dyn_cast_or_null<TokenChoiceAttr>(
          op.getRouting().value_or(Attribute())))
    numScores += choice.getGroups();
  Value scores = buffer(BufferSpace::Private, {numScores}, f32);
  Value norm = weight(op.getNorm()), router = weight(op.getRouter());
  Value scale = weight(op.getScale());
  beginPhase("route", one ? ArrayAttr() : tiles({size("blocks")}));
  mega::RouteOp::create(b, loc, x, norm, router, scale, normedRows, chosen,
                        weights, scores, layer, op.getEpsAttr(),
                        op.getRoutingAttr(), b.getI64IntegerAttr(experts),
                        op.getMultiplierAttr());
  if (hasSegments)
    buildSegments(op, levels, chosen, weights);

  // For many tokens, blocks of tokens by expert.
  int64_t slots =
      one ? topK + shared
          : (experts ? shape.maxTokens * topK / shape.rows + experts : 0) +
                (shared ? blocks : 0);
  Value groups, packedRows = normedRows;
  if (!one) {
    int64_t numGroups = experts + shared;
    groups = buffer(BufferSpace::Private,
                    {numGroups + 1 + slots * (1 + 2 * shape.rows)}, i32);
    beginPhase("group", ArrayAttr());
    mega::GroupOp::create(b, loc, chosen, weights, groups, experts, shared);
    packedRows = operand(BufferSpace::Shared, slots, inColumns);
    beginPhase("gather", tiles({size("slots")}));
    mega::GatherOp::create(b, loc, normedRows, groups, packedRows);
  }
  // Slots of the shared expert alone are the blocks of the tokens.
  addLowRank(packedRows, upLowRank, op.getUpRanksAttr(), "up_low_rank");

  // The two products.
  int64_t width = 0, upTiles = 0;
  b.setInsertionPointToEnd(phases);
  Value gateUp = weight(op.getGateUp()),
        sharedGateUp = weight(op.getSharedGateUp());
  Value down = weight(op.getDown()), sharedDown = weight(op.getSharedDown());
  int64_t pairs = one ? std::max<int64_t>(shape.streams / 2, 1) : 1 << 20;
  for (Value w : {gateUp, sharedGateUp})
    if (w && !one)
      pairs = std::min(pairs, panelsPerTile(w, 2) / 2);
  for (Value w : {gateUp, sharedGateUp}) {
    if (!w)
      continue;
    auto type = cast<RankedTensorType>(w.getType());
    int64_t wPairs = type.getDimSize(type.getRank() - 4) / 2;
    width = std::max(width, wPairs * kPanelRows);
    int64_t count = w == sharedGateUp ? 1 : one ? topK : experts;
    upTiles += count * llvm::divideCeil(wPairs, pairs);
  }
  Value act = operand(BufferSpace::Shared, slots, widened(width, downLowRank));
  beginPhase("expert_up", tiles({size(upTiles)}));
  mega::ExpertUpOp::create(b, loc, packedRows, gateUp, sharedGateUp, groups,
                           one ? chosen : Value(), one ? weights : Value(), act,
                           pairs);
  addLowRank(act, downLowRank, op.getDownRanksAttr(), "down_low_rank");
  Value anyDown = down ? down : sharedDown;
  auto downType = cast<RankedTensorType>(anyDown.getType());
  int64_t total = downType.getDimSize(downType.getRank() - 4);
  int64_t steps = std::min<int64_t>(width / (element.isBF16() ? 2 : 1), 2048);
  int64_t panels =
      one ? shape.streams
          : llvm::alignTo(
                std::min<int64_t>(
                    std::max<int64_t>(kTileWeightBytes / (steps * 64), 1),
                    llvm::divideCeil(total, kMinTiles)),
                2);
  beginPhase("expert_down", tiles({size(llvm::divideCeil(total, panels))}));
  mega::ExpertDownOp::create(b, loc, act, down, sharedDown, groups,
                             one ? chosen : Value(), x, panels, steps);
  rows[op.getResult()] = x;
  operands.clear();
  return success();
}

LogicalResult ProgramBuilder::buildLogits(LinearOp op) {
  if (!op.getNorm() || op.getBias() || op.getResidual() || op.getLowRank())
    return op.emitOpError("for the logits must have a norm, and neither bias "
                          "nor residual");
  auto inType = cast<RankedTensorType>(op.getInput().getType());
  int64_t vocabulary = cast<RankedTensorType>(op.getType()).getDimSize(1);
  b.setInsertionPointToEnd(phases);
  Value norm = weight(op.getNorm()), w = weight(op.getWeight());
  Value rowsWithLogits =
      operand(one ? BufferSpace::Private : BufferSpace::Shared, blocks,
              inType.getDimSize(1));
  beginPhase("final_norm", one ? ArrayAttr() : tiles({size("logits")}));
  mega::NormOp::create(b, loc, x, norm, rowsWithLogits, op.getEpsAttr(),
                       one ? UnitAttr() : b.getUnitAttr());
  Value logits = buffer(BufferSpace::Logits, {ShapedType::kDynamic, vocabulary},
                        b.getF32Type());
  int64_t panels = one ? shape.streams : panelsPerTile(w, 2);
  int64_t total = cast<RankedTensorType>(w.getType()).getDimSize(0);
  beginPhase("logits", tiles({size(llvm::divideCeil(total, panels)), size(1)}));
  mega::LinearOp::create(b, loc, rowsWithLogits, w, Value(), logits, vocabulary,
                         panels, blocks, /*accumulate=*/false,
                         op.getMultiplierAttr());
  return success();
}

void ProgramBuilder::keepRows() {
  beginPhase("keep_rows", tiles({one ? size(1) : size("tokens")}));
  mega::KeepRowsOp::create(b, loc, x, kept, layer, hidden);
}

} // namespace

LogicalResult fpmoe::buildProgram(func::FuncOp main,
                                  const ProgramShape &shape) {
  return ProgramBuilder(main, shape).build();
}
