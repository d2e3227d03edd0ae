//===- Int4.cpp - Weights of 4 bits in groups -----------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Formats/Integers.h"

using namespace mlir;
using namespace fpmoe;

namespace {

class Int4Format final : public IntegerFormat {
public:
  explicit Int4Format(bool minimum) : minimum(minimum) {}

private:
  int64_t getElementBits() const override { return 4; }
  bool hasMinimum() const override { return minimum; }

  void forEachWord(KernelBuilder &b, Value from, ColumnPart part,
                   Use use) const override {
    for (int64_t word = 0; word < kGroupWords; word += 2) {
      Value bytes = part.load(b, b.at(from, word / 2 * kWordsBytes));
      use(word, emitHalf(b, bytes, /*isUpper=*/false), false);
      use(word + 1, emitHalf(b, bytes, /*isUpper=*/true), true);
    }
  }

  bool minimum;
};

} // namespace

const Format &fpmoe::getInt4Format() {
  static const Int4Format format(/*minimum=*/false);
  return format;
}

const Format &fpmoe::getUInt4Format() {
  static const Int4Format format(/*minimum=*/true);
  return format;
}
