//===- Cache.h - Keys and values of the positions before --------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_CPU_CACHE_H
#define FPMOE_LIB_CODEGEN_CPU_CACHE_H

#include "lib/Codegen/CPU/Phase.h"
#include "lib/Codegen/Formats/Format.h"

namespace fpmoe {

/// The cache of one layer: for each key/value head, pages of P positions. K and
/// V being the columns of a key and a value rounded up to 16, and d as many
/// elements as fill 32 bits (1 of f32, 2 of bf16), a page holds keys as
/// `[P/16, K/d, 16, d]`, so that 16 positions are a vector of columns of the
/// product with the query, and then values as `[P/d, V, d]`, whose columns are
/// those of the product with the scores. `pages` are those of the sequence.
class CacheLayout {
public:
  /// Bytes between the steps of a key.
  static constexpr int64_t kKeyStepBytes = kLanes * 4;
  static constexpr int64_t kPagePositions = FPMOE_PAGE_POSITIONS;

  CacheLayout(PhaseContext &phase, mlir::Value cache, int64_t headDim);

  /// Step 0 of the key at `position`.
  mlir::Value key(mlir::Value pages, mlir::Value head, mlir::Value position);
  int64_t keySteps() const { return llvm::divideCeil(headDim, depth); }
  /// Column 0 of the value at `position`; the next ones are 4 bytes apart.
  mlir::Value value(mlir::Value pages, mlir::Value head, mlir::Value position);
  /// Bytes of the values of `depth` positions.
  int64_t valueStepBytes() const { return valueColumns * 4; }
  int64_t valueVectors() const { return valueColumns / kLanes; }

  /// Whether rows that meet keys and values are rounded to bf16: the cache is,
  /// and the target sums products of its pairs.
  bool roundsRows() const;
  /// Rows times keys or values, whose steps are of `depth` elements. Rows are
  /// of pairs of bf16 if they are rounded, else of f32.
  Accumulators emitProduct(const ProductTile &tile) const;

  /// Puts a row of f32 that is zero up to whole vectors where keys are.
  void storeKey(mlir::Value row, mlir::Value pages, mlir::Value head,
                mlir::Value position);
  /// The same of a value. `isLast`: no position of the sequence behind it is
  /// stored in this step. What products read behind it then becomes zero: what
  /// shares a step with it, or the rest of the page.
  void storeValue(mlir::Value row, mlir::Value pages, mlir::Value head,
                  mlir::Value position, mlir::Value isLast);

  const bool tiles; ///< products are made in tile registers
  const int64_t depth, keyColumns, valueColumns; ///< d, K, V

private:
  /// The head's part of the page that holds `position`.
  mlir::Value page(mlir::Value pages, mlir::Value head, mlir::Value position);

  KernelBuilder &b;
  int64_t headDim, pageBytes;
  mlir::Value headBytes; ///< keys and values of a head, in all pages
  mlir::Value base;
};

} // namespace fpmoe

#endif
