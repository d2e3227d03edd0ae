//===- KernelBuilder.h - Builds kernels at the vector level -----*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// An op builder with short names for what kernels are made of: integers, raw
// memory, vectors of 16 lanes, and structured loops. Control flow is scf,
// arithmetic is arith and vector, memory is accessed through LLVM pointers,
// because buffers and weights are places in a few large blocks.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CODEGEN_COMMON_KERNELBUILDER_H
#define FPMOE_LIB_CODEGEN_COMMON_KERNELBUILDER_H

#include "dialects/Mega/Mega.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace fpmoe {

/// Lanes of every vector.
constexpr int64_t kLanes = mega::kVectorColumns;

class KernelBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using Value = mlir::Value;

  KernelBuilder(mlir::Location loc, mega::TargetAttr target)
      : ImplicitLocOpBuilder(loc, target.getContext()), target(target) {}

  const mega::TargetAttr target;

  mlir::Type ptrType() {
    return mlir::LLVM::LLVMPointerType::get(getContext());
  }
  mlir::VectorType lanes(mlir::Type element) {
    return mlir::VectorType::get({kLanes}, element);
  }
  mlir::VectorType f32Lanes() { return lanes(getF32Type()); }

  // Constants and integers (i64 unless a name says otherwise).
  Value i64(int64_t value);
  Value i32(int32_t value);
  Value f32(float value);
  Value f32Splat(float value);
  Value add(Value a, Value b);
  Value add(Value a, int64_t b) { return b ? add(a, i64(b)) : a; }
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  Value mul(Value a, int64_t b) { return b == 1 ? a : mul(a, i64(b)); }
  Value div(Value a, int64_t b); ///< unsigned
  Value rem(Value a, int64_t b); ///< unsigned
  Value ceilDiv(Value a, int64_t b) { return div(add(a, b - 1), b); }
  Value min(Value a, Value b);
  Value max(Value a, Value b);
  Value less(Value a, Value b); ///< signed
  Value equal(Value a, Value b);
  Value select(Value condition, Value a, Value b);
  Value toI64(Value i32Value); ///< sign-extends
  Value toI32(Value i64Value);

  // f32, scalars or vectors.
  Value fadd(Value a, Value b);
  Value fsub(Value a, Value b);
  Value fmul(Value a, Value b);
  Value fdiv(Value a, Value b);
  Value fma(Value a, Value b, Value c);
  Value fmax(Value a, Value b);
  Value sqrt(Value a);
  Value splat(Value scalar); ///< to 16 lanes
  /// Lanes 0, 1, .. as i64.
  Value iota();
  Value sumLanes(Value vector);
  /// Neighbours are added first, then pairs of them, and so on; of a power of
  /// two.
  Value addPairs(llvm::SmallVector<Value> parts);
  Value maxLanes(Value vector);
  /// A constant of the type of x: f32, or 16 lanes of it.
  Value like(Value x, float value);
  /// e^x of f32 or of 16 lanes, to 2 ulp; 0 below -87.
  Value exp(Value x);
  /// 1 / (1 + e^-x) of f32 or of 16 lanes.
  Value sigmoid(Value x);

  // Memory. Offsets are in bytes.
  Value at(Value pointer, Value offset);
  Value at(Value pointer, int64_t offset);
  Value load(mlir::Type type, Value pointer, unsigned align = 4);
  void store(Value value, Value pointer, unsigned align = 4);
  /// 16 f32 from anywhere.
  Value loadLanes(Value pointer) { return load(f32Lanes(), pointer); }
  /// Element `index` of an array of i32, as i64.
  Value loadIndex(Value array, Value index);
  void storeIndex(Value value, Value array, Value index);
  Value loadF32(Value array, Value index);
  void storeF32(Value value, Value array, Value index);
  /// `bytes` bytes of zeros; a multiple of 4.
  void storeZeros(Value pointer, int64_t bytes);
  /// Memory of the function that is emitted, aligned to 64 bytes; the same for
  /// all who ask for so many bytes.
  Value getStack(int64_t bytes);

  // Structured control flow over i64.
  using Body = llvm::function_ref<void(Value)>;
  using CarryingBody =
      llvm::function_ref<llvm::SmallVector<Value>(Value, mlir::ValueRange)>;
  void loop(Value from, Value to, int64_t step, Body body);
  /// From the first to the last of a known number of places.
  void loop(int64_t from, int64_t to, int64_t step, Body body) {
    loop(i64(from), i64(to), step, body);
  }
  llvm::SmallVector<Value> loop(Value from, Value to, int64_t step,
                                mlir::ValueRange carried, CarryingBody body);
  void ifThen(Value condition, llvm::function_ref<void()> then,
              llvm::function_ref<void()> otherwise = nullptr);
};

} // namespace fpmoe

#endif
