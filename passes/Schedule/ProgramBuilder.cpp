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
#include "lib/Codegen/Formats/Format.h"

using namespace mlir;
using namespace fpmoe;
using mega::TileSize;

ProgramBuilder::ProgramBuilder(func::FuncOp main, const ProgramShape &shape)
    : OpBuilder(main.getContext()), shape(shape), loc(main.getLoc()),
      module(main->getParentOfType<ModuleOp>()),
      target(mega::getTarget(module)), one(shape.maxTokens == 1),
      numBlocks(llvm::divideCeil(shape.maxTokens, shape.rows)),
      ranks(getNumRanks(module)) {}

mega::ProgramOp ProgramBuilder::beginProgram() {
  setInsertionPointToEnd(module.getBody());
  auto program =
      mega::ProgramOp::create(*this, loc, getStringAttr(shape.name),
                              shape.maxTokens, shape.rows, shape.context);
  top = phases = &program.getBody().emplaceBlock();
  return program;
}

/// Buffers and inputs stand in front of everything, in the order in which they
/// were made.
Value ProgramBuilder::createOnTop(function_ref<Value()> create) {
  InsertionGuard guard(*this);
  setInsertionPointToStart(top);
  for (Operation &op : *top) {
    if (!isa<mega::BufferOp, mega::InputOp>(op))
      break;
    setInsertionPointAfter(&op);
  }
  return create();
}

Value ProgramBuilder::buffer(StringRef name, BufferSpace space,
                             ArrayRef<int64_t> sizes, Type element) {
  std::string unique = name.str();
  if (int number = bufferNames[name]++)
    unique += "_" + std::to_string(number);
  return createOnTop([&]() -> Value {
    return mega::BufferOp::create(*this, loc, MemRefType::get(sizes, element),
                                  space, unique);
  });
}

Value ProgramBuilder::operand(StringRef name, BufferSpace space, Value weight,
                              int64_t count, int64_t rows, int64_t columns) {
  const Format &product =
      getFormat(cast<ShapedType>(weight.getType()).getElementType());
  const Format &format = getRowsFormat(product);
  int64_t k = format.getOperandDepth(target);
  Value value = buffer(name, space, {count, columns / k, rows, k},
                       format.getOperandElement(target));
  // Integers are made row by row.
  if (format.takesRowMajor(target) || product.takesIntegers())
    value.setType(mega::getRowMajorType(cast<MemRefType>(value.getType())));
  return value;
}

/// Whether the phase that is built makes whole blocks of rows, each where their
/// integers are wanted: for many tokens in one tile; for one token in every
/// worker, which is less than to meet.
bool ProgramBuilder::makesBlocks() {
  auto phase = dyn_cast<mega::PhaseOp>(getInsertionBlock()->getParentOp());
  if (!phase || !phase.getTiles())
    return phase != nullptr;
  for (TileSize blocks :
       {TileSize::Blocks, TileSize::ExpertBlocks, TileSize::LogitsBlocks})
    if (phase.getTilesAttr() == getArrayAttr(size(blocks)))
      return !one;
  return false;
}

Value ProgramBuilder::multiplied(Value rows, Value weight, Value groups,
                                 int64_t tail, int64_t shards) {
  const Format &format =
      getFormat(cast<ShapedType>(weight.getType()).getElementType());
  if (!format.takesIntegers())
    return rows;
  int64_t k = format.getOperandDepth(target);
  auto type = cast<MemRefType>(rows.getType());
  int64_t behind = mega::padColumns(tail);
  // Without a tail, shards are one row.
  int64_t parts = tail ? shards : 1;
  int64_t steps =
      parts * (llvm::divideCeil(type.getDimSize(1) / parts - behind, k) +
               llvm::divideCeil(behind, k));
  auto made = rows.getDefiningOp<mega::BufferOp>();
  Value integers =
      buffer((made.getName().value_or("rows") + "_integers").str(), common(),
             {type.getDimSize(0), steps, type.getDimSize(2),
              format.getOperandExtent(target)},
             format.getOperandElement(target));
  int64_t columns =
      cast<ShapedType>(weight.getType()).getShape().back() * (shards / parts) -
      tail;
  if (!makesBlocks())
    beginPhase("quantize", one ? Sizes()
                               : Sizes{size(groups ? TileSize::ExpertBlocks
                                                   : TileSize::Blocks)});
  mega::QuantizeOp::create(*this, loc, rows, integers, groups, columns, tail,
                           parts);
  return integers;
}

Value ProgramBuilder::input(mega::StepInput input) {
  Value &value = inputs[input];
  if (!value)
    value = createOnTop([&]() -> Value {
      return mega::InputOp::create(
          *this, loc, mega::InputOp::getInputType(getContext()), input);
    });
  return value;
}

Value ProgramBuilder::weight(Value graphWeight) {
  if (!graphWeight)
    return {};
  auto get = graphWeight.getDefiningOp<GetOp>();
  auto symbol = module.lookupSymbol<WeightOp>(get.getWeightAttr());
  InsertionGuard guard(*this);
  if (auto phase = dyn_cast<mega::PhaseOp>(getInsertionBlock()->getParentOp()))
    setInsertionPoint(phase);
  return mega::WeightOp::create(*this, loc, symbol.getType(),
                                get.getWeightAttr(),
                                get.getLayer() ? layer : Value());
}

void ProgramBuilder::beginPhase(StringRef name, const Sizes &sizes) {
  endPhase();
  // A phase becomes a function, so its name is its own.
  std::string unique = name.str();
  if (int number = phaseNames[name]++)
    unique += "_" + std::to_string(number);
  auto phase =
      mega::PhaseOp::create(*this, loc, getStringAttr(unique),
                            sizes.empty() ? ArrayAttr() : getArrayAttr(sizes));
  mega::BarrierOp::create(*this, loc);
  setInsertionPointToStart(&phase.getBody().emplaceBlock());
}

void ProgramBuilder::beginTopPhase(StringRef name, const Sizes &sizes) {
  Block *inner = phases;
  phases = top;
  beginPhase(name, sizes);
  phases = inner;
  Operation *phase = getInsertionBlock()->getParentOp();
  Operation *barrier = phase->getNextNode();
  phase->moveBefore(layersOp);
  barrier->moveBefore(layersOp);
}

Value ProgramBuilder::shardSums(int64_t shards, Value x) {
  ArrayRef<int64_t> rows = cast<MemRefType>(x.getType()).getShape();
  Value &sums = sumsOfShards[shards];
  if (!sums)
    sums = buffer("shards", BufferSpace::Shared, {shards, rows[0], rows[1]},
                  getF32Type());
  return sums;
}

void ProgramBuilder::exchange(Value rows) {
  if (ranks == 1)
    return;
  beginPhase("exchange", {size(1)});
  mega::ExchangeOp::create(*this, loc, rows);
}

void ProgramBuilder::addShards(Value sums, Value graphBias,
                               FloatAttr multiplier, Value x) {
  // What a rank has becomes one number before it is sent.
  if (ranks > 1 && cast<MemRefType>(sums.getType()).getDimSize(0) > 1) {
    Value total = shardSums(1, x);
    beginPhase("reduce", {sizeOfMany(TileSize::Tokens)});
    mega::ReduceOp::create(*this, loc, sums, /*bias=*/Value(), total,
                           /*accumulate=*/false, /*multiplier=*/FloatAttr());
    sums = total;
  }
  exchange(sums);
  endPhase();
  Value bias = weight(graphBias);
  beginPhase("add_shards", {sizeOfMany(TileSize::Tokens)});
  mega::ReduceOp::create(*this, loc, sums, bias, x, /*accumulate=*/true,
                         multiplier);
}

int64_t ProgramBuilder::vectorsPerTile(Value packedWeight) {
  mega::PackedLayout layout(cast<RankedTensorType>(packedWeight.getType()));
  int64_t perPanel = layout.n / mega::kVectorColumns;
  if (one) { // one stream of weights for each
    int64_t vectors = std::max(getVectorsAtOnce(target, 1), perPanel);
    // Threads meet behind a tile; where there are many, they may be larger.
    if (target.getThreads() > 1)
      while (vectors < kThreadsVectors &&
             layout.vectors() >= 2 * vectors * kManyTiles &&
             2 * vectors * layout.panelBytes() / perPanel <= kTokenTileBytes)
        vectors *= 2;
    return vectors;
  }
  if (target.getThreads() > 1)
    return std::max(kThreadsVectors, perPanel);
  int64_t bytes = layout.panelBytes() / perPanel;
  int64_t fit = std::max<int64_t>(kTileWeightBytes / bytes, 1);
  int64_t balanced = llvm::divideCeil(layout.vectors(), kMinTiles);
  return llvm::alignTo(std::min(fit, balanced), std::max<int64_t>(perPanel, 2));
}

namespace {

/// The phases of `main`: the embedding, the layers, the logits.
class StepBuilder {
public:
  StepBuilder(func::FuncOp main, const ProgramShape &shape)
      : main(main), b(main, shape) {}

  LogicalResult build() {
    b.beginProgram();
    for (Operation &op : main.getBody().front()) {
      if (isa<GetOp, func::ReturnOp>(op))
        continue;
      LogicalResult result = success();
      if (auto embedding = dyn_cast<EmbeddingOp>(op))
        buildEmbedding(embedding);
      else if (auto layers = dyn_cast<LayersOp>(op))
        result = buildLayers(layers);
      else if (auto linear = dyn_cast<LinearOp>(op))
        result = b.shape.layerInputs ? success() : buildLogits(linear);
      else
        result = op.emitOpError("cannot be scheduled here; run the fuse phase "
                                "before this one");
      if (failed(result))
        return failure();
    }
    return success();
  }

private:
  void buildEmbedding(EmbeddingOp op) {
    memory.hidden = cast<RankedTensorType>(op.getType()).getDimSize(1);
    memory.x = b.buffer("x", mega::BufferSpace::Shared,
                        {b.shape.maxTokens, mega::padColumns(memory.hidden)},
                        b.getF32Type());
    b.beginPhase("embed", {b.sizeOfMany(TileSize::Tokens)});
    mega::EmbedOp::create(b, b.loc, b.weight(op.getTable()),
                          b.input(mega::StepInput::Tokens), memory.x,
                          op.getMultiplierAttr(), /*part=*/b.ranks > 1);
    b.exchange(memory.x);
  }

  LogicalResult buildLayers(LayersOp layers) {
    memory.layers = layers.getOrder().size();
    if (b.shape.layerInputs) {
      int64_t vocabulary =
          cast<RankedTensorType>(main.getFunctionType().getResult(0))
              .getDimSize(1);
      kept = b.buffer("logits", mega::BufferSpace::Logits,
                      {ShapedType::kDynamic,
                       std::max(vocabulary, memory.layers * memory.hidden)},
                      b.getF32Type());
    }
    b.endPhase();
    Block *outer = b.phases;
    auto op = mega::LayersOp::create(b, b.loc, layers.getOrder(),
                                     layers.getBodies().size());
    b.layersOp = op;
    for (auto [region, name] :
         llvm::zip(op.getKinds(),
                   layers.getBodies().getAsRange<FlatSymbolRefAttr>())) {
      b.phases = &region.emplaceBlock();
      b.layer = b.phases->addArgument(b.getIndexType(), b.loc);
      b.beginLayerKind();
      if (kept) {
        b.beginPhase("keep_rows", {b.sizeOfMany(TileSize::Tokens)});
        mega::KeepRowsOp::create(b, b.loc, memory.x,
                                 b.input(mega::StepInput::LogitsRows), kept,
                                 b.layer, memory.hidden);
      }
      auto body = b.module.lookupSymbol<func::FuncOp>(name.getAttr());
      if (failed(buildLayer(b, body, memory)))
        return failure();
    }
    b.phases = outer;
    b.layer = {};
    b.endPhase();
    return success();
  }

  LogicalResult buildLogits(LinearOp op) {
    if (!op.getNorm() || op.getBias() || op.getResidual() || op.getLowRank())
      return op.emitOpError("for the logits must have a norm, and neither bias "
                            "nor residual");
    int64_t vocabulary = cast<RankedTensorType>(op.getType()).getDimSize(1);
    int64_t columns =
        cast<RankedTensorType>(op.getInput().getType()).getDimSize(1);
    b.endPhase();
    Value norm = b.weight(op.getNorm()), weight = b.weight(op.getWeight());
    Value rows = b.operand("rows_with_logits", b.common(), weight, b.numBlocks,
                           b.shape.rows, mega::padColumns(columns));
    Value wanted = b.one ? Value() : b.input(mega::StepInput::LogitsRows);
    b.beginPhase("final_norm",
                 b.one ? ProgramBuilder::Sizes()
                       : ProgramBuilder::Sizes{b.size(TileSize::LogitsBlocks)});
    mega::NormOp::create(b, b.loc, memory.x, norm, wanted, rows,
                         op.getEpsAttr());
    rows = b.multiplied(rows, weight, /*groups=*/Value(), /*tail=*/0);
    Value logits = b.buffer("logits", mega::BufferSpace::Logits,
                            {ShapedType::kDynamic, vocabulary}, b.getF32Type());
    int64_t vectors = b.vectorsPerTile(weight);
    int64_t total =
        mega::PackedLayout(cast<RankedTensorType>(weight.getType())).vectors();
    b.beginPhase("logits",
                 {b.size(llvm::divideCeil(total, vectors)), b.size(1)});
    mega::LinearOp::create(b, b.loc, rows, weight, /*bias=*/Value(), wanted,
                           logits, vectors, b.numBlocks, /*accumulate=*/false,
                           op.getMultiplierAttr());
    return success();
  }

  func::FuncOp main;
  ProgramBuilder b;
  ProgramMemory memory;
  Value kept; ///< inputs of the layers, if they are wanted
};

} // namespace

LogicalResult fpmoe::buildProgram(func::FuncOp main,
                                  const ProgramShape &shape) {
  return StepBuilder(main, shape).build();
}
