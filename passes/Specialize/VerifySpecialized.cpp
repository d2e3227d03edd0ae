//===- VerifySpecialized.cpp - what the specialize phase leaves -----------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Closes the specialize phase: no expert is left that was not asked for.
//
//===----------------------------------------------------------------------===//

#include "passes/Specialize/Passes.h"

#include "dialects/FPMoE/FPMoE.h"

using namespace mlir;

namespace fpmoe {

#define GEN_PASS_DEF_VERIFYSPECIALIZED
#include "passes/Specialize/Passes.h.inc"

namespace {
struct VerifySpecializedPass
    : impl::VerifySpecializedBase<VerifySpecializedPass> {
  using VerifySpecializedBase::VerifySpecializedBase;

  void runOnOperation() override {
    if (languages.empty())
      return;
    WalkResult walk = getOperation().walk([&](ExpertsOp experts) {
      auto route = experts.getWeights().getDefiningOp<RouteOp>();
      auto levels = dyn_cast_or_null<TwoLevelAttr>(route ? route.getRouting()
                                                         : Attribute());
      for (auto [expert, name] :
           llvm::enumerate(experts.getNames().getAsValueRange<StringAttr>()))
        if (!llvm::is_contained(languages, name) &&
            !(levels && levels.isShared(expert))) {
          experts.emitOpError("still has the expert '")
              << name << "', which is not among the languages asked for";
          return WalkResult::interrupt();
        }
      return WalkResult::advance();
    });
    if (walk.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace

} // namespace fpmoe
