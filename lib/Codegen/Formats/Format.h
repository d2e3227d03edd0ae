//===- Format.h - How products read stored weights --------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A storage format is a file in this folder: how its weights are packed, what
// the rows that they multiply are made of, and the inner loop of the product.
//
// Each sum of a product has one chain of additions in the order of K, so that
// its bits do not depend on how many rows or columns are computed beside it.
// Latency is hidden by sums side by side.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_FORMATS_FORMAT_H
#define FPMOE_LIB_CODEGEN_FORMATS_FORMAT_H

#include "lib/Codegen/Common/KernelBuilder.h"

namespace fpmoe {

constexpr int64_t kCacheLine = 64; ///< bytes that a prefetch asks for

/// Where the elements of an operand's rows are: those of row r that stand
/// together at step k lie at base + r * rowBytes + k * stepBytes.
struct OperandRows {
  mlir::Value base;
  int64_t rowBytes, stepBytes;
};

/// Rows times some vectors of columns of a packed weight.
struct ProductTile {
  int64_t rows;
  OperandRows operand;
  /// First element of each vector of 16 columns.
  llvm::SmallVector<mlir::Value> weights;
  /// Bytes between the steps of a vector, each of the packing's k elements.
  int64_t stepBytes;
  mlir::Value steps; ///< i64
  /// What the sums begin with, of row r and vector v at [r * vectors + v];
  /// zeros if there are none. Products of vectors of f32 and bf16 have them.
  llvm::SmallVector<mlir::Value> sums;
  int64_t multiple = 1; ///< of it is `steps`
  /// Bytes from the weights of a step to those to ask for; 0: none.
  int64_t ahead = 0;
  /// Bytes (i64) from the rows of a step to those to ask for; null: none.
  mlir::Value rowsAhead;
};

/// What a product gives: 16 lanes of f32 for each row r and vector v, at
/// [r * vectors + v]. Those that are in memory are read from the stack where
/// they are wanted, and only until the next product of the function.
class Accumulators {
public:
  Accumulators(llvm::SmallVector<mlir::Value> lanes)
      : lanes(std::move(lanes)) {}
  Accumulators(KernelBuilder &b, mlir::Value stack) : b(&b), stack(stack) {}

  mlir::Value operator[](int64_t i) const {
    return b ? b->loadLanes(b->at(stack, i * kLanes * 4)) : lanes[i];
  }

private:
  llvm::SmallVector<mlir::Value> lanes;
  KernelBuilder *b = nullptr;
  mlir::Value stack;
};

class Format {
public:
  virtual ~Format() = default;

  /// k of `#mega.packed`.
  virtual int64_t getPackedDepth() const = 0;
  /// What rows that are multiplied are made of, and how many elements of a row
  /// stand together.
  virtual mlir::Type getOperandElement(mega::TargetAttr target) const;
  virtual int64_t getOperandDepth(mega::TargetAttr target) const { return 1; }
  /// The last dimension of an operand: those elements, and what belongs to
  /// them.
  virtual int64_t getOperandExtent(mega::TargetAttr target) const {
    return getOperandDepth(target);
  }
  /// Whether rows are rounded to integers (mega.quantize) to be multiplied;
  /// they are made as rows of f32.
  virtual bool takesIntegers() const { return false; }
  /// Whether products use tile registers, which need blocks of one row or a
  /// multiple of 16.
  virtual bool usesTiles(mega::TargetAttr target) const { return false; }
  /// The number of rows up to which they use vectors nevertheless.
  virtual int64_t getMostVectorRows(mega::TargetAttr target) const { return 0; }
  /// Whether the elements of a row lie together (getRowMajorType).
  virtual bool takesRowMajor(mega::TargetAttr target) const { return false; }

  /// Sums, of a row and a vector of columns each, that registers have room for.
  virtual int64_t getAccumulators(mega::TargetAttr target) const {
    return target.getAccumulators();
  }
  /// How many vectors of columns a product of so many rows takes at once, so
  /// that its sums fit into registers and hide their latency.
  virtual int64_t getVectorsAtOnce(mega::TargetAttr target, int64_t rows) const;

  virtual Accumulators emitProduct(KernelBuilder &b,
                                   const ProductTile &tile) const = 0;
  /// Emits `iterations` times what an inner step does, on as many sums as there
  /// are registers for. Returns the sum of all sums, and sets `ops` to the
  /// multiplications and additions of an iteration.
  virtual mlir::Value emitPeak(KernelBuilder &b, mlir::Value iterations,
                               int64_t &ops) const;
};

/// The format of weights with this element type, which has one.
const Format &getFormat(mlir::Type element);

/// The format that rows have when they are made: `format`, or f32.
const Format &getRowsFormat(const Format &format);

/// Vectors of columns that a tile has for so many rows at least, in whatever
/// format.
int64_t getVectorsAtOnce(mega::TargetAttr target, int64_t rows);

/// How many of `rows` rows of attention are multiplied at a time: runs as equal
/// as can be, whose sums fit into registers.
int64_t getRowsAtOnce(mega::TargetAttr target, int64_t rows);

/// Whether attention over this cache multiplies in tile registers, whose scores
/// have as many rows. It then takes whole pages of positions.
bool attendsWithTiles(mega::TargetAttr target, mlir::Value cache);
constexpr int64_t kTileRows = 16;

/// A product by multiplications and additions of f32. `load(from, i)` gives 16
/// lanes of the i-th of the `depth` elements of a step, at `from`.
Accumulators
emitF32Product(KernelBuilder &b, const ProductTile &tile, int64_t depth,
               llvm::function_ref<mlir::Value(mlir::Value, int64_t)> load);
/// The same of f32 weights.
Accumulators emitF32Product(KernelBuilder &b, const ProductTile &tile);

/// The same of pairs of bf16, which are widened.
Accumulators emitWidenedProduct(KernelBuilder &b, const ProductTile &tile);

/// A product of pairs of bf16, rows and weights, with the target's `dot`.
Accumulators emitDotProduct(KernelBuilder &b, const ProductTile &tile);

/// Asks for the weights that are `tile.ahead` bytes behind `from`.
void emitPrefetch(KernelBuilder &b, const ProductTile &tile, mlir::Value from);

/// Asks for `steps` steps of the rows that are `tile.rowsAhead` bytes behind
/// `from`, and not row-major.
void emitRowsPrefetch(KernelBuilder &b, const ProductTile &tile,
                      mlir::Value from, int64_t steps = 1);

// The formats.
const Format &getF32Format();
const Format &getF16Format();
const Format &getBF16Format();
const Format &getInt8Format();
const Format &getInt4Format();
const Format &getUInt4Format();

/// Products of pairs of bf16 with the tile registers of AMX.
Accumulators emitTileProduct(KernelBuilder &b, const ProductTile &tile);
mlir::Value emitTilePeak(KernelBuilder &b, mlir::Value iterations,
                         int64_t &ops);

} // namespace fpmoe

#endif
