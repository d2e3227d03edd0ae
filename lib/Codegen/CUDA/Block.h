//===- Block.h - A block of threads, which does a tile ----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A worker of a team is a block of threads: private memory is shared memory of
// the block, all else lies in memory of the device. What a tile op does, all
// threads of the block do together; emitters deal elements out to threads or to
// warps, and every one of them runs with all threads. Sums over threads have
// one order, whatever the grid, so that results do not depend on it.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_CUDA_BLOCK_H
#define FPMOE_LIB_CODEGEN_CUDA_BLOCK_H

#include "lib/Codegen/CPU/Phase.h"

namespace fpmoe::cuda {

constexpr int64_t kThreads = 256, kWarpLanes = 32,
                  kWarps = kThreads / kWarpLanes;

/// Rows that a product takes at a time, at most: registers hold their sums.
constexpr int64_t kMostRows = 64;

/// Symbols of shared memory: what a block has of private buffers, its size
/// given with the launch, and scratch of kernels.
constexpr llvm::StringLiteral kPrivateSymbol = "fpmoe_shared",
                              kScratchSymbol = "fpmoe_partials";
/// Floats of scratch: sums of each warp, of the rows of a product and a vector
/// of columns.
constexpr int64_t kScratchFloats = kWarps * kMostRows * kLanes;

struct BlockContext : PhaseContext {
  explicit BlockContext(const PhaseContext &phase);

  mlir::Value thread, warp,
      lane;             ///< i64: in the block, in the block, in the warp
  mlir::Value partials; ///< kScratchFloats f32, not to be kept

  /// Waits for all threads of the block, or of the warp. What they wrote before
  /// is seen behind it.
  void sync();
  void syncWarp();

  using Body = llvm::function_ref<void(mlir::Value)>;
  /// body(i) for every i below count, each by one thread of the block, of the
  /// warp, or by one warp.
  void forThreads(mlir::Value count, Body body);
  void forThreads(int64_t count, Body body) { forThreads(b.i64(count), body); }
  void forLanes(int64_t count, Body body);
  void forWarps(mlir::Value count, Body body);
  void forWarps(int64_t count, Body body) { forWarps(b.i64(count), body); }
  /// By the first thread of the block alone, or of the warp.
  void once(llvm::function_ref<void()> body);
  void oncePerWarp(llvm::function_ref<void()> body);

  /// Of f32 or i32 of every lane, for all of them; combines lanes `first`
  /// apart, then twice as far, and so on.
  using Combine = llvm::function_ref<mlir::Value(mlir::Value, mlir::Value)>;
  mlir::Value overWarp(mlir::Value value, Combine combine, int64_t first = 1);
  mlir::Value sumWarp(mlir::Value value);
  /// Of f32 of every thread of the block, for all of them.
  mlir::Value sumBlock(mlir::Value value);

  /// Chains of additions over i in [from, to): load(i) for `lot` numbers at
  /// once, whose loads are then on their way together; then, in their order,
  /// add(loaded, sums).
  llvm::SmallVector<mlir::Value>
  chain(mlir::Value from, mlir::Value to, int64_t lot, mlir::ValueRange sums,
        llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value)> load,
        llvm::function_ref<void(llvm::ArrayRef<mlir::Value>,
                                llvm::MutableArrayRef<mlir::Value>)>
            add);

  /// 1 / sqrt(mean + eps) of the sum of `columns` squares.
  mlir::Value inverseRoot(mlir::Value squares, int64_t columns, double eps);
  /// The sum of the squares of `columns` f32; by a block.
  mlir::Value sumSquares(mlir::Value row, int64_t columns);
  /// 1 / sqrt(mean of squares + eps) of a row that is zero from `columns` on to
  /// `padded`; by a block or by a warp.
  mlir::Value inverseRms(mlir::Value row, int64_t padded, int64_t columns,
                         double eps);
  mlir::Value inverseRmsOfWarp(mlir::Value row, int64_t padded, int64_t columns,
                               double eps);
  /// By a warp, with the bits that a block gives.
  mlir::Value inverseRmsAsOfBlock(mlir::Value row, int64_t padded,
                                  int64_t columns, double eps);

  /// An element of a block of an operand.
  mlir::Value elementAt(const OperandBlock &operand, mlir::Value row,
                        mlir::Value column);
  /// Rounds x, of f32, to what the operand is made of, and stores it there.
  void store(mlir::Value x, const OperandBlock &operand, mlir::Value row,
             mlir::Value column);
  /// Zeros: columns [from, to) of rows [first, last) of an operand.
  void clear(const OperandBlock &operand, mlir::Value first, mlir::Value last,
             int64_t from, int64_t to);

private:
  mlir::Value sumOfSquares(mlir::Value row, int64_t padded, mlir::Value first,
                           int64_t step);
};

} // namespace fpmoe::cuda

#endif
