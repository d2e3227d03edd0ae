//===- Product.h - Blocks of rows times columns of a weight -----*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// What every op that multiplies by weights does. Each warp of the block takes
// every eighth part of K of some vectors of 16 columns, with as many rows as
// its registers hold sums of. The sums of its lanes and those of warps are
// added in one order, whatever the number of rows.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_CUDA_PRODUCT_H
#define FPMOE_LIB_CODEGEN_CUDA_PRODUCT_H

#include "lib/Codegen/CUDA/Block.h"

namespace fpmoe::cuda {

/// Up to so many rows have code of their own: an instruction of mma takes them.
constexpr int64_t kFewRows = 8;

/// What a warp multiplies at a time of some rows and a vector of columns, of
/// each format. All lanes take part.
class WarpProduct {
public:
  virtual ~WarpProduct() = default;
  /// Parts of K.
  virtual int64_t getParts() const = 0;
  /// Sums of f32 that a lane has of a vector.
  virtual int64_t getSums() const = 0;
  /// Vectors that the lane's registers have room for; and, of a vector and few
  /// rows, parts.
  virtual int64_t getVectorsAtOnce() const { return 4; }
  virtual int64_t getPartsAtOnce() const { return 8; }
  /// Loads what the lane has of a part of 16 columns that begin at `vector`.
  virtual llvm::SmallVector<mlir::Value> loadWeights(mlir::Value vector,
                                                     mlir::Value part) = 0;
  /// The same of all rows.
  virtual llvm::SmallVector<mlir::Value> loadRows(mlir::Value part) = 0;
  /// Adds products of both to the sums of the lane.
  virtual void multiply(llvm::ArrayRef<mlir::Value> weights,
                        llvm::ArrayRef<mlir::Value> rows,
                        llvm::MutableArrayRef<mlir::Value> sums) = 0;
  /// Stores the sums of the warp as `[rows][16]` f32.
  virtual void store(llvm::ArrayRef<mlir::Value> sums, mlir::Value to) = 0;
};

/// Products of `count` rows.
using MakeWarpProduct = std::unique_ptr<WarpProduct>(
    BlockContext &block, const mega::PackedLayout &layout, mlir::Type element,
    OperandRows rows, int64_t count);
/// Of weights of f32 or f16 and rows of f32; of at most kFewRows.
MakeWarpProduct makeFloatProduct;
/// Of weights and rows of bf16.
MakeWarpProduct makeBF16Product;
/// Of weights and rows of groups of integers; of at most kMostIntegerRows,
/// since registers hold their scales, too.
MakeWarpProduct makeIntegerProduct;
constexpr int64_t kMostIntegerRows = 32;

/// Weights, which nobody writes while a kernel runs.
mlir::Value loadWeight(KernelBuilder &b, mlir::Type type, mlir::Value from,
                       unsigned align);

class Product {
public:
  /// Products of blocks of `operand` with `weight`, a packed one.
  Product(BlockContext &block, mlir::Value operand, mlir::Value weight);

  /// Vectors [first, last) of the columns of a matrix (i64), a multiple of
  /// `unit` of them and at most `most`. Where those of a unit are not
  /// neighbours but `apart`, there is one unit, which begins with the first.
  struct Columns {
    mlir::Value first, last;
    int64_t unit; ///< 2 where pairs of vectors belong together, else 1
    int64_t most;
    int64_t apart = 1;
    /// Elements of the operand's K in front of those that the weight has: of a
    /// shard; null: none.
    mlir::Value operandDepth = {};
  };
  /// Takes, in one thread, the sums of a row of the block and of column `lane`
  /// (both i64) of `unit` vectors from `vector` on.
  using Epilogue =
      llvm::function_ref<void(mlir::Value row, mlir::Value vector,
                              mlir::Value lane, llvm::ArrayRef<mlir::Value>)>;

  /// The first `count` (i64) rows of operand block `number`, and matrix
  /// `matrix` (i64, or null) of the weight. All threads have met behind it.
  void emit(mlir::Value number, mlir::Value count, mlir::Value matrix,
            const Columns &columns, Epilogue epilogue);

  const mega::PackedLayout &getLayout() const { return layout; }

private:
  bool isFloat() const { return element.isF32() || element.isF16(); }
  /// `count` rows, of which the first `valid` (i64) are wanted.
  void emitRows(OperandRows from, int64_t count, mlir::Value valid,
                mlir::Value matrix, const Columns &columns, Epilogue epilogue);
  void emitVectors(WarpProduct &product, int64_t count, mlir::Value matrix,
                   mlir::Value vector, int64_t vectors, const Columns &columns,
                   mlir::Value valid, Epilogue epilogue);
  llvm::SmallVector<mlir::Value> emitSums(WarpProduct &product, int64_t count,
                                          llvm::ArrayRef<mlir::Value> vectors);
  /// Start of a vector's columns in a matrix.
  mlir::Value vectorAt(mlir::Value matrix, mlir::Value vector);

  BlockContext &block;
  KernelBuilder &b;
  mlir::Value operand, weights;
  mlir::Type element;
  mega::PackedLayout layout;
  int64_t rows;
};

} // namespace fpmoe::cuda

#endif
