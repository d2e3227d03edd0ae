//===- LowerPhases.cpp - The code of phases for blocks of threads ---------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// What holds for one block holds for any number of them: which tiles a block
// does changes nothing of what they give.
//===----------------------------------------------------------------------===//

#include "dialects/Mega/TileOpVisitor.h"
#include "lib/Codegen/CUDA/Emit.h"
#include "lib/Codegen/CUDA/Product.h"
#include "lib/Codegen/CUDA/WeightsAhead.h"
#include "lib/Codegen/Formats/Format.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "passes/CPU/OutlinedPhases.h"
#include "passes/CUDA/Passes.h"

namespace fpmoe {
#define GEN_PASS_DEF_LOWERPHASESTOBLOCKS
#include "passes/CUDA/Passes.h.inc"
} // namespace fpmoe

using namespace mlir;
using namespace fpmoe;
using cuda::BlockContext;

namespace {

/// Whether threads multiply rows like these: of f32, of pairs of bf16, or of
/// groups of integers, so many at a time as there is code for; and attend to
/// whole pages.
LogicalResult checkOp(mega::TileOpInterface op) {
  int64_t threads = mega::getTarget(op).getThreads();
  if (threads != 1 && threads != cuda::kThreads)
    return op->emitOpError("is for workers of ")
           << threads << " threads; blocks have " << cuda::kThreads
           << "; schedule for 'cuda'";
  auto attention = dyn_cast<mega::AttentionOp>(*op);
  auto attendSpan = dyn_cast<mega::AttendSpanOp>(*op);
  int64_t span = attention    ? attention.getSpan()
                 : attendSpan ? attendSpan.getSpan()
                              : 0;
  if (span % FPMOE_PAGE_POSITIONS)
    return op->emitOpError("has spans of ")
           << span << " positions; blocks of threads take whole pages, of "
           << FPMOE_PAGE_POSITIONS << "; schedule for 'cuda'";
  mega::TileProduct product = op.getProduct();
  if (!product.rows)
    return success();
  auto type = cast<MemRefType>(product.rows.getType());
  for (Value weight : product.weights) {
    Type element = cast<ShapedType>(weight.getType()).getElementType();
    Type made = type.getElementType();
    bool fits = getFormat(element).takesIntegers() ? made.isInteger(8)
                : element.isBF16() ? made.isBF16() && type.getDimSize(3) == 2
                                   : made.isF32() && type.getDimSize(3) == 1;
    if (!fits)
      return op->emitOpError("multiplies rows of ")
             << type << ", which blocks of threads do not; schedule for 'cuda'";
  }
  int64_t rows = type.getDimSize(2);
  if (rows > cuda::kFewRows && rows != cuda::kMostRows)
    return op->emitOpError("multiplies ")
           << rows << " rows at a time; blocks of threads do " << cuda::kFewRows
           << " at most, or " << cuda::kMostRows << "; schedule for 'cuda'";
  return success();
}

struct LowerPhasesToBlocksPass
    : fpmoe::impl::LowerPhasesToBlocksBase<LowerPhasesToBlocksPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    // A module that has been lowered has it already.
    if (module.walk([](mega::PhaseOp) { return WalkResult::interrupt(); })
            .wasInterrupted())
      addSharedMemory(module);
    if (failed(lowerOutlinedPhases(module, checkOp, emitPhase)))
      signalPassFailure();
  }

private:
  static void emitPhase(PhaseContext &phase, mega::PhaseOp op) {
    BlockContext block(phase);
    std::optional<cuda::WeightsAhead> weights;
    if (phase.maxTokens == 1 && op.readsWeights())
      weights.emplace(block, op);
    if (op.getAhead())
      return weights->emitFirst();
    auto emitOps = [&](Tile tile) {
      if (weights)
        weights->emitBehind(tile[0]);
      for (Operation &tileOp : op.getBody().front()) {
        mega::visitTileOp(tileOp,
                          [&](auto op) { cuda::emit(block, op, tile); });
        block.sync();
      }
    };
    emitTiles(block, op, emitOps,
              [&](Value total, KernelBuilder::Body emitNumber) {
                KernelBuilder &b = block.b;
                Value workers = b.toI64(
                    block.field(offsetof(FpmoeStep, workers), b.getI32Type()));
                auto loop = scf::ForOp::create(b, block.worker, total, workers);
                b.setInsertionPoint(loop.getBody()->getTerminator());
                emitNumber(loop.getInductionVar());
                b.setInsertionPointAfter(loop);
              });
  }

  /// Scratch of kernels, and what the launch gives a block.
  static void addSharedMemory(ModuleOp module) {
    OpBuilder b(module.getBodyRegion());
    auto space = static_cast<unsigned>(NVVM::NVVMMemorySpace::Shared);
    auto add = [&](StringRef name, int64_t floats, LLVM::Linkage linkage) {
      auto type = LLVM::LLVMArrayType::get(b.getF32Type(), floats);
      auto global = LLVM::GlobalOp::create(
          b, module.getLoc(), type, /*isConstant=*/false, linkage, name,
          Attribute(), /*alignment=*/64, space);
      if (linkage == LLVM::Linkage::External)
        return;
      OpBuilder::InsertionGuard guard(b);
      b.createBlock(&global.getInitializerRegion());
      LLVM::ReturnOp::create(
          b, module.getLoc(),
          ValueRange(LLVM::UndefOp::create(b, module.getLoc(), type)));
    };
    add(cuda::kPrivateSymbol, 0, LLVM::Linkage::External);
    add(cuda::kScratchSymbol, cuda::kScratchFloats, LLVM::Linkage::Internal);
  }
};

} // namespace
