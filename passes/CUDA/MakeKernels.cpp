//===- MakeKernels.cpp - Persistent kernels of programs -------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// All blocks of a grid are resident, so they can wait for each other.
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CUDA/Block.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "passes/CUDA/Passes.h"

namespace fpmoe {
#define GEN_PASS_DEF_MAKEKERNELS
#include "passes/CUDA/Passes.h.inc"
} // namespace fpmoe

using namespace mlir;
using namespace fpmoe;

namespace {

constexpr StringLiteral kBarrier = "fpmoe_barrier", kDevice = "device";
constexpr int64_t kMostNanoseconds = 10'000'000'000;

struct MakeKernelsPass : fpmoe::impl::MakeKernelsBase<MakeKernelsPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto barrier = module.lookupSymbol<LLVM::LLVMFuncOp>(kBarrier);
    if (!barrier) {
      module.emitError("has no '@fpmoe_barrier'; run mega-outline-phases "
                       "first");
      return signalPassFailure();
    }
    if (!barrier.isExternal()) {
      module.emitError("has kernels already");
      return signalPassFailure();
    }
    module->setAttr(LLVM::LLVMDialect::getTargetTripleAttrName(),
                    StringAttr::get(&getContext(), "nvptx64-nvidia-cuda"));
    // Calls of the barrier give it the team, which is the grid here, and the
    // worker; it finds its counter by the step.
    module.walk([&](LLVM::CallOp call) {
      if (call.getCallee() != kBarrier)
        return;
      auto function = call->getParentOfType<LLVM::LLVMFuncOp>();
      OpBuilder b(call);
      LLVM::CallOp::create(b, call.getLoc(), TypeRange(), kBarrier,
                           ValueRange{function.getArgument(0)});
      call.erase();
    });
    for (auto function :
         llvm::make_early_inc_range(module.getOps<LLVM::LLVMFuncOp>()))
      if (!function.isExternal() &&
          function.getLinkage() == LLVM::Linkage::External)
        makeKernel(function);
    defineBarrier(barrier);
    // Threads meet in all of them: no pass may make them go separate ways.
    for (auto function : module.getOps<LLVM::LLVMFuncOp>())
      function.setConvergent(true);
  }

private:
  /// The program's function, and a kernel of its name that calls it.
  void makeKernel(LLVM::LLVMFuncOp function) {
    std::string name = function.getSymName().str();
    function.setSymName(name + "_" + kDevice.str());
    function.setLinkage(LLVM::Linkage::Internal);
    KernelBuilder b(function.getLoc(), mega::getTarget(function));
    b.setInsertionPointAfter(function);
    auto kernel = LLVM::LLVMFuncOp::create(
        b, name,
        LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(&getContext()),
                                    {b.ptrType()}));
    kernel->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(),
                    b.getUnitAttr());
    kernel->setAttr(
        NVVM::NVVMDialect::getReqntidAttrName(),
        b.getDenseI32ArrayAttr({static_cast<int32_t>(cuda::kThreads)}));
    // A multiprocessor has one block, which may use all registers.
    kernel->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                    b.getI32IntegerAttr(1));
    b.setInsertionPointToStart(kernel.addEntryBlock(b));
    Value worker = NVVM::BlockIdXOp::create(b, b.getI32Type());
    auto shared = LLVM::LLVMPointerType::get(
        &getContext(), static_cast<unsigned>(NVVM::NVVMMemorySpace::Shared));
    Value scratch = LLVM::AddrSpaceCastOp::create(
        b, b.ptrType(),
        LLVM::AddressOfOp::create(b, shared, cuda::kPrivateSymbol));
    LLVM::CallOp::create(
        b, TypeRange(), function.getSymName(),
        ValueRange{kernel.getArgument(0),
                   arith::ExtUIOp::create(b, b.getI64Type(), worker), scratch});
    LLVM::ReturnOp::create(b, ValueRange());
  }

  /// Blocks count themselves in; the first that has not come yet keeps all
  /// others. What each wrote before is released with its count, and acquired
  /// with the sight of the last one.
  void defineBarrier(LLVM::LLVMFuncOp barrier) {
    KernelBuilder b(barrier.getLoc(), mega::getTarget(barrier));
    barrier.setFunctionType(LLVM::LLVMFunctionType::get(
        LLVM::LLVMVoidType::get(&getContext()), {b.ptrType()}));
    barrier.setLinkage(LLVM::Linkage::Internal);
    b.setInsertionPointToStart(barrier.addEntryBlock(b));
    Value step = barrier.getArgument(0);
    auto sync = [&] {
      NVVM::BarrierOp::create(b, /*res=*/TypeRange(), Value(), Value(),
                              NVVM::BarrierReductionAttr(), Value());
    };
    sync();
    Value thread = NVVM::ThreadIdXOp::create(b, b.getI32Type());
    b.ifThen(b.equal(thread, b.i32(0)), [&] {
      auto global = LLVM::LLVMPointerType::get(
          &getContext(), static_cast<unsigned>(NVVM::NVVMMemorySpace::Global));
      Value counter = LLVM::AddrSpaceCastOp::create(
          b, global,
          b.load(b.ptrType(), b.at(step, offsetof(FpmoeStep, tickets)), 8));
      Value workers =
          b.load(b.getI32Type(), b.at(step, offsetof(FpmoeStep, workers)));
      // LLVM drops the ordering of the addition.
      LLVM::FenceOp::create(b, LLVM::AtomicOrdering::acq_rel, kDevice);
      Value before = LLVM::AtomicRMWOp::create(
          b, LLVM::AtomicBinOp::add, counter, b.i32(1),
          LLVM::AtomicOrdering::monotonic, kDevice);
      Value turn = b.add(arith::DivUIOp::create(b, before, workers), b.i32(1));
      waitFor(b, step, counter, b.mul(turn, workers));
    });
    sync();
    LLVM::ReturnOp::create(b, ValueRange());
  }

  /// Until the counter is at `all`.
  void waitFor(KernelBuilder &b, Value step, Value counter, Value all) {
    auto now = [&]() -> Value {
      return NVVM::GlobalTimerOp::create(b, b.getI64Type());
    };
    // The host ends a wait for other ranks.
    Value reduce =
        b.load(b.ptrType(), b.at(step, offsetof(FpmoeStep, reduce)), 8);
    Value most =
        b.select(isNull(b, reduce), b.i64(kMostNanoseconds), b.i64(INT64_MAX));
    Value begin = now();
    auto loop = scf::WhileOp::create(b, TypeRange(), ValueRange());
    b.createBlock(&loop.getBefore());
    Value seen = LLVM::LoadOp::create(
        b, b.getI32Type(), counter, /*alignment=*/4, /*isVolatile=*/false,
        /*isNonTemporal=*/false, /*isInvariant=*/false,
        /*isInvariantGroup=*/false, LLVM::AtomicOrdering::acquire, kDevice);
    Value missing =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ult, seen, all);
    scf::ConditionOp::create(b, missing, ValueRange());
    b.createBlock(&loop.getAfter());
    Value waited = b.sub(now(), begin);
    b.ifThen(b.less(most, waited), [&] { LLVM::Trap::create(b); });
    scf::YieldOp::create(b, ValueRange());
    b.setInsertionPointAfter(loop);
  }
};

} // namespace
