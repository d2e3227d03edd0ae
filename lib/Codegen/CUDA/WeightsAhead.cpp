//===- WeightsAhead.cpp - Weights of a block's tiles to come --------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CUDA/WeightsAhead.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace fpmoe;

/// What a request brings at least: a sector of a line of the cache.
constexpr int64_t kSectorBytes = 32;

static void emitRequest(cuda::BlockContext &block, Value from, Value bytes) {
  KernelBuilder &b = block.b;
  auto type = LLVM::LLVMPointerType::get(
      b.getContext(), static_cast<unsigned>(NVVM::NVVMMemorySpace::Global));
  Value global = LLVM::AddrSpaceCastOp::create(b, type, from);
  b.loop(b.mul(block.thread, kSectorBytes), bytes,
         cuda::kThreads * kSectorBytes, [&](Value place) {
           // LLVM has the intrinsic from sm_90 on alone, PTX the instruction.
           LLVM::InlineAsmOp::create(
               b, /*res=*/TypeRange(), ValueRange{b.at(global, place)},
               "prefetch.global.L2 [$0];", "l", /*has_side_effects=*/true,
               /*is_align_stack=*/false, LLVM::TailCallKind::None,
               LLVM::AsmDialectAttr(), ArrayAttr());
         });
}

cuda::WeightsAhead::WeightsAhead(BlockContext &block, mega::PhaseOp phase)
    : fpmoe::WeightsAhead(block, phase,
                          [&block](Value from, Value bytes) {
                            emitRequest(block, from, bytes);
                          }),
      block(block), b(block.b),
      workers(
          b.toI64(block.field(offsetof(FpmoeStep, workers), b.getI32Type()))),
      distance(b.mul(getRoom(), workers)) {}

void cuda::WeightsAhead::emitFirst() {
  Value end = b.min(b.add(block.worker, distance), b.i64(getTiles()));
  auto loop = scf::ForOp::create(b, block.worker, end, workers);
  b.setInsertionPoint(loop.getBody()->getTerminator());
  emit(loop.getInductionVar());
  b.setInsertionPointAfter(loop);
}

void cuda::WeightsAhead::emitBehind(Value tile) {
  Value next = b.add(tile, distance);
  b.ifThen(b.less(next, b.i64(getTiles())), [&] { emit(next); });
}
