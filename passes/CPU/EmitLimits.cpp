//===- EmitLimits.cpp - Functions that measure the machine ----------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/Limits.h"
#include "passes/CPU/Passes.h"
#include "llvm/ADT/MapVector.h"

namespace fpmoe {
#define GEN_PASS_DEF_EMITLIMITS
#include "passes/CPU/Passes.h.inc"
} // namespace fpmoe

using namespace mlir;
using namespace fpmoe;

namespace {

/// The format in which the most is stored.
const Format &getMainFormat(ModuleOp module) {
  llvm::MapVector<Type, int64_t> bytes;
  for (auto weight : module.getOps<WeightOp>())
    if (weight.getTensorType().getEncoding())
      bytes[weight.getTensorType().getElementType()] +=
          weight.getInstanceBytes() * weight.getNumInstances();
  Type main = Float32Type::get(module.getContext());
  int64_t most = 0;
  for (auto [type, count] : bytes)
    if (count > most) {
      main = type;
      most = count;
    }
  return getFormat(main);
}

struct EmitLimitsPass : fpmoe::impl::EmitLimitsBase<EmitLimitsPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    KernelBuilder b(module.getLoc(), mega::getTarget(module));
    auto emit = [&](StringRef name, ArrayRef<Type> inputs,
                    function_ref<Value(Block *)> body) {
      b.setInsertionPointToEnd(module.getBody());
      auto function = LLVM::LLVMFuncOp::create(
          b, name, LLVM::LLVMFunctionType::get(b.getI64Type(), inputs));
      b.setInsertionPointToStart(function.addEntryBlock(b));
      LLVM::ReturnOp::create(b, body(&function.getBody().front()));
    };
    emit("fpmoe_dot_peak", {b.getI64Type()}, [&](Block *entry) {
      return emitDotPeak(b, getMainFormat(module), entry->getArgument(0));
    });
    emit("fpmoe_read_peak", {b.ptrType(), b.getI64Type()}, [&](Block *entry) {
      return emitReadPeak(b, entry->getArgument(0), entry->getArgument(1));
    });
  }
};

} // namespace
