//===- Block.cpp - A block of threads, which does a tile ------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CUDA/Block.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace fpmoe;
using namespace fpmoe::cuda;

constexpr int32_t kAllLanes = -1;

/// The start of a variable of shared memory, as a pointer to anything.
static Value sharedMemory(KernelBuilder &b, StringRef symbol) {
  auto type = LLVM::LLVMPointerType::get(
      b.getContext(), static_cast<unsigned>(NVVM::NVVMMemorySpace::Shared));
  Value address = LLVM::AddressOfOp::create(b, type, symbol);
  return LLVM::AddrSpaceCastOp::create(b, b.ptrType(), address);
}

BlockContext::BlockContext(const PhaseContext &phase) : PhaseContext(phase) {
  Value number = NVVM::ThreadIdXOp::create(b, b.getI32Type());
  thread = arith::ExtUIOp::create(b, b.getI64Type(), number);
  warp = b.div(thread, kWarpLanes);
  lane = b.rem(thread, kWarpLanes);
  // Where a function names its shared memory itself, LLVM knows it for such.
  scratch = sharedMemory(b, kPrivateSymbol);
  partials = sharedMemory(b, kScratchSymbol);
}

void BlockContext::sync() {
  NVVM::BarrierOp::create(b, /*res=*/TypeRange(), Value(), Value(),
                          NVVM::BarrierReductionAttr(), Value());
}
void BlockContext::syncWarp() { NVVM::SyncWarpOp::create(b, b.i32(kAllLanes)); }

void BlockContext::forThreads(Value count, Body body) {
  b.loop(thread, count, kThreads, body);
}
void BlockContext::forLanes(int64_t count, Body body) {
  b.loop(lane, b.i64(count), kWarpLanes, body);
}
void BlockContext::forWarps(Value count, Body body) {
  b.loop(warp, count, kWarps, body);
}
void BlockContext::once(function_ref<void()> body) {
  b.ifThen(b.equal(thread, b.i64(0)), body);
}
void BlockContext::oncePerWarp(function_ref<void()> body) {
  b.ifThen(b.equal(lane, b.i64(0)), body);
}

Value BlockContext::overWarp(Value value, Combine combine, int64_t first) {
  for (int64_t apart = first; apart < kWarpLanes; apart *= 2) {
    Value other = NVVM::ShflOp::create(
        b, value.getType(), b.i32(kAllLanes), value, b.i32(apart),
        b.i32(kWarpLanes - 1), NVVM::ShflKind::bfly, UnitAttr());
    value = combine(value, other);
  }
  return value;
}
Value BlockContext::sumWarp(Value value) {
  return overWarp(value, [&](Value x, Value y) { return b.fadd(x, y); });
}

Value BlockContext::sumBlock(Value value) {
  // All users of scratch have read it before they go on.
  value = sumWarp(value);
  oncePerWarp([&] { b.storeF32(value, partials, warp); });
  sync();
  Value all = b.loadF32(partials, b.i64(0));
  for (int64_t w = 1; w < kWarps; ++w)
    all = b.fadd(all, b.loadF32(partials, b.i64(w)));
  sync();
  return all;
}

SmallVector<Value> BlockContext::chain(
    Value from, Value to, int64_t lot, ValueRange sums,
    function_ref<SmallVector<Value>(Value)> load,
    function_ref<void(ArrayRef<Value>, MutableArrayRef<Value>)> add) {
  auto emitLot = [&](Value first, int64_t some, ValueRange before) {
    SmallVector<SmallVector<Value>> loaded;
    for (int64_t i = 0; i < some; ++i)
      loaded.push_back(load(b.add(first, i)));
    SmallVector<Value> after(before);
    for (ArrayRef<Value> values : loaded)
      add(values, after);
    return after;
  };
  Value count = b.max(b.sub(to, from), b.i64(0));
  Value whole = b.add(from, b.mul(b.div(count, lot), lot));
  SmallVector<Value> all =
      b.loop(from, whole, lot, sums, [&](Value i, ValueRange before) {
        return emitLot(i, lot, before);
      });
  return b.loop(whole, to, 1, all, [&](Value i, ValueRange before) {
    return emitLot(i, 1, before);
  });
}

Value BlockContext::sumOfSquares(Value row, int64_t padded, Value first,
                                 int64_t step) {
  return b.loop(first, b.i64(padded), step, {b.f32(0.0f)},
                [&](Value i, ValueRange sum) -> SmallVector<Value> {
                  Value x = b.loadF32(row, i);
                  return {b.fma(x, x, sum[0])};
                })[0];
}

Value BlockContext::inverseRoot(Value squares, int64_t columns, double eps) {
  Value mean = b.fdiv(squares, b.f32(columns));
  return b.fdiv(b.f32(1.0f), b.sqrt(b.fadd(mean, b.f32(eps))));
}

Value BlockContext::sumSquares(Value row, int64_t columns) {
  return sumBlock(sumOfSquares(row, columns, thread, kThreads));
}

Value BlockContext::inverseRms(Value row, int64_t padded, int64_t columns,
                               double eps) {
  return inverseRoot(sumSquares(row, padded), columns, eps);
}
Value BlockContext::inverseRmsOfWarp(Value row, int64_t padded, int64_t columns,
                                     double eps) {
  Value squares = sumWarp(sumOfSquares(row, padded, lane, kWarpLanes));
  return inverseRoot(squares, columns, eps);
}

Value BlockContext::inverseRmsAsOfBlock(Value row, int64_t padded,
                                        int64_t columns, double eps) {
  // A lane does what eight threads of a block do, side by side.
  SmallVector<Value> sums(kWarps, b.f32(0.0f));
  int64_t whole = padded / kThreads * kThreads;
  auto addSquare = [&](Value sum, Value x) { return b.fma(x, x, sum); };
  sums = b.loop(b.i64(0), b.i64(whole), kThreads, sums,
                [&](Value i, ValueRange before) {
                  SmallVector<Value> after;
                  for (int64_t w = 0; w < kWarps; ++w) {
                    Value at = b.add(b.add(i, lane), w * kWarpLanes);
                    after.push_back(addSquare(before[w], b.loadF32(row, at)));
                  }
                  return after;
                });
  for (int64_t w = 0; whole + w * kWarpLanes < padded; ++w) {
    Value at = b.add(lane, whole + w * kWarpLanes);
    Value x = b.loadF32(row, b.min(at, b.i64(padded - 1)));
    x = b.select(b.less(at, b.i64(padded)), x, b.f32(0.0f));
    sums[w] = addSquare(sums[w], x);
  }
  Value all = sumWarp(sums[0]);
  for (int64_t w = 1; w < kWarps; ++w)
    all = b.fadd(all, sumWarp(sums[w]));
  return inverseRoot(all, columns, eps);
}

Value BlockContext::elementAt(const OperandBlock &operand, Value row,
                              Value column) {
  const OperandRows &rows = operand.rows;
  int64_t k = operand.getTogether();
  Value at = b.at(b.at(rows.base, b.mul(row, rows.rowBytes)),
                  b.mul(b.div(column, k), rows.stepBytes));
  int64_t bytes = operand.getElement().getIntOrFloatBitWidth() / 8;
  return k == 1 ? at : b.at(at, b.mul(b.rem(column, k), bytes));
}
void BlockContext::store(Value x, const OperandBlock &operand, Value row,
                         Value column) {
  Type element = operand.getElement();
  if (!element.isF32())
    x = arith::TruncFOp::create(b, element, x);
  b.store(x, elementAt(operand, row, column),
          element.getIntOrFloatBitWidth() / 8);
}
void BlockContext::clear(const OperandBlock &operand, Value first, Value last,
                         int64_t from, int64_t to) {
  if (from == to)
    return;
  int64_t width = to - from;
  forThreads(b.mul(b.sub(last, first), width), [&](Value i) {
    store(b.f32(0.0f), operand, b.add(first, b.div(i, width)),
          b.add(b.rem(i, width), from));
  });
}
