//===- AssignPlaces.cpp - Places of weights in the program ----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Lays the weights out one after the other and writes offset and stride into
// their symbols.
//===----------------------------------------------------------------------===//

#include "mlir/IR/Builders.h"
#include "passes/Schedule/Passes.h"
#include "llvm/Support/MathExtras.h"

namespace fpmoe {
#define GEN_PASS_DEF_ASSIGNPLACES
#include "passes/Schedule/Passes.h.inc"
} // namespace fpmoe

using namespace mlir;

namespace {

constexpr int64_t kVectorBytes = 64, kPageBytes = 4096;

struct AssignPlacesPass : fpmoe::impl::AssignPlacesBase<AssignPlacesPass> {
  void runOnOperation() override {
    SmallVector<fpmoe::WeightOp> small, packed;
    for (auto weight : getOperation().getOps<fpmoe::WeightOp>())
      (weight.getTensorType().getEncoding() ? packed : small).push_back(weight);
    Builder b(&getContext());
    int64_t end = 0;
    auto place = [&](fpmoe::WeightOp weight, int64_t slack, int64_t align) {
      int64_t stride =
          llvm::alignTo(weight.getInstanceBytes() + slack, kVectorBytes);
      end = llvm::alignTo(end, align);
      weight.setOffsetAttr(b.getI64IntegerAttr(end));
      weight.setStrideAttr(b.getI64IntegerAttr(stride));
      end += stride * weight.getNumInstances();
    };
    for (fpmoe::WeightOp weight : small)
      place(weight, kVectorBytes, kVectorBytes);
    for (fpmoe::WeightOp weight : packed)
      place(weight, 0, kPageBytes);
  }
};

} // namespace
