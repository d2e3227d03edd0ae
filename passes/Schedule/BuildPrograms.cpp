//===- BuildPrograms.cpp - From the graph to programs ---------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Builds the two programs and erases the graph.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Formats/Format.h"
#include "passes/Schedule/Passes.h"
#include "passes/Schedule/ProgramBuilder.h"

namespace fpmoe {
#define GEN_PASS_DEF_BUILDPROGRAMS
#include "passes/Schedule/Passes.h.inc"
} // namespace fpmoe

using namespace mlir;
using namespace fpmoe;

namespace {

struct BuildProgramsPass : fpmoe::impl::BuildProgramsBase<BuildProgramsPass> {
  using BuildProgramsBase::BuildProgramsBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto main = module.lookupSymbol<func::FuncOp>("main");
    auto model = module->getAttrOfType<DictionaryAttr>(kModelAttr);
    if (!main || !model) {
      module.emitError(
          "has no '@main' or no 'fpmoe.model' to make a program of");
      return signalPassFailure();
    }
    mega::TargetAttr target = mega::getTarget(module);
    int64_t rows = target.getRows(), routeColumns = 0;
    WalkResult walk = module.walk([&](Operation *op) {
      if (auto moe = dyn_cast<MoeOp>(op))
        routeColumns = std::max(routeColumns, getNumRecorded(moe));
      auto product = dyn_cast<MatricesOpInterface>(op);
      if (!product)
        return WalkResult::advance();
      for (const StoredMatrix &matrix : product.getMatrices()) {
        auto type = cast<RankedTensorType>(matrix.weight.getType());
        if (!isa_and_nonnull<mega::PackedAttr>(type.getEncoding())) {
          op->emitOpError("multiplies by ")
              << type << ", which is not packed; run mega-pack-weights first";
          return WalkResult::interrupt();
        }
        if (getFormat(type.getElementType()).usesTiles(target))
          rows = target.getTileRows();
      }
      return WalkResult::advance();
    });
    if (walk.wasInterrupted())
      return signalPassFailure();
    if (prefillTokens < rows) {
      module.emitError() << "prefill-tokens is " << prefillTokens.getValue()
                         << ", it must be at least the rows of a block, "
                         << rows;
      return signalPassFailure();
    }
    recordExperts(module, model);
    int64_t context = model.getAs<IntegerAttr>("context").getInt();
    int64_t tokens =
        std::min<int64_t>(prefillTokens, std::max<int64_t>(context, rows));
    for (auto [name, count, blockRows] :
         {std::tuple("decode", int64_t(1), int64_t(1)),
          std::tuple("prefill", tokens, rows)})
      if (failed(buildProgram(main, {name, count, blockRows, context,
                                     layerInputs, routeColumns, tokens})))
        return signalPassFailure();
    for (auto function :
         llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
      function.erase();
    eraseUnused(module);
  }

  /// Rotary tables have no use left, nor have the weights of logits that are
  /// not wanted.
  void eraseUnused(ModuleOp module) {
    llvm::SmallPtrSet<Attribute, 16> used;
    module.walk([&](mega::WeightOp use) {
      used.insert(use.getWeightAttr().getAttr());
    });
    for (auto weight : llvm::make_early_inc_range(module.getOps<WeightOp>()))
      if (!used.contains(weight.getSymNameAttr()))
        weight.erase();
  }

  /// The names of the experts are of use to the program, which has no op left
  /// that holds them.
  void recordExperts(ModuleOp module, DictionaryAttr model) {
    NamedAttrList entries(model);
    module.walk([&](MoeOp moe) {
      if (moe.getNames())
        entries.set("experts", *moe.getNames());
    });
    module->setAttr(kModelAttr, entries.getDictionary(&getContext()));
  }
};

} // namespace
