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

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace fpmoe {

#define GEN_PASS_DEF_SETSTORAGE
#include "passes/Quantize/Passes.h.inc"

namespace {
struct SetStoragePass : impl::SetStorageBase<SetStoragePass> {
  using SetStorageBase::SetStorageBase;

  /// The element type of the format, or null after an error.
  Type elementType() {
    std::string name = format;
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

  void runOnOperation() override {
    Type element = elementType();
    if (!element)
      return signalPassFailure();
    SymbolTable symbols(getOperation());
    SetVector<Operation *> matrices;
    getOperation().walk([&](GetOp get) {
      if (llvm::any_of(get->getUses(), isStoredMatrix))
        matrices.insert(symbols.lookup(get.getWeight()));
    });
    for (Operation *op : matrices) {
      auto weight = cast<WeightOp>(op);
      auto type = weight.getTensorType().clone(element);
      if (type == weight.getTensorType())
        continue;
      auto yield = cast<YieldOp>(weight.getRecipe().front().getTerminator());
      OpBuilder builder(yield);
      yield.getValueMutable().assign(
          ConvertOp::create(builder, weight.getLoc(), type, yield.getValue()));
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
