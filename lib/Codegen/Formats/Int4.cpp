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

  void forEachWord(KernelBuilder &b, Value from, ArrayRef<ColumnPart> parts,
                   int64_t words, Use use) const override {
    for (int64_t word = 0; word < words; word += 2) {
      SmallVector<Value> bytes(parts.size()), half(parts.size());
      for (bool isUpper : {false, true}) {
        for (auto [i, part] : llvm::enumerate(parts)) {
          // Of many rows with short sums, registers have no room for both.
          bool anew = parts.size() > 1;
          if (!isUpper || anew)
            bytes[i] = part.load(b, b.at(from, word / 2 * kWordsBytes), anew);
          half[i] = emitHalf(b, bytes[i], isUpper);
        }
        use(word + isUpper, half);
      }
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
