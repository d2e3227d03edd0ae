//===- Mma.h - Products of a warp by mma.sync -------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// The columns of weights are the 16 rows of the instruction's A, rows of the
// operand the 8 columns of its B. Lane l has, with g = l / 4 and t = l % 4,
// what the fragments of mma.m16n8k16 (bf16) and m16n8k32 (bytes) say (PTX ISA,
// "Matrix Fragments"): of A rows g and g + 8, of B column g, of the sums
// columns 2t and 2t + 1 of these rows. Row g of A is column 2g of the weights,
// row g + 8 column 2g + 1: the lane finds them side by side. Which elements of
// K take part in which place does not matter, so long as A and B agree.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_CUDA_MMA_H
#define FPMOE_LIB_CODEGEN_CUDA_MMA_H

#include "lib/Codegen/CUDA/Product.h"

namespace fpmoe::cuda {

class MmaProduct : public WarpProduct {
public:
  /// Rows of the operand that an instruction takes.
  static constexpr int64_t kRows = kFewRows;
  /// Sums that a lane has of them and 16 columns.
  static constexpr int64_t kLaneSums = 4;
  /// Lanes that share columns of weights, or a row.
  static constexpr int64_t kShare = 4;

  MmaProduct(BlockContext &block, const mega::PackedLayout &layout,
             OperandRows rows, int64_t count)
      : b(block.b), layout(layout), rows(rows), count(count),
        tiles(llvm::divideCeil(count, kRows)), group(b.div(block.lane, kShare)),
        turn(b.rem(block.lane, kShare)) {}

  int64_t getSums() const override { return tiles * kLaneSums; }
  void store(llvm::ArrayRef<mlir::Value> sums, mlir::Value to) override;

protected:
  /// Start of a row of the operand; of another one, whose sums nobody wants,
  /// where it is not there.
  mlir::Value rowAt(int64_t tile, mlir::Value row);
  /// Two elements of this type of a weight, that of a column each. (Of a vector
  /// LLVM would make two loads, and forget that nobody writes there.)
  std::array<mlir::Value, 2> loadHalves(mlir::Value from, mlir::Type type);
  /// The instruction `name` of 4 registers of A, 2 of B and 4 sums.
  llvm::SmallVector<mlir::Value> mma(llvm::StringRef name,
                                     llvm::ArrayRef<mlir::Value> a,
                                     llvm::ArrayRef<mlir::Value> b,
                                     llvm::ArrayRef<mlir::Value> sums);

  KernelBuilder &b;
  mega::PackedLayout layout;
  OperandRows rows;
  int64_t count, tiles;
  mlir::Value group, turn; ///< g and t
};

} // namespace fpmoe::cuda

#endif
