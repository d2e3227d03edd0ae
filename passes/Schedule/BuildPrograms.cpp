//===- BuildPrograms.cpp - From the graph to programs ---------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Packs the weights that products read, builds the two programs, and erases the
// graph.
//===----------------------------------------------------------------------===//

#include "passes/Schedule/Passes.h"
#include "passes/Schedule/ProgramBuilder.h"

namespace fpmoe {
#define GEN_PASS_DEF_BUILDPROGRAMS
#include "passes/Schedule/Passes.h.inc"
} // namespace fpmoe

using namespace mlir;
using namespace fpmoe;

namespace {

/// The layout of `[.., N, K]` that kernels read.
RankedTensorType getPackedType(RankedTensorType type) {
  int64_t step = type.getElementType().isBF16() ? 2 : 1;
  ArrayRef<int64_t> shape = type.getShape();
  SmallVector<int64_t> packed(shape.drop_back(2));
  packed.append({roundUpToPanel(shape[shape.size() - 2]) / kPanelRows,
                 paddedColumns(shape.back()) / step, kPanelRows, step});
  return RankedTensorType::get(packed, type.getElementType());
}

void packWeight(WeightOp weight) {
  RankedTensorType type = weight.getTensorType();
  if (weight.getResultValue().getDefiningOp<PackOp>())
    return;
  auto yield = cast<YieldOp>(weight.getRecipe().front().getTerminator());
  OpBuilder b(yield);
  RankedTensorType packed = getPackedType(type);
  Value value =
      PackOp::create(b, weight.getLoc(), packed, weight.getResultValue());
  yield.getValueMutable().assign(value);
  weight.setType(packed);
}

bool multipliesBF16(ModuleOp module) {
  return llvm::any_of(module.getOps<WeightOp>(), [](WeightOp weight) {
    return weight.getResultValue().getDefiningOp<PackOp>() &&
           weight.getTensorType().getElementType().isBF16();
  });
}

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
    if (tileRows < 0) {
      module.emitError() << "tile-rows is " << tileRows.getValue()
                         << ", it must be at least 0";
      return signalPassFailure();
    }
    if (rows < 1 || prefillTokens < rows || prefillTokens < tileRows) {
      module.emitError() << "prefill-tokens is " << prefillTokens.getValue()
                         << ", it must be at least rows, "
                         << std::max(rows.getValue(), tileRows.getValue());
      return signalPassFailure();
    }
    if (streams < 1) {
      module.emitError() << "streams is " << streams.getValue()
                         << ", it must be at least 1";
      return signalPassFailure();
    }
    packProducts(module);
    bool tiles = tileRows > 0 && multipliesBF16(module);
    int64_t prefillRows = tiles ? tileRows : rows;
    recordExperts(module, model);
    int64_t context = model.getAs<IntegerAttr>("context").getInt();
    int64_t tokens = std::min<int64_t>(prefillTokens,
                                       std::max<int64_t>(context, prefillRows));
    if (failed(buildProgram(main, {"decode", 1, 1, /*rowMajor=*/false, streams,
                                   context, layerInputs})) ||
        failed(buildProgram(main, {"prefill", tokens, prefillRows, tiles,
                                   streams, context, layerInputs})))
      return signalPassFailure();
    for (auto function :
         llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
      function.erase();
    if (layerInputs)
      eraseUnused(module);
  }

  /// The weights of the logits have no use left.
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

  void packProducts(ModuleOp module) {
    llvm::SetVector<StringAttr> names;
    auto multiplied = [&](Value weight) {
      if (auto get = weight ? weight.getDefiningOp<GetOp>() : GetOp())
        names.insert(get.getWeightAttr().getAttr());
    };
    module.walk([&](Operation *op) {
      if (auto embedding = dyn_cast<EmbeddingOp>(op))
        multiplied(embedding.getTable());
      if (auto linear = dyn_cast<LinearOp>(op))
        for (Value weight : {linear.getWeight(), linear.getLowRank()})
          multiplied(weight);
      if (auto qkv = dyn_cast<QkvOp>(op))
        for (Value weight : {qkv.getWeight(), qkv.getLowRank()})
          multiplied(weight);
      if (auto moe = dyn_cast<MoeOp>(op))
        for (Value weight :
             {moe.getGateUp(), moe.getDown(), moe.getSharedGateUp(),
              moe.getSharedDown(), moe.getUpLowRank(), moe.getDownLowRank()})
          multiplied(weight);
    });
    for (StringAttr name : names)
      packWeight(module.lookupSymbol<WeightOp>(name));
  }
};

} // namespace
