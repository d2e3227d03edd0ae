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
  LogicalResult buildAttention(AttentionOp op);
  LogicalResult buildOutput(LinearOp op);
  void buildMoe(MoeOp op);
  LogicalResult buildLogits(LinearOp op);

  Value buffer(BufferSpace space, ArrayRef<int64_t> sizes, Type element);
  /// Memory for a packed operand of `columns` columns.
  Value operand(BufferSpace space, int64_t numBlocks, int64_t columns);
  Value weight(Value graphWeight);
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
  // Of the attention that is being built.
  Value query, attended;
  int64_t layersCount = 0;
};

Value ProgramBuilder::buffer(BufferSpace space, ArrayRef<int64_t> sizes,
                             Type type) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(buffers);
  if (!buffers->empty()) {
    Operation *last = &buffers->front();
    while (isa_and_nonnull<mega::BufferOp>(last->getNextNode()))
      last = last->getNextNode();
    b.setInsertionPointAfter(last);
  }
  return mega::BufferOp::create(b, loc, MemRefType::get(sizes, type), space);
}

Value ProgramBuilder::operand(BufferSpace space, int64_t numBlocks,
                              int64_t columns) {
  int64_t step = element.isBF16() ? 2 : 1;
  return buffer(space,
                {numBlocks, paddedColumns(columns) / step, shape.rows, step},
                element);
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
  auto phase = mega::PhaseOp::create(b, loc, b.getStringAttr(name), tileSizes);
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
      int64_t width = cast<RankedTensorType>(embedding.getType()).getDimSize(1);
      x = buffer(BufferSpace::Shared, {shape.maxTokens, roundUpToPanel(width)},
                 b.getF32Type());
      b.setInsertionPointToEnd(phases);
      Value table = weight(embedding.getTable());
      beginPhase("embed", tiles({one ? size(1) : size("tokens")}));
      mega::EmbedOp::create(b, loc, table, x);
    } else if (auto layers = dyn_cast<LayersOp>(op)) {
      if (failed(buildLayers(layers)))
        return failure();
    } else if (auto linear = dyn_cast<LinearOp>(op)) {
      if (failed(buildLogits(linear)))
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
  b.setInsertionPointToEnd(phases);
  Block *outer = phases;
  auto op = mega::LayersOp::create(b, loc, layers.getOrder(),
                                   layers.getBodies().size());
  for (auto [region, name] : llvm::zip(
           op.getKinds(), layers.getBodies().getAsRange<FlatSymbolRefAttr>())) {
    phases = &region.emplaceBlock();
    layer = phases->addArgument(b.getIndexType(), loc);
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
  for (Operation &op : body.getBody().front()) {
    b.setInsertionPointToEnd(phases);
    if (isa<GetOp, func::ReturnOp>(op))
      continue;
    LogicalResult result = success();
    if (auto qkv = dyn_cast<QkvOp>(op))
      result = buildQkv(qkv);
    else if (auto attention = dyn_cast<AttentionOp>(op))
      result = buildAttention(attention);
    else if (auto linear = dyn_cast<LinearOp>(op))
      result = buildOutput(linear);
    else if (auto moe = dyn_cast<MoeOp>(op))
      buildMoe(moe);
    else
      result = op.emitOpError("cannot be scheduled in a layer; run the fuse "
                              "phase before this one");
    if (failed(result))
      return failure();
  }
  return success();
}

LogicalResult ProgramBuilder::buildQkv(QkvOp op) {
  auto attention = dyn_cast<AttentionOp>(*op.getQuery().user_begin());
  if (!op.getQuery().hasOneUse() || !attention)
    return op.emitOpError("has a query that is not used by one attention");
  int64_t positions =
      cast<RankedTensorType>(op.getTable().getType()).getDimSize(0);
  if (positions < shape.context)
    return op.emitOpError("turns ")
           << positions << " positions, 'context' is " << shape.context;
  int64_t heads = attention.getHeads(), kvHeads = attention.getKvHeads();
  int64_t dim = attention.getHeadDim();
  int64_t padded = roundUpToPanel(dim);
  int64_t columns =
      cast<RankedTensorType>(op.getInput().getType()).getDimSize(1);

  Value normed = operand(one ? BufferSpace::Private : BufferSpace::Shared,
                         blocks, columns);
  Value norm = weight(op.getNorm());
  beginPhase("attention_norm", one ? ArrayAttr() : tiles({size("blocks")}));
  mega::NormOp::create(b, loc, x, norm, normed, op.getEpsAttr(), UnitAttr());

  Type f32 = b.getF32Type();
  query =
      buffer(BufferSpace::Shared, {blocks * shape.rows, heads, padded}, f32);
  if (!cache)
    cache = buffer(BufferSpace::Cache,
                   {layersCount, kvHeads, ShapedType::kDynamic, padded}, f32);
  Value head = buffer(BufferSpace::Private, {shape.rows, padded}, f32);
  Value w = weight(op.getWeight()), bias = weight(op.getBias());
  Value table = weight(op.getTable());
  beginPhase("qkv",
             tiles({size(heads + 2 * kvHeads), one ? size(1) : size("spans")}));
  mega::QkvOp::create(b, loc, normed, w, bias, table, query, cache, head, layer,
                      heads, kvHeads, dim, kSpanBlocks);
  return success();
}

LogicalResult ProgramBuilder::buildAttention(AttentionOp op) {
  if (op.getLayer() != op->getParentOfType<func::FuncOp>().getArgument(2))
    return op.emitOpError("must use the cache of its own layer");
  int64_t heads = op.getHeads(), kvHeads = op.getKvHeads();
  int64_t dim = op.getHeadDim();
  attended = operand(BufferSpace::Shared, blocks, heads * dim);
  // For one token, the rows are the query heads that share keys and values.
  int64_t rows = one ? heads / kvHeads : shape.rows;
  // The extra columns keep rows apart in the first-level cache.
  Value scores = buffer(BufferSpace::Private,
                        {rows, roundUpToPanel(shape.context) + kPanelRows},
                        b.getF32Type());
  beginPhase("attention", tiles({size(one ? kvHeads : heads),
                                 one ? size(1) : size("blocks")}));
  mega::AttentionOp::create(b, loc, query, cache, attended, scores, layer,
                            heads, kvHeads, dim, op.getScale(),
                            op.getWindowAttr());
  return success();
}

LogicalResult ProgramBuilder::buildOutput(LinearOp op) {
  if (op.getNorm() || op.getBias() || !op.getResidual() ||
      !op.getInput().getDefiningOp<AttentionOp>())
    return op.emitOpError("in a layer must be a product of the attention, with "
                          "a residual and without norm and bias");
  Value w = weight(op.getWeight());
  int64_t panels = one ? 1 : panelsPerTile(w, 2);
  int64_t total = cast<RankedTensorType>(w.getType()).getDimSize(0);
  beginPhase("output", tiles({size(llvm::divideCeil(total, panels)),
                              one ? size(1) : size("spans")}));
  int64_t columns = cast<RankedTensorType>(op.getType()).getDimSize(1);
  mega::LinearOp::create(b, loc, attended, w, x, columns, panels, kSpanBlocks,
                         /*accumulate=*/true);
  return success();
}

void ProgramBuilder::buildMoe(MoeOp op) {
  Type f32 = b.getF32Type(), i32 = b.getI32Type();
  int64_t columns = cast<RankedTensorType>(op.getType()).getDimSize(1);
  int64_t experts = op.getNames() ? op.getNames()->size() : 0;
  int64_t topK = experts ? getTopK(*op.getRouting()) : 0;
  bool shared = static_cast<bool>(op.getSharedDown());
  BufferSpace space = one ? BufferSpace::Private : BufferSpace::Shared;

  // Norm and routing.
  Value rows =
      buffer(space, {shape.maxTokens, paddedColumns(columns)}, element);
  Value chosen =
      buffer(space, {shape.maxTokens, std::max<int64_t>(topK, 1)}, i32);
  Value weights = buffer(space, {shape.maxTokens, topK + 1}, f32);
  int64_t numScores = 1;
  if (op.getRouter())
    numScores = cast<RankedTensorType>(op.getRouter().getType()).getDimSize(0) +
                experts;
  Value scores = buffer(BufferSpace::Private, {numScores}, f32);
  Value norm = weight(op.getNorm()), router = weight(op.getRouter());
  Value scale = weight(op.getScale());
  beginPhase("route", one ? ArrayAttr() : tiles({size("blocks")}));
  mega::RouteOp::create(b, loc, x, norm, router, scale, rows, chosen, weights,
                        scores, layer, op.getEpsAttr(), op.getRoutingAttr(),
                        b.getI64IntegerAttr(experts));

  // For many tokens, blocks of tokens by expert.
  int64_t slots =
      one ? topK + shared
          : (experts ? shape.maxTokens * topK / shape.rows + experts : 0) +
                (shared ? blocks : 0);
  Value groups, packedRows = rows;
  if (!one) {
    int64_t numGroups = experts + shared;
    groups = buffer(BufferSpace::Private,
                    {numGroups + 1 + slots * (1 + 2 * shape.rows)}, i32);
    beginPhase("group", ArrayAttr());
    mega::GroupOp::create(b, loc, chosen, weights, groups, experts, shared);
    packedRows = operand(BufferSpace::Shared, slots, columns);
    beginPhase("gather", tiles({size("slots")}));
    mega::GatherOp::create(b, loc, rows, groups, packedRows);
  }

  // The two products.
  int64_t width = 0, upTiles = 0;
  b.setInsertionPointToEnd(phases);
  Value gateUp = weight(op.getGateUp()),
        sharedGateUp = weight(op.getSharedGateUp());
  Value down = weight(op.getDown()), sharedDown = weight(op.getSharedDown());
  int64_t pairs = one ? 1 : 1 << 20;
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
  Value act = operand(BufferSpace::Shared, slots, width);
  beginPhase("expert_up", tiles({size(upTiles)}));
  mega::ExpertUpOp::create(b, loc, packedRows, gateUp, sharedGateUp, groups,
                           one ? chosen : Value(), one ? weights : Value(), act,
                           pairs);
  Value anyDown = down ? down : sharedDown;
  auto downType = cast<RankedTensorType>(anyDown.getType());
  int64_t total = downType.getDimSize(downType.getRank() - 4);
  int64_t steps = std::min<int64_t>(width / (element.isBF16() ? 2 : 1), 2048);
  int64_t panels =
      one ? 1
          : llvm::alignTo(
                std::min<int64_t>(
                    std::max<int64_t>(kTileWeightBytes / (steps * 64), 1),
                    llvm::divideCeil(total, kMinTiles)),
                2);
  beginPhase("expert_down", tiles({size(llvm::divideCeil(total, panels))}));
  mega::ExpertDownOp::create(b, loc, act, down, sharedDown, groups,
                             one ? chosen : Value(), x, panels, steps);
}

LogicalResult ProgramBuilder::buildLogits(LinearOp op) {
  if (!op.getNorm() || op.getBias() || op.getResidual())
    return op.emitOpError("for the logits must have a norm, and neither bias "
                          "nor residual");
  auto inType = cast<RankedTensorType>(op.getInput().getType());
  int64_t vocabulary = cast<RankedTensorType>(op.getType()).getDimSize(1);
  b.setInsertionPointToEnd(phases);
  Value norm = weight(op.getNorm()), w = weight(op.getWeight());
  Value normed = operand(one ? BufferSpace::Private : BufferSpace::Shared,
                         blocks, inType.getDimSize(1));
  beginPhase("final_norm", one ? ArrayAttr() : tiles({size("logits")}));
  mega::NormOp::create(b, loc, x, norm, normed, op.getEpsAttr(),
                       one ? UnitAttr() : b.getUnitAttr());
  Value logits = buffer(BufferSpace::Logits, {ShapedType::kDynamic, vocabulary},
                        b.getF32Type());
  int64_t panels = one ? 1 : panelsPerTile(w, 2);
  int64_t total = cast<RankedTensorType>(w.getType()).getDimSize(0);
  beginPhase("logits", tiles({size(llvm::divideCeil(total, panels)), size(1)}));
  mega::LinearOp::create(b, loc, normed, w, logits, vocabulary, panels, blocks,
                         /*accumulate=*/false);
  return success();
}

} // namespace

LogicalResult fpmoe::buildProgram(func::FuncOp main,
                                  const ProgramShape &shape) {
  return ProgramBuilder(main, shape).build();
}
