//===- SplitRanks.cpp - A model over several processes --------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// All ranks run one program over weights of one layout; only what the weights
// hold is a rank's own. Shards are the same for any number of ranks, so that
// sums have the same bits: a rank has some of them, one behind the other.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Formats/Format.h"
#include "passes/Schedule/Passes.h"
#include "passes/Schedule/ProgramBuilder.h"

namespace fpmoe {
#define GEN_PASS_DEF_SPLITRANKS
#include "passes/Schedule/Passes.h.inc"
} // namespace fpmoe

using namespace mlir;
using namespace fpmoe;

/// Shards of K, as long as there are no more ranks.
static constexpr int64_t kShards = 4;
/// More than there are networks for.
static constexpr int64_t kMostRanks = 64;
/// Columns that a shard of a feed-forward network is filled up to: a group of
/// integers.
static constexpr int64_t kUnit = mega::kGroupElements;

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

/// The same rows of other columns.
static void setColumns(Value rows, int64_t columns) {
  auto type = cast<RankedTensorType>(rows.getType());
  rows.setType(RankedTensorType::get({type.getDimSize(0), columns},
                                     type.getElementType()));
}

namespace {

class Splitter {
public:
  Splitter(ModuleOp module, int64_t ranks)
      : module(module), symbols(module), ranks(ranks) {}

  LogicalResult run() {
    if (failed(checkOps()))
      return failure();
    SmallVector<int64_t> allowed;
    for (int64_t count = 1; count <= kMostRanks; count *= 2)
      if (getShards(count))
        allowed.push_back(count);
    if (!llvm::is_contained(allowed, ranks)) {
      InFlightDiagnostic error = module.emitError("cannot be split over ")
                                 << ranks << " ranks: each has as many heads, "
                                 << "and whole vectors of their columns, or "
                                 << "whole groups of integers; possible are ";
      llvm::interleaveComma(allowed, error);
      return error;
    }
    shards = getShards(ranks);
    for (auto function : module.getOps<func::FuncOp>())
      for (Operation &op : function.getBody().front())
        split(op);
    module.walk([&](GetOp get) {
      get.getResult().setType(
          symbols.lookup<WeightOp>(get.getWeight()).getTensorType());
    });
    for (auto function : module.getOps<func::FuncOp>()) {
      auto results = function.getBody().front().getTerminator()->getOperands();
      function.setType(FunctionType::get(module.getContext(),
                                         function.getArgumentTypes(),
                                         results.getTypes()));
    }
    NamedAttrList model(module->getAttrOfType<DictionaryAttr>(kModelAttr));
    model.set("ranks", Builder(module).getI64IntegerAttr(ranks));
    module->setAttr(kModelAttr, model.getDictionary(module.getContext()));
    return success();
  }

private:
  /// Whether all that is there can be split.
  LogicalResult checkOps() {
    WalkResult walk = module.walk([&](Operation *op) {
      StringRef what;
      auto linear = dyn_cast<LinearOp>(op);
      auto moe = dyn_cast<MoeOp>(op);
      if (isa<HeadsOp>(op))
        what = "normalises whole rows of heads, or has latent attention";
      else if ((linear && linear.getLowRank()) || (moe && moe.getDownLowRank()))
        what = "has low ranks that multiply what is split";
      else if (linear && !linear.getNorm() && !getAttention(linear))
        what = "multiplies rows that are no attention's";
      else
        return WalkResult::advance();
      op->emitOpError(what) << "; such a model cannot be split over ranks yet";
      return WalkResult::interrupt();
    });
    return failure(walk.wasInterrupted());
  }

  static AttentionOp getAttention(LinearOp linear) {
    return linear.getInput().getDefiningOp<AttentionOp>();
  }

  /// Shards of all of so many ranks; 0 where these are too many.
  int64_t getShards(int64_t count) {
    int64_t all = std::max(kShards, count);
    module.walk([&](LinearOp linear) {
      AttentionOp attention = getAttention(linear);
      if (!attention)
        return;
      bool isGroups =
          getFormat(getElementTypeOrSelf(linear.getWeight().getType()))
              .takesIntegers();
      int64_t unit = isGroups ? mega::kGroupElements : mega::kVectorColumns;
      while (all > 1 && shapeOf(attention.getResult()).back() % (all * unit))
        all /= 2;
      // Ranks may share a head of keys and values, of which each has a copy.
      int64_t kvHeads = attention.getKvHeads();
      if (attention.getHeads() % count || (kvHeads % count && count % kvHeads))
        all = 0;
    });
    return all < count ? 0 : all;
  }

  void split(Operation &op) {
    if (auto embedding = dyn_cast<EmbeddingOp>(op))
      splitVocabulary(embedding.getTable());
    else if (auto qkv = dyn_cast<QkvOp>(op))
      split(qkv);
    else if (auto attention = dyn_cast<AttentionOp>(op))
      split(attention);
    else if (auto moe = dyn_cast<MoeOp>(op))
      split(moe);
    else if (auto linear = dyn_cast<LinearOp>(op)) {
      if (getAttention(linear))
        splitColumns(linear.getWeight(),
                     shapeOf(linear.getWeight()).back() / shards);
      else
        setColumns(linear.getResult(), splitVocabulary(linear.getWeight()));
    }
  }

  /// A rank's rows of a table or of the logits' weight; how many these are.
  int64_t splitVocabulary(Value weight) {
    WeightOp symbol = symbolOf(weight);
    if (ranks > 1 && done.insert(symbol).second) {
      int64_t all = symbol.getTensorType().getDimSize(0);
      int64_t part = mega::padColumns(llvm::divideCeil(all, ranks));
      splitRows(symbol, 0, {all}, {part});
    }
    return symbol.getTensorType().getDimSize(0);
  }

  void split(QkvOp op) {
    int64_t dim = shapeOf(op.getWeight())[1];
    int64_t heads = shapeOf(op.getQuery()).back() / dim;
    int64_t kvHeads = shapeOf(op.getKey()).back() / dim;
    int64_t copies = getCopies(kvHeads);
    SmallVector<int64_t> chosen = llvm::to_vector(llvm::seq<int64_t>(0, heads));
    for (int64_t head = heads; head < heads + 2 * kvHeads; ++head)
      chosen.append(copies, head);
    kvHeads *= copies;
    if (ranks > 1)
      for (Value weight : {op.getWeight(), op.getBias()})
        if (weight && done.insert(symbolOf(weight)).second)
          splitRows(symbolOf(weight), 0, {heads, kvHeads, kvHeads},
                    {heads / ranks, kvHeads / ranks, kvHeads / ranks}, chosen);
    setColumns(op.getQuery(), heads / ranks * dim);
    setColumns(op.getKey(), kvHeads / ranks * dim);
    setColumns(op.getValue(), kvHeads / ranks * dim);
  }

  /// Ranks that share a head of keys and values.
  int64_t getCopies(int64_t kvHeads) {
    return std::max<int64_t>(ranks / kvHeads, 1);
  }

  void split(AttentionOp op) {
    setColumns(op.getResult(), shapeOf(op.getResult()).back() / ranks);
    op.setHeads(op.getHeads() / ranks);
    op.setKvHeads(op.getKvHeads() * getCopies(op.getKvHeads()) / ranks);
  }

  void split(MoeOp op) {
    for (auto [gateUp, down] :
         {std::pair(op.getGateUp(), op.getDown()),
          std::pair(op.getSharedGateUp(), op.getSharedDown())}) {
      if (!down || !done.insert(symbolOf(gateUp)).second)
        continue;
      int64_t inner = shapeOf(down).back();
      int64_t depth = llvm::alignTo(llvm::divideCeil(inner, shards), kUnit);
      int64_t part = depth * shards / ranks;
      splitRows(symbolOf(gateUp), shapeOf(gateUp).size() - 2, {inner, inner},
                {part, part});
      splitColumns(down, depth);
    }
  }

  WeightOp symbolOf(Value weight) {
    return symbols.lookup<WeightOp>(weight.getDefiningOp<GetOp>().getWeight());
  }

  /// Shards of `depth` columns.
  void splitColumns(Value weight, int64_t depth) {
    WeightOp symbol = symbolOf(weight);
    if (!done.insert(symbol).second)
      return;
    SmallVector<int64_t> shape(symbol.getTensorType().getShape());
    shape.back() = depth;
    shape.insert(shape.end() - 2, shards / ranks);
    rewrite(symbol, shape, [&](OpBuilder &b, Type type, Value whole) {
      return SplitColumnsOp::create(b, symbol.getLoc(), type, whole);
    });
  }

  /// With `chosen`, sections are of these entries of the first dimension.
  void splitRows(WeightOp symbol, int64_t dim, ArrayRef<int64_t> sections,
                 ArrayRef<int64_t> parts, ArrayRef<int64_t> chosen = {}) {
    SmallVector<int64_t> shape(symbol.getTensorType().getShape());
    int64_t entries = shape[0];
    if (sections == parts)
      return;
    shape[dim] = 0;
    for (int64_t part : parts)
      shape[dim] += part;
    rewrite(symbol, shape, [&](OpBuilder &b, Type type, Value whole) {
      if (static_cast<int64_t>(chosen.size()) > entries) {
        SmallVector<int64_t> copied(shapeOf(whole));
        copied[0] = chosen.size();
        auto copy = RankedTensorType::get(copied, getElementTypeOrSelf(type));
        whole = SelectOp::create(b, symbol.getLoc(), copy, whole, chosen);
      }
      return SplitRowsOp::create(b, symbol.getLoc(), type, whole, dim, sections,
                                 parts);
    });
  }

  /// Puts an op at the end of a recipe, in front of where integers are made.
  void rewrite(WeightOp symbol, ArrayRef<int64_t> shape,
               function_ref<Value(OpBuilder &, Type, Value)> make) {
    auto yield = cast<YieldOp>(symbol.getRecipe().front().getTerminator());
    OpBuilder b(yield);
    Value whole = symbol.getResultValue();
    auto convert = whole.getDefiningOp<ConvertOp>();
    RankedTensorType type = symbol.getTensorType();
    bool isGroups = convert && getFormat(type.getElementType()).takesIntegers();
    if (isGroups)
      whole = convert.getInput();
    Value part = make(
        b, RankedTensorType::get(shape, getElementTypeOrSelf(whole.getType())),
        whole);
    type = RankedTensorType::get(shape, type.getElementType());
    if (isGroups)
      part =
          ConvertOp::create(b, symbol.getLoc(), type, part, convert.getTail());
    yield.getValueMutable().assign(part);
    symbol.setType(type);
    if (isGroups && convert->use_empty())
      convert.erase();
  }

  ModuleOp module;
  SymbolTable symbols;
  const int64_t ranks;
  int64_t shards = 1; ///< of all ranks
  /// Weights that several ops have are split once.
  llvm::SmallPtrSet<Operation *, 16> done;
};

struct SplitRanksPass : fpmoe::impl::SplitRanksBase<SplitRanksPass> {
  using SplitRanksBase::SplitRanksBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (!module->getAttrOfType<DictionaryAttr>(kModelAttr)) {
      module.emitError("has no 'fpmoe.model' to be split");
      return signalPassFailure();
    }
    if (mega::getTarget(module).getThreads() > 1) {
      module.emitError("cannot be split over ranks for GPUs yet");
      return signalPassFailure();
    }
    if (failed(Splitter(module, ranks).run()))
      signalPassFailure();
  }
};

} // namespace
