//===- Product.h - Blocks of rows times columns of a weight -----*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// What every op that multiplies by weights does. Each warp of the block takes
// every eighth part of K of some vectors of 16 columns, with all rows; a lane
// has four columns and an eighth of what the warp reads at a time, so that a
// warp reads what lies together. The sums of lanes and warps are added in one
// order.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_CUDA_PRODUCT_H
#define FPMOE_LIB_CODEGEN_CUDA_PRODUCT_H

#include "lib/Codegen/CUDA/Block.h"

namespace fpmoe::cuda {

/// Columns that a lane has of a vector, and lanes that share them.
constexpr int64_t kLaneColumns = 4, kColumnLanes = kLanes / kLaneColumns,
                  kDepthLanes = kWarpLanes / kColumnLanes;

/// What the lanes of a warp read together of K, of each format. Part p of K is
/// that of kDepthLanes lanes.
class LaneProduct {
public:
  virtual ~LaneProduct() = default;
  /// Parts of K.
  virtual int64_t getParts() const = 0;
  /// Loads a part of 16 columns that begin at `vector`.
  virtual llvm::SmallVector<mlir::Value> loadWeights(mlir::Value vector,
                                                     mlir::Value part) = 0;
  /// Loads the same part of all rows.
  virtual llvm::SmallVector<mlir::Value> loadRows(mlir::Value part) = 0;
  /// Adds products of both to the lane's sums of row r and column c, at
  /// [r * kLaneColumns + c].
  virtual void multiply(llvm::ArrayRef<mlir::Value> weights,
                        llvm::ArrayRef<mlir::Value> rows,
                        llvm::MutableArrayRef<mlir::Value> sums) = 0;
};

/// Of weights of f32, f16 or bf16 and rows of f32.
std::unique_ptr<LaneProduct> makeFloatProduct(BlockContext &block,
                                              const mega::PackedLayout &layout,
                                              mlir::Type element,
                                              OperandRows rows, int64_t count);
/// Of weights and rows of groups of integers.
std::unique_ptr<LaneProduct>
makeIntegerProduct(BlockContext &block, const mega::PackedLayout &layout,
                   mlir::Type element, OperandRows rows, int64_t count);

/// Weights, which nobody writes while a kernel runs.
mlir::Value loadWeight(KernelBuilder &b, mlir::Type type, mlir::Value from,
                       unsigned align);

class Product {
public:
  /// Products of blocks of `operand` with `weight`, a packed one.
  Product(BlockContext &block, mlir::Value operand, mlir::Value weight);

  /// Vectors [first, last) of the columns of a matrix (i64), a multiple of
  /// `unit` of them and at most `most`.
  struct Columns {
    mlir::Value first, last;
    int64_t unit; ///< 2 where pairs of vectors belong together, else 1
    int64_t most;
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
  void emitVectors(LaneProduct &lanes, mlir::Value matrix, mlir::Value vector,
                   int64_t vectors, int64_t unit, mlir::Value count,
                   Epilogue epilogue);
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
