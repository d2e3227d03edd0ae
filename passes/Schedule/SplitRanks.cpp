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

#include "dialects/FPMoE/Matrices.h"
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
    // Of one shard, a norm is what it was.
    module.walk([&](HeadsOp heads) {
      if (shards > 1 && hasRowNorms(heads))
        rowNorms.insert(heads);
    });
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
    WalkResult walk = module.walk([&](LinearOp linear) {
      if (linear.getNorm() || getAttention(linear))
        return WalkResult::advance();
      linear.emitOpError(
          "multiplies rows that are no attention's; such a model "
          "cannot be split over ranks yet");
      return WalkResult::interrupt();
    });
    return failure(walk.wasInterrupted());
  }

  static AttentionOp getAttention(LinearOp linear) {
    return linear.getInput().getDefiningOp<AttentionOp>();
  }

  /// Whose heads of q, k or v a product makes, if it does.
  static HeadsOp getHeads(LinearOp linear) {
    for (Operation *user : linear.getResult().getUsers())
      if (auto heads = dyn_cast<HeadsOp>(user);
          heads && heads.getTail() != linear.getResult())
        return heads;
    return {};
  }

  static bool isLogits(LinearOp linear) {
    return linear.getResult().hasOneUse() && !linear.getResidual() &&
           isa<func::ReturnOp>(*linear.getResult().user_begin());
  }

  /// Whether norms are of whole rows of heads, not of each.
  static bool hasRowNorms(HeadsOp heads) {
    int64_t count = heads.getHeads();
    return heads.getQNorm() &&
           (count == 1 ||
            shapeOf(heads.getQNorm()).back() == shapeOf(heads.getQ()).back());
  }

  /// Shards of all of so many ranks; 0 where these are too many.
  int64_t getShards(int64_t count) {
    int64_t all = std::max(kShards, count);
    auto shareColumns = [&](int64_t columns, int64_t unit) {
      while (all > 1 && columns % (all * unit))
        all /= 2;
    };
    module.walk([&](HeadsOp heads) {
      if (hasRowNorms(heads))
        for (Value rows : {heads.getQ(), heads.getK()})
          shareColumns(shapeOf(rows).back(), mega::kVectorColumns);
      if (heads.getKvHeads() % count)
        all = 0;
    });
    module.walk([&](LinearOp linear) {
      AttentionOp attention = getAttention(linear);
      if (!attention)
        return;
      bool isGroups =
          getFormat(getElementTypeOrSelf(linear.getWeight().getType()))
              .takesIntegers();
      int64_t unit = isGroups ? mega::kGroupElements : mega::kVectorColumns;
      shareColumns(shapeOf(attention.getResult()).back(), unit);
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
    else if (auto heads = dyn_cast<HeadsOp>(op))
      split(heads);
    else if (auto attention = dyn_cast<AttentionOp>(op))
      split(attention);
    else if (auto moe = dyn_cast<MoeOp>(op))
      split(moe);
    else if (auto linear = dyn_cast<LinearOp>(op)) {
      if (AttentionOp attention = getAttention(linear))
        splitColumns(linear.getWeight(), linear.getLowRank(),
                     shapeOf(attention.getResult()).back() * ranks / shards);
      else if (isLogits(linear))
        setColumns(linear.getResult(), splitVocabulary(linear.getWeight()));
      else if (getHeads(linear))
        splitHeads(linear);
      // Others are small and lie between norms: each rank has all of them.
    }
  }

  /// A rank's rows of a product that makes heads.
  void splitHeads(LinearOp linear) {
    int64_t columns = shapeOf(linear.getResult()).back();
    for (Value weight : {linear.getWeight(), linear.getBias()})
      splitEvenly(weight, columns);
    setColumns(linear.getResult(), columns / ranks);
  }

  /// A rank's part of all rows of a weight, if there is one.
  void splitEvenly(Value weight, int64_t rows) {
    if (weight && ranks > 1 && done.insert(symbolOf(weight)).second)
      splitRows(symbolOf(weight), 0, {rows}, {rows / ranks});
  }

  void split(HeadsOp op) {
    if (rowNorms.contains(op)) {
      splitEvenly(op.getQNorm(), shapeOf(op.getQNorm()).back());
      splitEvenly(op.getKNorm(), shapeOf(op.getKNorm()).back());
      op.setShards(shards / ranks);
    }
    for (Value rows : {op.getQuery(), op.getKey(), op.getValue()})
      setColumns(rows, shapeOf(rows).back() / ranks);
    op.setHeads(op.getHeads() / ranks);
    op.setKvHeads(op.getKvHeads() / ranks);
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
    for (auto [gateUp, down, lowRank] :
         {std::tuple(op.getGateUp(), op.getDown(), Value()),
          std::tuple(op.getSharedGateUp(), op.getSharedDown(),
                     Value(op.getDownLowRank()))}) {
      if (!down || !done.insert(symbolOf(gateUp)).second)
        continue;
      int64_t inner = shapeOf(down).back() - rankOf(lowRank);
      int64_t depth = llvm::alignTo(llvm::divideCeil(inner, shards), kUnit);
      int64_t part = depth * shards / ranks;
      splitRows(symbolOf(gateUp), shapeOf(gateUp).size() - 2, {inner, inner},
                {part, part});
      splitColumns(down, lowRank, depth);
    }
  }

  WeightOp symbolOf(Value weight) {
    return symbols.lookup<WeightOp>(weight.getDefiningOp<GetOp>().getWeight());
  }

  /// Shards of `depth` columns, of which each has the factors of low ranks: its
  /// part of the one, and all of the other, behind its columns.
  void splitColumns(Value weight, Value lowRank, int64_t depth) {
    int64_t tail = rankOf(lowRank);
    splitColumns(symbolOf(weight), depth, tail);
    if (lowRank)
      splitColumns(symbolOf(lowRank), depth, /*tail=*/0);
  }

  void splitColumns(WeightOp symbol, int64_t depth, int64_t tail) {
    if (!done.insert(symbol).second)
      return;
    SmallVector<int64_t> shape(symbol.getTensorType().getShape());
    shape.back() = depth + tail;
    shape.insert(shape.end() - 2, shards / ranks);
    rewrite(symbol, shape, [&](OpBuilder &b, Type type, Value whole) {
      return SplitColumnsOp::create(b, symbol.getLoc(), type, whole, tail);
    });
  }

  /// With `chosen`, sections are of these entries of the first dimension.
  void splitRows(WeightOp symbol, int64_t dim, ArrayRef<int64_t> sections,
                 ArrayRef<int64_t> parts, ArrayRef<int64_t> chosen = {}) {
    SmallVector<int64_t> shape(symbol.getTensorType().getShape());
    int64_t entries = shape[0];
    // Several ranks have each their part, also where the first has all.
    if (ranks == 1 && sections == parts)
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
  /// Heads whose norms are of whole rows, of all ranks.
  llvm::SmallPtrSet<Operation *, 4> rowNorms;
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
    if (failed(Splitter(module, ranks).run()))
      signalPassFailure();
  }
};

} // namespace
