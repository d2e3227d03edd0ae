//===- KernelBuilder.cpp - Builds kernels at the vector level -------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Common/KernelBuilder.h"

using namespace mlir;
using namespace fpmoe;

Value KernelBuilder::i64(int64_t value) {
  return arith::ConstantOp::create(*this, getI64IntegerAttr(value));
}
Value KernelBuilder::i32(int32_t value) {
  return arith::ConstantOp::create(*this, getI32IntegerAttr(value));
}
Value KernelBuilder::f32(float value) {
  return arith::ConstantOp::create(*this, getF32FloatAttr(value));
}
Value KernelBuilder::f32Splat(float value) {
  return arith::ConstantOp::create(*this,
                                   DenseElementsAttr::get(f32Lanes(), value));
}
Value KernelBuilder::add(Value a, Value b) {
  return arith::AddIOp::create(*this, a, b);
}
Value KernelBuilder::sub(Value a, Value b) {
  return arith::SubIOp::create(*this, a, b);
}
Value KernelBuilder::mul(Value a, Value b) {
  return arith::MulIOp::create(*this, a, b);
}
Value KernelBuilder::div(Value a, int64_t b) {
  return b == 1 ? a : arith::DivUIOp::create(*this, a, i64(b)).getResult();
}
Value KernelBuilder::rem(Value a, int64_t b) {
  return arith::RemUIOp::create(*this, a, i64(b));
}
Value KernelBuilder::min(Value a, Value b) {
  return arith::MinSIOp::create(*this, a, b);
}
Value KernelBuilder::max(Value a, Value b) {
  return arith::MaxSIOp::create(*this, a, b);
}
Value KernelBuilder::less(Value a, Value b) {
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::slt, a, b);
}
Value KernelBuilder::equal(Value a, Value b) {
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::eq, a, b);
}
Value KernelBuilder::select(Value condition, Value a, Value b) {
  return arith::SelectOp::create(*this, condition, a, b);
}
Value KernelBuilder::toI64(Value value) {
  return arith::ExtSIOp::create(*this, getI64Type(), value);
}
Value KernelBuilder::toI32(Value value) {
  return arith::TruncIOp::create(*this, getI32Type(), value);
}

Value KernelBuilder::fadd(Value a, Value b) {
  return arith::AddFOp::create(*this, a, b);
}
Value KernelBuilder::fsub(Value a, Value b) {
  return arith::SubFOp::create(*this, a, b);
}
Value KernelBuilder::fmul(Value a, Value b) {
  return arith::MulFOp::create(*this, a, b);
}
Value KernelBuilder::fdiv(Value a, Value b) {
  return arith::DivFOp::create(*this, a, b);
}
Value KernelBuilder::fma(Value a, Value b, Value c) {
  if (isa<VectorType>(a.getType()))
    return vector::FMAOp::create(*this, a, b, c);
  return LLVM::FMAOp::create(*this, a, b, c);
}
Value KernelBuilder::fmax(Value a, Value b) {
  return arith::MaxNumFOp::create(*this, a, b);
}
Value KernelBuilder::sqrt(Value a) { return LLVM::SqrtOp::create(*this, a); }
Value KernelBuilder::splat(Value scalar) {
  return vector::BroadcastOp::create(*this, lanes(scalar.getType()), scalar);
}
Value KernelBuilder::iota() {
  auto numbers = llvm::to_vector(llvm::seq<int64_t>(0, kLanes));
  return arith::ConstantOp::create(
      *this,
      DenseElementsAttr::get(lanes(getI64Type()), ArrayRef<int64_t>(numbers)));
}
Value KernelBuilder::addPairs(SmallVector<Value> parts) {
  for (; parts.size() > 1; parts.resize(parts.size() / 2))
    for (size_t i = 0; i < parts.size() / 2; ++i)
      parts[i] = fadd(parts[2 * i], parts[2 * i + 1]);
  return parts.front();
}

Value KernelBuilder::sumLanes(Value vector) {
  // Halves are added so that the order is the same on every target, and short.
  for (int64_t half = kLanes / 2; half; half /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t i = 0; i < half; ++i) {
      low.push_back(i);
      high.push_back(i + half);
    }
    Value a = vector::ShuffleOp::create(*this, vector, vector, low);
    Value b = vector::ShuffleOp::create(*this, vector, vector, high);
    vector = fadd(a, b);
  }
  return vector::ExtractOp::create(*this, vector, 0);
}
Value KernelBuilder::maxLanes(Value vector) {
  return vector::ReductionOp::create(*this, vector::CombiningKind::MAXNUMF,
                                     vector);
}

Value KernelBuilder::like(Value x, float value) {
  return isa<VectorType>(x.getType()) ? f32Splat(value) : f32(value);
}

Value KernelBuilder::exp(Value x) {
  // x = n ln 2 + r with |r| <= ln 2 / 2; e^r by its Taylor series to r^6, whose
  // remainder is below 2e-7; 2^n goes into the exponent bits.
  constexpr float kLog2E = 1.44269504088896341f;
  constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
  constexpr float kRound = 12582912.0f; // 1.5 * 2^23: adding it rounds
  auto number = [&](float value) { return like(x, value); };
  Value tooSmall = arith::CmpFOp::create(*this, arith::CmpFPredicate::OLT, x,
                                         number(-87.0f));
  Value clamped =
      arith::MinNumFOp::create(*this, fmax(x, number(-87.0f)), number(88.0f));
  Value shifted = fma(clamped, number(kLog2E), number(kRound));
  Value n = fsub(shifted, number(kRound));
  Value r = fma(n, number(-kLn2High), clamped);
  r = fma(n, number(-kLn2Low), r);
  Value y = number(1.0f / 720);
  for (float c : {1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f})
    y = fma(y, r, number(c));
  Type integers = getI32Type();
  Value shift = i32(23);
  if (isa<VectorType>(x.getType())) {
    integers = lanes(integers);
    shift = splat(shift);
  }
  Value bits = arith::FPToSIOp::create(*this, integers, n);
  bits = arith::ShLIOp::create(*this, bits, shift);
  Value yBits = arith::BitcastOp::create(*this, integers, y);
  Value scaled = arith::BitcastOp::create(*this, x.getType(), add(yBits, bits));
  return select(tooSmall, number(0.0f), scaled);
}

Value KernelBuilder::sigmoid(Value x) {
  Value e = exp(fsub(like(x, 0.0f), x));
  return fdiv(like(x, 1.0f), fadd(like(x, 1.0f), e));
}

Value KernelBuilder::at(Value pointer, Value offset) {
  return LLVM::GEPOp::create(*this, pointer.getType(), getI8Type(), pointer,
                             ValueRange{offset});
}
Value KernelBuilder::at(Value pointer, int64_t offset) {
  if (!offset)
    return pointer;
  return LLVM::GEPOp::create(*this, pointer.getType(), getI8Type(), pointer,
                             ArrayRef<LLVM::GEPArg>{int32_t(offset)});
}
Value KernelBuilder::load(Type type, Value pointer, unsigned align) {
  return LLVM::LoadOp::create(*this, type, pointer, align);
}
void KernelBuilder::store(Value value, Value pointer, unsigned align) {
  LLVM::StoreOp::create(*this, value, pointer, align);
}
Value KernelBuilder::loadIndex(Value array, Value index) {
  return toI64(load(getI32Type(), at(array, mul(index, 4))));
}
void KernelBuilder::storeIndex(Value value, Value array, Value index) {
  store(toI32(value), at(array, mul(index, 4)));
}
Value KernelBuilder::loadF32(Value array, Value index) {
  return load(getF32Type(), at(array, mul(index, 4)));
}
void KernelBuilder::storeF32(Value value, Value array, Value index) {
  store(value, at(array, mul(index, 4)));
}

void KernelBuilder::storeZeros(Value pointer, int64_t bytes) {
  int64_t whole = bytes / (kLanes * 4) * (kLanes * 4);
  Value zeros = f32Splat(0.0f), zero = i32(0);
  if (whole)
    loop(0, whole, kLanes * 4,
         [&](Value offset) { store(zeros, at(pointer, offset)); });
  for (int64_t offset = whole; offset < bytes; offset += 4)
    store(zero, at(pointer, offset));
}

Value KernelBuilder::getStack(int64_t bytes) {
  Operation *function = getBlock()->getParentOp();
  if (!isa<LLVM::LLVMFuncOp>(function))
    function = function->getParentOfType<LLVM::LLVMFuncOp>();
  Block &entry = function->getRegion(0).front();
  for (auto stack : entry.getOps<LLVM::AllocaOp>())
    if (auto size = stack.getArraySize().getDefiningOp<arith::ConstantIntOp>();
        size && size.value() == bytes)
      return stack;
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(&entry);
  return LLVM::AllocaOp::create(*this, ptrType(), getI8Type(), i64(bytes),
                                /*alignment=*/64);
}

void KernelBuilder::loop(Value from, Value to, int64_t step, Body body) {
  auto loop = scf::ForOp::create(*this, from, to, i64(step));
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPoint(loop.getBody()->getTerminator());
  body(loop.getInductionVar());
}

SmallVector<Value> KernelBuilder::loop(Value from, Value to, int64_t step,
                                       ValueRange carried, CarryingBody body) {
  auto loop = scf::ForOp::create(*this, from, to, i64(step), carried);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next =
      body(loop.getInductionVar(), loop.getRegionIterArgs());
  scf::YieldOp::create(*this, next);
  return SmallVector<Value>(loop.getResults());
}

void KernelBuilder::ifThen(Value condition, function_ref<void()> then,
                           function_ref<void()> otherwise) {
  auto op = scf::IfOp::create(*this, condition,
                              /*withElseRegion=*/static_cast<bool>(otherwise));
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPoint(op.thenBlock()->getTerminator());
  then();
  if (otherwise) {
    setInsertionPoint(op.elseBlock()->getTerminator());
    otherwise();
  }
}
