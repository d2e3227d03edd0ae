//===- F32.cpp - Weights of 32 bits ---------------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Formats/Format.h"

using namespace mlir;
using namespace fpmoe;

namespace {

class F32Format final : public Format {
public:
  int64_t getPackedDepth() const override { return 1; }

  Accumulators emitProduct(KernelBuilder &b,
                           const ProductTile &tile) const override {
    return emitF32Product(b, tile);
  }
};

} // namespace

Accumulators fpmoe::emitF32Product(KernelBuilder &b, const ProductTile &tile) {
  return emitF32Product(b, tile, /*depth=*/1,
                        [&](Value from, int64_t) { return b.loadLanes(from); });
}

const Format &fpmoe::getF32Format() {
  static const F32Format format;
  return format;
}
