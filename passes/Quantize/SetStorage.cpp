//===- SetStorage.cpp - the format of matrices ----------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rounds the matrices at the end of their recipes, and changes the types of all
// who get them.
//
//===----------------------------------------------------------------------===//

#include "dialects/FPMoE/Storage.h"
#include "passes/Quantize/Matrices.h"
#include "passes/Quantize/Passes.h"
#include "passes/Quantize/StorageRules.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace fpmoe {

#define GEN_PASS_DEF_SETSTORAGE
#include "passes/Quantize/Passes.h.inc"

namespace {
struct SetStoragePass : impl::SetStorageBase<SetStoragePass> {
  using SetStorageBase::SetStorageBase;

  /// The element type of matrices that no rule names, or null after an error.
  Type getFallback(std::string name) {
    auto model = getOperation()->getAttrOfType<DictionaryAttr>(kModelAttr);
    if (name.empty() && model)
      if (auto dtype = model.getAs<StringAttr>("dtype"))
        name = dtype.str();
    if (name.empty())
      name = "f32";
    Type element = getStorageType(&getContext(), name);
    if (!element)
      getOperation().emitError("storage format is '")
          << name << "', it must be one of " << listStorageNames();
    return element;
  }

  /// What the checkpoint stores the tensors of a weight as; empty where the
  /// module says nothing of them.
  StringRef getStored(WeightOp weight) {
    auto model = getOperation()->getAttrOfType<DictionaryAttr>(kModelAttr);
    auto formats =
        model ? model.getAs<DictionaryAttr>("formats") : DictionaryAttr();
    StringRef stored;
    if (formats)
      weight.getRecipe().walk([&](LoadOp load) {
        auto format = formats.getAs<StringAttr>(load.getName());
        if (!format || load.getPart())
          return;
        stored = stored.empty() ? format.getValue()
                                : joinStorage(stored, format.getValue());
      });
    return stored;
  }

  /// The format of each matrix that no rule names and the module knows of. What
  /// an op multiplies beside each other becomes integers, or nothing of it.
  llvm::DenseMap<WeightOp, Type> findStored(SymbolTable &symbols) {
    llvm::DenseMap<WeightOp, Type> stored;
    for (auto weight : getOperation().getOps<WeightOp>())
      if (StringRef format = getStored(weight); !format.empty())
        stored[weight] = getStorageType(&getContext(), format);
    getOperation().walk([&](MatricesOpInterface op) {
      SmallVector<Type *> formats;
      bool isMixed = false;
      for (const StoredMatrix &matrix : op.getMatrices())
        if (auto get = matrix.weight.getDefiningOp<GetOp>())
          if (auto found =
                  stored.find(symbols.lookup<WeightOp>(get.getWeight()));
              found != stored.end())
            formats.push_back(&found->second);
      for (Type *format : formats)
        isMixed |= getGroupFormat(*format).has_value() !=
                   getGroupFormat(*formats.front()).has_value();
      for (Type *format : formats)
        if (isMixed && getGroupFormat(*format))
          *format = Float32Type::get(&getContext());
    });
    return stored;
  }

  /// Whether each rule names a matrix.
  LogicalResult checkRules(const StorageRules &rules,
                           ArrayRef<StringRef> names) {
    for (const StorageRules::Rule &rule : rules.rules)
      if (llvm::none_of(
              names, [&](StringRef name) { return rules.find(name) == &rule; }))
        return getOperation().emitError("weights '")
               << rule.text << "' is the rule of no matrix; there are "
               << llvm::join(names, ", ");
    return success();
  }

  void runOnOperation() override {
    llvm::Expected<StorageRules> rules = StorageRules::parse(format);
    if (!rules) {
      getOperation().emitError("storage format: ")
          << llvm::toString(rules.takeError());
      return signalPassFailure();
    }
    Type fallback = getFallback(rules->fallback);
    if (!fallback)
      return signalPassFailure();
    SymbolTable symbols(getOperation());
    llvm::DenseMap<WeightOp, Type> stored;
    if (rules->fallback.empty())
      stored = findStored(symbols);
    auto elementOf = [&](WeightOp weight) {
      if (const StorageRules::Rule *rule = rules->find(weight.getSymName()))
        return getStorageType(&getContext(), rule->format);
      Type element = stored.lookup(weight);
      return element ? element : fallback;
    };
    llvm::MapVector<WeightOp, StoredMatrix> matrices;
    WalkResult walk = getOperation().walk([&](MatricesOpInterface op) {
      for (const StoredMatrix &matrix : op.getMatrices()) {
        auto get = matrix.weight.getDefiningOp<GetOp>();
        if (!get)
          continue;
        auto weight = symbols.lookup<WeightOp>(get.getWeight());
        StoredMatrix known = matrices.insert({weight, matrix}).first->second;
        if (getGroupFormat(elementOf(weight)) && known.tail != matrix.tail) {
          op.emitOpError("multiplies other rows by '")
              << weight.getSymName() << "' than another op, as integers "
              << "cannot: its tail is " << matrix.tail << " and " << known.tail;
          return WalkResult::interrupt();
        }
      }
      return WalkResult::advance();
    });
    SmallVector<StringRef> names;
    for (auto [weight, matrix] : matrices)
      names.push_back(WeightOp(weight).getSymName());
    if (walk.wasInterrupted() || failed(checkRules(*rules, names)))
      return signalPassFailure();
    for (auto [weight, matrix] : matrices) {
      Type element = elementOf(weight);
      // Low ranks are made of rows that are no integers yet. They are small.
      bool plain = matrix.factor && getGroupFormat(element);
      auto type = cast<RankedTensorType>(weight.getTensorType().clone(
          plain ? Float32Type::get(&getContext()) : element));
      if (type == weight.getTensorType())
        continue;
      std::optional<GroupFormat> groups = getGroupFormat(type.getElementType());
      int64_t tail = groups ? matrix.tail : 0;
      auto yield = cast<YieldOp>(weight.getRecipe().front().getTerminator());
      OpBuilder builder(yield);
      yield.getValueMutable().assign(ConvertOp::create(
          builder, weight.getLoc(), type, yield.getValue(), tail));
      weight.setType(type);
    }
    getOperation().walk([&](GetOp get) {
      if (auto weight = symbols.lookup<WeightOp>(get.getWeight()))
        get.getResult().setType(weight.getTensorType());
    });
  }
};
} // namespace

} // namespace fpmoe
