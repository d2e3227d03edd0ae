//===- SelectAdapters.cpp - the low-rank paths of some languages ----------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Takes adapters out of products that have one for each language. With a single
// language left, they are added to the weights.
//
//===----------------------------------------------------------------------===//

#include "passes/Assemble/Recipes.h"
#include "passes/Specialize/Passes.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace fpmoe {

#define GEN_PASS_DEF_SELECTADAPTERS
#include "passes/Specialize/Passes.h.inc"

namespace {

RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// Rows [first, first + count) of a recipe's matrix.
Value sliceRows(OpBuilder &b, Value matrix, int64_t first, int64_t count) {
  auto type = typeOf(matrix);
  return SliceOp::create(b, matrix.getLoc(),
                         type.clone({count, type.getDimSize(1)}), matrix,
                         b.getI64IntegerAttr(first));
}

Value transpose(OpBuilder &b, Value matrix) {
  auto type = typeOf(matrix);
  return TransposeOp::create(
      b, matrix.getLoc(), type.clone({type.getDimSize(1), type.getDimSize(0)}),
      matrix);
}

/// The products of a model, and which languages they keep.
class AdapterSelector {
public:
  AdapterSelector(ModuleOp module, ArrayRef<int64_t> kept)
      : symbols(module), kept(kept) {}

  void select(LinearOp op) {
    if (op.getLowRank())
      select(op, op.getLowRankMutable(), op.getRanksAttrName(),
             {&op.getWeightMutable()});
  }
  void select(MlpOp op) {
    if (op.getUpLowRank())
      select(op, op.getUpLowRankMutable(), op.getUpRanksAttrName(),
             {&op.getGateMutable(), &op.getUpMutable()});
    if (op.getDownLowRank())
      select(op, op.getDownLowRankMutable(), op.getDownRanksAttrName(),
             {&op.getDownMutable()});
  }

private:
  void select(Operation *op, MutableOperandRange low, StringAttr ranksName,
              ArrayRef<OpOperand *> weights);
  Value keepRows(OpBuilder &b, Value a) const;
  Value base(OpBuilder &b, Value weight) const;
  Value keptColumns(OpBuilder &b, Value weight) const;

  SymbolTable symbols;
  ArrayRef<int64_t> kept;
  /// Of the product that is changed: ranks, and columns of its input.
  SmallVector<int64_t> ranks;
  int64_t columns = 0;
};

/// The rows of A that are everybody's, and those of the languages kept.
Value AdapterSelector::keepRows(OpBuilder &b, Value a) const {
  SmallVector<Value> parts;
  int64_t at = 0, total = 0;
  for (auto [i, rank] : llvm::enumerate(ranks)) {
    if (rank && (i == 0 || llvm::is_contained(kept, int64_t(i) - 1))) {
      parts.push_back(sliceRows(b, a, at, rank));
      total += rank;
    }
    at += rank;
  }
  if (parts.size() < 2)
    return parts.empty() ? Value() : parts.front();
  auto type = typeOf(a).clone({total, typeOf(a).getDimSize(1)});
  return ConcatOp::create(b, a.getLoc(), type, parts);
}

/// The weight without what stands behind it.
Value AdapterSelector::base(OpBuilder &b, Value weight) const {
  if (auto append = weight.getDefiningOp<AppendColumnsOp>())
    return append.getFirst();
  return transpose(b, sliceRows(b, transpose(b, weight), 0, columns));
}

/// B of the adapters kept; null if there is none.
Value AdapterSelector::keptColumns(OpBuilder &b, Value weight) const {
  Value rows;
  if (auto append = weight.getDefiningOp<AppendColumnsOp>()) {
    rows = transpose(b, append.getSecond());
  } else {
    rows = sliceRows(b, transpose(b, weight), columns,
                     typeOf(weight).getDimSize(1) - columns);
  }
  Value some = keepRows(b, rows);
  return some ? transpose(b, some) : Value();
}

void AdapterSelector::select(Operation *op, MutableOperandRange low,
                             StringAttr ranksName,
                             ArrayRef<OpOperand *> weights) {
  Value a = low[0].get();
  ranks.assign(
      op->getAttrOfType<DenseI64ArrayAttr>(ranksName).asArrayRef().begin(),
      op->getAttrOfType<DenseI64ArrayAttr>(ranksName).asArrayRef().end());
  columns = typeOf(a).getDimSize(1);
  SmallVector<int64_t> newRanks{ranks.front()};
  for (int64_t language : kept)
    newRanks.push_back(
        language + 1 < static_cast<int64_t>(ranks.size()) ? ranks[language + 1]
                                                          : 0);
  bool isFolded = kept.size() == 1 || llvm::all_of(newRanks, [](int64_t rank) {
    return rank == 0;
  });
  OpBuilder builder(op);
  for (OpOperand *weight : weights) {
    std::string name =
        getWeight(symbols, weight->get()).getSymName().str() + ".kept";
    Value joint = joinWeights(
        builder, symbols, name, {weight->get(), a},
        [&](OpBuilder &b, ValueRange recipes) -> Value {
          Value own = base(b, recipes[0]);
          Value right = keptColumns(b, recipes[0]);
          if (!right)
            return own;
          if (isFolded) {
            Value added = ProductOp::create(b, own.getLoc(), own.getType(),
                                            right, keepRows(b, recipes[1]));
            return WeightedSumOp::create(b, own.getLoc(), own.getType(),
                                         ValueRange{own, added},
                                         ArrayRef<double>{1, 1}, false);
          }
          auto type = typeOf(own).clone(
              {typeOf(own).getDimSize(0),
               columns + typeOf(right).getDimSize(1)});
          return AppendColumnsOp::create(b, own.getLoc(), type, own, right);
        });
    weight->set(joint);
  }
  if (isFolded) {
    low.clear();
    op->removeAttr(ranksName);
    return;
  }
  std::string name = getWeight(symbols, a).getSymName().str() + ".kept";
  low.assign(joinWeights(builder, symbols, name, a,
                         [&](OpBuilder &b, ValueRange recipes) {
                           return keepRows(b, recipes[0]);
                         }));
  op->setAttr(ranksName, builder.getDenseI64ArrayAttr(newRanks));
}

struct SelectAdaptersPass : impl::SelectAdaptersBase<SelectAdaptersPass> {
  using SelectAdaptersBase::SelectAdaptersBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto model = module->getAttrOfType<DictionaryAttr>(kModelAttr);
    auto names = model ? model.getAs<ArrayAttr>("languages") : ArrayAttr();
    if (languages.empty() || !names)
      return;
    SmallVector<int64_t> kept;
    SmallVector<Attribute> keptNames;
    for (auto [index, name] : llvm::enumerate(names.getAsRange<StringAttr>()))
      if (llvm::is_contained(languages, name.getValue())) {
        kept.push_back(index);
        keptNames.push_back(name);
      }
    for (const std::string &language : languages)
      if (!llvm::is_contained(names.getAsValueRange<StringAttr>(), language)) {
        InFlightDiagnostic diag = module.emitError("no adapter is for '")
                                  << language << "', there are those for ";
        llvm::interleaveComma(
            names.getAsValueRange<StringAttr>(), diag,
            [&](StringRef name) { diag << "'" << name << "'"; });
        return signalPassFailure();
      }
    if (kept.size() == names.size() && kept.size() > 1)
      return;
    AdapterSelector selector(module, kept);
    SmallVector<Operation *> products;
    module.walk([&](Operation *op) {
      if (isa<LinearOp, MlpOp>(op))
        products.push_back(op);
    });
    for (Operation *op : products) {
      if (auto linear = dyn_cast<LinearOp>(op))
        selector.select(linear);
      else
        selector.select(cast<MlpOp>(op));
    }
    eraseUnusedWeights(module);
    NamedAttrList entries(model);
    if (kept.size() == 1)
      entries.erase("languages");
    else
      entries.set("languages", ArrayAttr::get(&getContext(), keptNames));
    module->setAttr(kModelAttr, entries.getDictionary(&getContext()));
  }
};
} // namespace

} // namespace fpmoe
