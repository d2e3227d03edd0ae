//===- SetCache.cpp - the type of keys and values -------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All attentions share one cache, so all of them get the same type.
//
//===----------------------------------------------------------------------===//

#include "dialects/FPMoE/FPMoE.h"
#include "passes/Quantize/Passes.h"

#include "mlir/IR/BuiltinOps.h"

using namespace mlir;

namespace fpmoe {

#define GEN_PASS_DEF_SETCACHE
#include "passes/Quantize/Passes.h.inc"

namespace {
struct SetCachePass : impl::SetCacheBase<SetCachePass> {
  using SetCacheBase::SetCacheBase;

  /// Whether a matrix is rounded to no more bits than bf16 has.
  bool hasNarrowMatrix() {
    WalkResult walk = getOperation().walk([](MatricesOpInterface op) {
      for (const StoredMatrix &matrix : op.getMatrices()) {
        Type element =
            cast<ShapedType>(matrix.weight.getType()).getElementType();
        if (!element.isF32() && !element.isF16())
          return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    return walk.wasInterrupted();
  }

  void runOnOperation() override {
    if (!cache.empty() && cache != "f32" && cache != "bf16") {
      getOperation().emitError("cache is '")
          << cache << "', it must be f32 or bf16";
      return signalPassFailure();
    }
    bool narrow = cache == "bf16" || (cache.empty() && hasNarrowMatrix());
    getOperation().walk([&](AttentionOp op) {
      if (narrow)
        op.setCache(BFloat16Type::get(&getContext()));
      else if (!cache.empty())
        op.removeCacheAttr();
    });
  }
};
} // namespace

} // namespace fpmoe
