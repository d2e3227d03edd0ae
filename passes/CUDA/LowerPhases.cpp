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
#include "lib/Codegen/Formats/Format.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/SymbolTable.h"
#include "passes/CUDA/Passes.h"

namespace fpmoe {
#define GEN_PASS_DEF_LOWERPHASESTOBLOCKS
#include "passes/CUDA/Passes.h.inc"
} // namespace fpmoe

using namespace mlir;
using namespace fpmoe;
using cuda::BlockContext;

namespace {

/// Whether threads multiply rows like these: of f32, or of groups of integers,
/// so many at a time as their registers hold sums of.
LogicalResult checkProduct(mega::TileOpInterface op) {
  mega::TileProduct product = op.getProduct();
  if (!product.rows)
    return success();
  auto type = cast<MemRefType>(product.rows.getType());
  for (Value weight : product.weights) {
    const Format &format =
        getFormat(cast<ShapedType>(weight.getType()).getElementType());
    bool fits = format.takesIntegers()
                    ? type.getElementType().isInteger(8)
                    : type.getElementType().isF32() && type.getDimSize(3) == 1;
    if (!fits)
      return op->emitOpError("multiplies rows of ")
             << type << ", which blocks of threads do not; schedule for 'cuda'";
  }
  if (type.getDimSize(2) > cuda::kMostRows)
    return op->emitOpError("multiplies ")
           << type.getDimSize(2) << " rows at a time; blocks of threads do "
           << cuda::kMostRows << " at most; schedule for 'cuda'";
  return success();
}

/// Emits the code of a phase in the place where it stands.
void lowerPhase(mega::PhaseOp op, SymbolTable &symbols) {
  auto function = op->getParentOfType<LLVM::LLVMFuncOp>();
  auto bound = [&](StringRef name) {
    return function->getAttrOfType<IntegerAttr>(name).getInt();
  };
  KernelBuilder b(op.getLoc(), mega::getTarget(op));
  b.setInsertionPoint(op);
  PhaseContext phase{b,
                     symbols,
                     bound("mega.max_tokens"),
                     bound("mega.rows"),
                     function.getArgument(0),
                     function.getArgument(1),
                     function.getArgument(2),
                     function.getArgument(3),
                     function.getArgument(4),
                     Value()};
  phase.count = phase.i64Field(offsetof(FpmoeStep, count));
  BlockContext block(phase);
  auto emitOps = [&](Tile tile) {
    for (Operation &tileOp : op.getBody().front()) {
      mega::visitTileOp(tileOp, [&](auto op) { cuda::emit(block, op, tile); });
      block.sync();
    }
  };
  if (!op.getTiles())
    return emitOps({});
  SmallVector<Value> sizes;
  Value total = b.i64(1);
  ArrayAttr tiles = *op.getTiles();
  for (Attribute size : tiles) {
    sizes.push_back(emitTileCount(block, size, op.getBody().front().front()));
    total = b.mul(total, sizes.back());
  }
  Value workers =
      b.toI64(phase.field(offsetof(FpmoeStep, workers), b.getI32Type()));
  auto loop = scf::ForOp::create(b, phase.worker, total, workers);
  b.setInsertionPoint(loop.getBody()->getTerminator());
  Value number = loop.getInductionVar();
  SmallVector<Value> tile(sizes.size());
  for (size_t i = sizes.size(); i-- > 1;) {
    tile[i] = arith::RemUIOp::create(b, number, sizes[i]);
    number = arith::DivUIOp::create(b, number, sizes[i]);
  }
  tile[0] = number;
  emitOps(tile);
}

struct LowerPhasesToBlocksPass
    : fpmoe::impl::LowerPhasesToBlocksBase<LowerPhasesToBlocksPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    SmallVector<mega::PhaseOp> phases;
    WalkResult walk = module.walk([&](Operation *op) -> WalkResult {
      if (auto phase = dyn_cast<mega::PhaseOp>(op)) {
        auto function = phase->getParentOfType<LLVM::LLVMFuncOp>();
        if (!function || !function->hasAttr("mega.rows"))
          return phase.emitOpError("stands in no function of its own; run "
                                   "mega-outline-phases first");
        for (auto tile : phase.getBody().getOps<mega::TileOpInterface>())
          if (failed(checkProduct(tile)))
            return WalkResult::interrupt();
        phases.push_back(phase);
      }
      if (auto buffer = dyn_cast<mega::BufferOp>(op))
        if (bool isScratch = buffer.getSpace() == mega::BufferSpace::Shared ||
                             buffer.getSpace() == mega::BufferSpace::Private;
            isScratch && !buffer.getOffset())
          return buffer.emitOpError("has no place; run mega-assign-buffers "
                                    "first");
      if (auto use = dyn_cast<mega::WeightOp>(op))
        if (auto weight = symbols.lookup<WeightOp>(use.getWeight());
            !weight || !weight.getOffset())
          return use.emitOpError("has no place; run fpmoe-assign-places first");
      return WalkResult::advance();
    });
    if (walk.wasInterrupted())
      return signalPassFailure();
    if (!phases.empty())
      addSharedMemory(module);
    for (mega::PhaseOp phase : phases) {
      auto function = phase->getParentOfType<LLVM::LLVMFuncOp>();
      lowerPhase(phase, symbols);
      phase.erase();
      function->removeAttr("mega.max_tokens");
      function->removeAttr("mega.rows");
    }
    module.walk([](Operation *op) {
      if (isa<mega::BufferOp, mega::InputOp, mega::WeightOp>(op) &&
          op->use_empty())
        op->erase();
    });
    for (auto weight : llvm::make_early_inc_range(module.getOps<WeightOp>()))
      weight.erase();
    module->removeAttr(kModelAttr);
  }

private:
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
