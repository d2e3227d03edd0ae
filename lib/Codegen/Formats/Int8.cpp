//===- Int8.cpp - Weights of 8 bits in groups -----------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Formats/Integers.h"

using namespace mlir;
using namespace fpmoe;

namespace {

class Int8Format final : public IntegerFormat {
  int64_t getElementBits() const override { return 8; }

  void forEachWord(KernelBuilder &b, Value from, ColumnPart part,
                   Use use) const override {
    auto type = VectorType::get({part.lanes * kWordBytes}, b.getI8Type());
    for (int64_t word = 0; word < kGroupWords; ++word) {
      Value bytes =
          b.load(type, b.at(from, word * kWordsBytes + part.first * kWordBytes),
                 /*align=*/32);
      if (!WordDot::isShort(b.target)) {
        use(word, bytes, false);
        continue;
      }
      use(word, emitHalf(b, bytes, /*isUpper=*/false), false);
      use(word, emitHalf(b, bytes, /*isUpper=*/true), true);
    }
  }
};

} // namespace

const Format &fpmoe::getInt8Format() {
  static const Int8Format format;
  return format;
}
