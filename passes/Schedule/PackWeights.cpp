//===- PackWeights.cpp - Lays matrices out for the target -----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Formats/Format.h"
#include "passes/Schedule/Passes.h"

namespace fpmoe {
#define GEN_PASS_DEF_PACKWEIGHTS
#include "passes/Schedule/Passes.h.inc"
} // namespace fpmoe

using namespace mlir;
using namespace fpmoe;

namespace {

struct PackWeightsPass : fpmoe::impl::PackWeightsBase<PackWeightsPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    WalkResult walk = module.walk([&](MatricesOpInterface op) {
      for (const StoredMatrix &matrix : op.getMatrices()) {
        auto get = matrix.weight.getDefiningOp<GetOp>();
        if (!get) {
          op.emitOpError("multiplies by what is no weight");
          return WalkResult::interrupt();
        }
        if (failed(pack(op, symbols.lookup<WeightOp>(get.getWeight()), matrix)))
          return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    if (walk.wasInterrupted())
      return signalPassFailure();
    module.walk([&](GetOp get) {
      get.getResult().setType(
          symbols.lookup<WeightOp>(get.getWeight()).getTensorType());
    });
  }

  /// As many columns beside each other as the target likes and fill panels.
  mega::PackedAttr getPacking(RankedTensorType type,
                              const StoredMatrix &matrix) {
    int64_t k = getFormat(type.getElementType()).getPackedDepth();
    auto packing = [&](int64_t n) {
      return mega::PackedAttr::get(&getContext(), n, k, matrix.halves,
                                   matrix.tail);
    };
    int64_t n = mega::kVectorColumns;
    auto narrow = RankedTensorType::get(type.getShape(), type.getElementType(),
                                        packing(n));
    int64_t vectors = mega::PackedLayout(narrow).vectors();
    int64_t most = mega::getTarget(getOperation()).getColumns();
    while (2 * n <= most && vectors % (2 * n / mega::kVectorColumns) == 0)
      n *= 2;
    return packing(n);
  }

  LogicalResult pack(Operation *user, WeightOp weight,
                     const StoredMatrix &matrix) {
    RankedTensorType type = weight.getTensorType();
    auto plain = RankedTensorType::get(type.getShape(), type.getElementType());
    mega::PackedAttr packing = getPacking(plain, matrix);
    if (type.getEncoding() == packing)
      return success();
    if (type.getEncoding())
      return user->emitOpError("needs '")
             << weight.getSymName() << "' packed as " << packing
             << ", another op has it as " << type.getEncoding();
    auto packed =
        RankedTensorType::get(type.getShape(), type.getElementType(), packing);
    auto yield = cast<YieldOp>(weight.getRecipe().front().getTerminator());
    OpBuilder b(yield);
    yield.getValueMutable().assign(
        PackOp::create(b, weight.getLoc(), packed, weight.getResultValue()));
    weight.setType(packed);
    return success();
  }
};

} // namespace
