//===- Integers.h - Products of integers in groups --------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// What the formats of integers share: the product is exact within a group of
// 32 elements of K; groups are added in f32, in their order.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_FORMATS_INTEGERS_H
#define FPMOE_LIB_CODEGEN_FORMATS_INTEGERS_H

#include "lib/Codegen/Formats/Format.h"

namespace fpmoe {

/// Four elements of a column, a word, and of 16 columns.
constexpr int64_t kWordBytes = 4, kWordsBytes = kLanes * kWordBytes;
/// Words of a column in a group.
constexpr int64_t kGroupWords = mega::kGroupElements / kWordBytes;

/// Some of 16 columns: as many as a register has words.
struct ColumnPart {
  int64_t first, lanes;
  /// Of the registers that lie at `from`, that of these columns. What is
  /// loaded `anew` is not kept since it was loaded before.
  mlir::Value load(KernelBuilder &b, mlir::Value from,
                   bool anew = false) const {
    auto type = mlir::VectorType::get({lanes * kWordBytes}, b.getI8Type());
    return mlir::LLVM::LoadOp::create(
        b, type, b.at(from, first * kWordBytes),
        /*alignment=*/std::min<int64_t>(lanes * kWordBytes, 32),
        /*isVolatile=*/anew);
  }
};

/// Sums words of products of bytes, w[0..3] without a sign times x[0..3] with
/// one, for the columns of a part.
class WordDot {
public:
  WordDot(KernelBuilder &b, int64_t lanes) : b(b), lanes(lanes) {}
  /// Parts of 16 columns: one, two or four.
  static llvm::SmallVector<ColumnPart> getParts(mega::TargetAttr target);

  /// Whether sums are of 16 bits: w must be at most 15, and at most 8 words are
  /// added to a sum.
  static bool isShort(mega::TargetAttr target);
  /// Whether w has a sign, too.
  static bool isSigned(mega::TargetAttr target);
  /// A sum of no words.
  mlir::Value zero();
  /// A short one, less what a zero of 8 adds to it: what is at kGroupSumAt.
  mlir::Value lessZero(mlir::Value halves);
  /// `words` is a vector of the columns' words, as bytes; `x` four bytes of a
  /// row, as i32.
  mlir::Value add(mlir::Value sum, mlir::Value words, mlir::Value x);
  /// The sum as i32 lanes, if it is short, times `factor`.
  mlir::Value widen(mlir::Value sum, int64_t factor = 1);
  /// See Format::emitPeak.
  mlir::Value emitPeak(mlir::Value iterations, int64_t &ops);

  mlir::VectorType vectorOf(mlir::Type element) {
    return mlir::VectorType::get({lanes}, element);
  }
  mlir::VectorType bytes() {
    return mlir::VectorType::get({lanes * kWordBytes}, b.getI8Type());
  }
  /// An integer in all lanes, and a scalar.
  mlir::Value constant(mlir::VectorType type, int64_t value);
  mlir::Value splat(mlir::Value scalar);

private:
  KernelBuilder &b;
  int64_t lanes;
};

/// A format of integers, q + zero in memory.
class IntegerFormat : public Format {
public:
  int64_t getPackedDepth() const override { return mega::kGroupElements; }
  mlir::Type getOperandElement(mega::TargetAttr target) const override;
  int64_t getOperandDepth(mega::TargetAttr target) const override {
    return mega::kGroupElements;
  }
  int64_t getOperandExtent(mega::TargetAttr target) const override {
    return mega::kGroupStepBytes;
  }
  bool takesIntegers() const override { return true; }
  bool usesTiles(mega::TargetAttr target) const override;
  /// A tile product takes 16 rows, however few there are.
  int64_t getMostVectorRows(mega::TargetAttr target) const override {
    return 4;
  }
  int64_t getAccumulators(mega::TargetAttr target) const override;
  int64_t getVectorsAtOnce(mega::TargetAttr target,
                           int64_t rows) const override;
  Accumulators emitProduct(KernelBuilder &b,
                           const ProductTile &tile) const override;
  mlir::Value emitPeak(KernelBuilder &b, mlir::Value iterations,
                       int64_t &ops) const override;

protected:
  /// Calls use(word, bytes) for each of the words of the columns that begin at
  /// `from`: four elements of each part, or where sums are short and elements
  /// of 8 bits, the lower 4 bits of each, then the upper ones.
  using Use = llvm::function_ref<void(int64_t, llvm::ArrayRef<mlir::Value>)>;
  virtual void forEachWord(KernelBuilder &b, mlir::Value from,
                           llvm::ArrayRef<ColumnPart> parts, int64_t words,
                           Use use) const = 0;
  virtual int64_t getElementBits() const = 0;
  /// Whether there is a minimum for each scale, behind them; there is no zero
  /// to be taken off then.
  virtual bool hasMinimum() const { return false; }

private:
  /// The sums of the parts of each vector and row, in this order.
  llvm::SmallVector<mlir::Value>
  emitParts(KernelBuilder &b, const ProductTile &tile,
            llvm::ArrayRef<ColumnPart> parts) const;
  /// `total` and what a group of a row adds to it: `sum` of the group's
  /// products as i32 lanes, without the zero; scales of the row and of the
  /// columns; and with minima, what loadRowSum gives of the row.
  mlir::Value addGroup(KernelBuilder &b, mlir::Value total, mlir::Value sum,
                       mlir::Value scale, mlir::Value scales,
                       mlir::Value rowSum, mlir::Value minima) const;
  /// What minima are multiplied by: the sum of a row's group at `from`.
  mlir::Value loadRowSum(KernelBuilder &b, mlir::Value from) const;

  /// Products of some rows with short sums.
  Accumulators emitShortProduct(KernelBuilder &b,
                                const ProductTile &tile) const;
  /// Bytes of a group of 16 columns.
  int64_t getGroupBytes() const;
  /// Scales, or minima, of the columns of a part of the group at `from`.
  mlir::Value loadScales(KernelBuilder &b, mlir::Value from, ColumnPart part,
                         bool minima = false) const;

  /// Products of 16 rows at a time with the tile registers of AMX.
  Accumulators emitTileProduct(KernelBuilder &b, const ProductTile &tile) const;
  /// Writes what they multiply by: the weights of some groups as signed bytes,
  /// and scales and minima as f32.
  void emitPanel(KernelBuilder &b, const ProductTile &tile, mlir::Value weights,
                 mlir::Value groups, mlir::Value panel, mlir::Value scales,
                 mlir::Value minima) const;
};

/// The lower or upper 4 bits of each byte.
mlir::Value emitHalf(KernelBuilder &b, mlir::Value bytes, bool isUpper);

} // namespace fpmoe

#endif
