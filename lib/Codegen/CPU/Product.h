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
    int64_t unit;    ///< 2 where pairs of vectors belong together, else 1
    int64_t perTile; ///< last - first at most
    /// Part of K, in elements; the whole where `depth` is null.
    mlir::Value firstDepth, depth;
    int64_t mostDepth; ///< what `depth` is at most
    /// Elements of the operand's K in front of those that the weight has: of a
    /// shard; null: none.
    mlir::Value operandDepth = {};
  };
  /// Takes the sums of a row (i64) of the block, of some vectors of columns
  /// from `vector` (i64) on.
  using Epilogue = llvm::function_ref<void(mlir::Value row, mlir::Value vector,
                                           llvm::ArrayRef<mlir::Value> sums)>;

  /// The first `count` (i64) rows of operand block `block`, and matrix `matrix`
  /// (i64, or null) of the weight.
  void emit(mlir::Value block, mlir::Value count, mlir::Value matrix,
            const Columns &columns, Epilogue epilogue);

  const mega::PackedLayout &getLayout() const { return layout; }
  /// All products of a function with tile registers have one multiple of steps.
  void setDepthMultiple(int64_t elements) { multiple = elements; }

private:
  /// Code for each of `sizes`: emits the smallest that is not below `count`,
  /// which is at least `least`. The first `sure` rows of each are below it.
  void withRows(mlir::Value count, llvm::ArrayRef<int64_t> sizes, int64_t least,
                llvm::function_ref<void(int64_t rows, int64_t sure)> emit);
  /// Whether so many rows are multiplied with tile registers.
  bool usesTiles(int64_t rows);
  /// Numbers of rows up to `most` that there is code for.
  llvm::SmallVector<int64_t> getSizes(int64_t most);
  int64_t getVectorsAtOnce(int64_t rows);
  /// Rows whose sums registers have room for, with those of a vector at least.
  int64_t getRowsAtOnce();
  /// Bytes from weights that are read to those that are asked for meanwhile:
  /// of the next vectors, or where these are too far, in the same ones. 0: the
  /// processor is left to guess.
  int64_t getAhead(int64_t rows, int64_t vectors, const Columns &columns);
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
