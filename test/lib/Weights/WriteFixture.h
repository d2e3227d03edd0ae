//===- WriteFixture.h - files of weights for tests --------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes the weights of a module, and compares what lies in the file, element
// by element, with the naive evaluation of the recipes.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TEST_LIB_WEIGHTS_WRITEFIXTURE_H
#define FPMOE_TEST_LIB_WEIGHTS_WRITEFIXTURE_H

#include "Fixture.h"
#include "lib/Weights/Write.h"

#include <fcntl.h>
#include <unistd.h>

namespace fpmoe::test {

class WriteFixture : public Fixture {
protected:
  uint64_t digest = 0; ///< of what was written last

  /// The file that writeWeights() makes, or its error after "error: ".
  std::string write(unsigned threads, uint64_t base) {
    return write(threads, base, checkpoint.get());
  }
  std::string write(unsigned threads, uint64_t base, const Sources &sources) {
    std::string path = directory + "/out";
    int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
    EXPECT_GE(descriptor, 0);
    uint64_t last = 0, total = 0;
    WriteOptions options;
    options.threads = threads;
    options.fileName = "out";
    options.digest = &digest;
    options.progress = [&](uint64_t done, uint64_t all) {
      EXPECT_GT(done, last);
      last = done;
      total = all;
    };
    llvm::Error error =
        writeWeights(*module, sources, descriptor, base, options);
    ::close(descriptor);
    if (error)
      return "error: " + toString(std::move(error));
    EXPECT_EQ(last, total);
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  /// A number as it is stored.
  static std::string encode(float value, mlir::Type element) {
    char bytes[4];
    if (element.isF16()) {
      uint16_t bits = f16Bits(value);
      std::memcpy(bytes, &bits, 2);
      return {bytes, 2};
    }
    std::memcpy(bytes, &value, 4);
    return element.isBF16() ? std::string(bytes + 2, 2) : std::string(bytes, 4);
  }

  /// Elements in the order of the file, from `values` in that of the weight.
  static std::vector<float> reorder(mlir::RankedTensorType type,
                                    const std::vector<float> &values) {
    if (!type.getEncoding())
      return values;
    mega::PackedLayout layout(type);
    std::vector<float> out;
    for (int64_t m = 0; m < layout.matrices; ++m)
      for (int64_t panel = 0; panel < layout.panels; ++panel)
        for (int64_t step = 0; step < layout.depth; ++step)
          for (int64_t lane = 0; lane < layout.n; ++lane)
            for (int64_t i = 0; i < layout.k; ++i) {
              int64_t row = layout.getRow(panel, lane);
              int64_t column = layout.getColumn(step * layout.k + i);
              out.push_back(
                  row < 0 || column < 0
                      ? 0.0f
                      : values[(m * layout.rows + row) * layout.columns +
                               column]);
            }
    return out;
  }

  void expectWeight(const std::string &file, uint64_t base, WeightOp weight) {
    mlir::RankedTensorType type = weight.getTensorType();
    for (int64_t i = 0; i < weight.getNumInstances(); ++i) {
      int64_t layer = weight.getLayers() ? (*weight.getLayers())[i] : 0;
      std::vector<float> expected =
          reorder(type, naive(weight.getResultValue(), layer));
      size_t size = type.getElementTypeBitWidth() / 8;
      ASSERT_EQ(static_cast<size_t>(weight.getInstanceBytes()),
                expected.size() * size);
      uint64_t at = base + *weight.getOffset() + i * *weight.getStride();
      ASSERT_LE(at + weight.getInstanceBytes(), file.size());
      for (size_t j = 0; j < expected.size(); ++j)
        ASSERT_EQ(file.compare(at + j * size, size,
                               encode(expected[j], type.getElementType())),
                  0)
            << weight.getSymName().str() << " layer " << layer << " element "
            << j;
    }
  }
};

} // namespace fpmoe::test

#endif // FPMOE_TEST_LIB_WEIGHTS_WRITEFIXTURE_H
