//===- Product.h - Blocks of rows times columns of a weight -----*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// What every op that multiplies by weights does: it goes over the rows of a
// block, over vectors of columns and over K, and hands the sums to the op. How
// they are made is the format's; how many at once, the target's.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_CPU_PRODUCT_H
#define FPMOE_LIB_CODEGEN_CPU_PRODUCT_H

#include "lib/Codegen/CPU/Phase.h"

namespace fpmoe {

class Product {
public:
  /// Products of blocks of `operand` with `weight`, a packed one.
  Product(PhaseContext &phase, mlir::Value operand, mlir::Value weight);

  /// Vectors [first, last) of the columns of a matrix (i64), a multiple of
  /// `unit` of them.
  struct Columns {
    mlir::Value first, last;
    int64_t unit;      ///< 2 where pairs of vectors belong together, else 1
    int64_t perTile;   ///< last - first at most
    /// Part of K, in elements; the whole where `depth` is null.
    mlir::Value firstDepth, depth;
  };
  /// Takes the sums of a row of the block, of some vectors of columns from
  /// `vector` (i64) on.
  using Epilogue = llvm::function_ref<void(
      int64_t row, mlir::Value vector, llvm::ArrayRef<mlir::Value> sums)>;

  /// The first `count` (i64) rows of operand block `block`, and matrix `matrix`
  /// (i64, or null) of the weight.
  void emit(mlir::Value block, mlir::Value count, mlir::Value matrix,
            const Columns &columns, Epilogue epilogue);

  const mega::PackedLayout &getLayout() const { return layout; }
  /// All products of a function with tile registers have one multiple of steps.
  void setDepthMultiple(int64_t elements) { multiple = elements; }

private:
  /// Code for each number of rows that is worth it: emits the smallest that is
  /// not below `count`. All rows of `emit`'s argument `sure` hold a token.
  void withRows(mlir::Value count,
                llvm::function_ref<void(int64_t rows, int64_t sure)> emit);
  int64_t getVectorsAtOnce(int64_t rows);
  /// Start of a vector's columns in a matrix.
  mlir::Value vectorAt(mlir::Value matrix, mlir::Value vector);

  PhaseContext &phase;
  KernelBuilder &b;
  mlir::Value operand;
  mega::PackedLayout layout;
  const Format &format;
  mlir::Value weights; ///< of the layer
  int64_t blockRows, multiple;
};

} // namespace fpmoe

#endif
