//===- Mma.cpp - Products of a warp by mma.sync ---------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CUDA/Mma.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

Value MmaProduct::rowAt(int64_t tile, Value row) {
  if ((tile + 1) * kRows > count)
    row = b.min(row, b.i64(count - 1 - tile * kRows));
  // Tiles are apart by constants, which instructions add.
  return b.at(b.at(rows.base, b.mul(row, rows.rowBytes)),
              tile * kRows * rows.rowBytes);
}

std::array<Value, 2> MmaProduct::loadHalves(Value from, Type type) {
  unsigned bits = type.getIntOrFloatBitWidth();
  Value both = loadWeight(b, b.getIntegerType(2 * bits), from, 2 * bits / 8);
  auto half = [&](Value word) -> Value {
    Value narrow = arith::TruncIOp::create(b, b.getIntegerType(bits), word);
    return type.isInteger() ? narrow
                            : arith::BitcastOp::create(b, type, narrow);
  };
  Value shift =
      arith::ConstantOp::create(b, b.getIntegerAttr(both.getType(), bits));
  return {half(both), half(arith::ShRUIOp::create(b, both, shift))};
}

SmallVector<Value> MmaProduct::mma(StringRef name, ArrayRef<Value> a,
                                   ArrayRef<Value> bs, ArrayRef<Value> sums) {
  SmallVector<Value> operands(a);
  llvm::append_range(operands, bs);
  llvm::append_range(operands, sums);
  Type type = sums[0].getType();
  auto made = LLVM::CallIntrinsicOp::create(
      b,
      LLVM::LLVMStructType::getLiteral(b.getContext(),
                                       {type, type, type, type}),
      b.getStringAttr(name), operands);
  SmallVector<Value> results;
  for (int64_t i = 0; i < kLaneSums; ++i)
    results.push_back(LLVM::ExtractValueOp::create(b, made.getResult(0), i));
  return results;
}

void MmaProduct::store(ArrayRef<Value> sums, Value to) {
  for (int64_t tile = 0; tile < tiles; ++tile) {
    ArrayRef<Value> four = sums.slice(tile * kLaneSums, kLaneSums);
    // Sums of rows 2t and 2t + 1, of column 2g and then of 2g + 1.
    for (int64_t i = 0; i < 2; ++i) {
      Value row = b.add(b.mul(turn, 2), tile * kRows + i);
      auto storePair = [&] {
        Value at =
            b.at(to, b.mul(b.add(b.mul(row, kLanes), b.mul(group, 2)), 4));
        auto type = VectorType::get({2}, b.getF32Type());
        Value pair = vector::FromElementsOp::create(
            b, type, ValueRange{four[i], four[2 + i]});
        b.store(pair, at, 8);
      };
      if ((tile + 1) * kRows <= count)
        storePair();
      else
        b.ifThen(b.less(row, b.i64(count)), storePair);
    }
  }
}
