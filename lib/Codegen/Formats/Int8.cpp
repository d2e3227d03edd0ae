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

  void forEachWord(KernelBuilder &b, Value from, ArrayRef<ColumnPart> parts,
                   int64_t words, Use use) const override {
    for (int64_t word = 0; word < words; ++word) {
      SmallVector<Value> all;
      for (ColumnPart part : parts) {
        Value bytes = part.load(b, b.at(from, word * kWordsBytes));
        if (WordDot::isShort(b.target)) {
          all.push_back(emitHalf(b, bytes, /*isUpper=*/false));
          all.push_back(emitHalf(b, bytes, /*isUpper=*/true));
          continue;
        }
        if (WordDot::isSigned(b.target)) { // q + 128 becomes q
          auto type = cast<VectorType>(bytes.getType());
          bytes = arith::XOrIOp::create(
              b, bytes,
              arith::ConstantOp::create(
                  b, DenseElementsAttr::get(type, int8_t(-128))));
        }
        all.push_back(bytes);
      }
      use(word, all);
    }
  }
};

} // namespace

const Format &fpmoe::getInt8Format() {
  static const Int8Format format;
  return format;
}
