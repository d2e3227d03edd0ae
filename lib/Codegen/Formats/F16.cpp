//===- F16.cpp - Weights of IEEE half -------------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Weights are widened and multiplied in f32: products are exact.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Formats/Format.h"

using namespace mlir;
using namespace fpmoe;

namespace {

class F16Format final : public Format {
public:
  int64_t getPackedDepth() const override { return 1; }

  Accumulators emitProduct(KernelBuilder &b,
                           const ProductTile &tile) const override {
    return emitF32Product(b, tile, /*depth=*/1, [&](Value from, int64_t) {
      Value halves = b.load(b.lanes(b.getF16Type()), from, /*align=*/2);
      return arith::ExtFOp::create(b, b.f32Lanes(), halves).getResult();
    });
  }
};

} // namespace

const Format &fpmoe::getF16Format() {
  static const F16Format format;
  return format;
}
