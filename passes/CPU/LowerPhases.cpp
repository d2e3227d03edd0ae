//===- LowerPhases.cpp - The code of phases -------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Each phase becomes a loop over the tiles of a worker. What a tile does is
// emitted by lib/Codegen/CPU.
//===----------------------------------------------------------------------===//

#include "dialects/Mega/TileOpVisitor.h"
#include "lib/Codegen/CPU/Attention.h"
#include "lib/Codegen/CPU/GroupTable.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "passes/CPU/Passes.h"

namespace fpmoe {
#define GEN_PASS_DEF_LOWERPHASES
#include "passes/CPU/Passes.h.inc"
} // namespace fpmoe

using namespace mlir;
using namespace fpmoe;

namespace {

/// Whether rows are what the formats of the weights multiply on the target.
LogicalResult checkProduct(mega::TileOpInterface op, mega::TargetAttr target) {
  mega::TileProduct product = op.getProduct();
  for (Value weight : product.weights) {
    const Format &format =
        getFormat(cast<ShapedType>(weight.getType()).getElementType());
    auto type = cast<MemRefType>(product.rows.getType());
    bool fits = type.getElementType() == format.getOperandElement(target) &&
                type.getDimSize(3) == format.getOperandExtent(target);
    if (format.takesRowMajor(target))
      fits &= type == mega::getRowMajorType(type);
    if (format.usesTiles(target))
      fits &= type.getDimSize(2) == 1 || type.getDimSize(2) % 16 == 0;
    if (!fits)
      return op->emitOpError("multiplies ")
             << type << " by " << weight.getType() << ", which cpu '"
             << target.getCpu() << "' does not; schedule for the same "
             << mega::kTargetAttr;
  }
  return success();
}

/// Numbers [first, last) of `total` tiles: equal runs, so that every worker
/// reads one stream of weights.
void emitRuns(PhaseContext &phase, Value total, KernelBuilder::Body emit) {
  KernelBuilder &b = phase.b;
  Value workers =
      b.toI64(phase.field(offsetof(FpmoeStep, workers), b.getI32Type()));
  auto share = [&](Value w) -> Value {
    return arith::DivUIOp::create(b, b.mul(total, w), workers);
  };
  Value first = share(phase.worker);
  Value last = share(b.add(phase.worker, 1));
  b.loop(first, last, 1, emit);
}

/// Tiles by tickets: who is done takes the next one.
void emitTickets(PhaseContext &phase, Value ticket, Value total,
                 KernelBuilder::Body emit) {
  KernelBuilder &b = phase.b;
  Type i64 = b.getI64Type();
  auto draw = [&]() -> Value {
    return LLVM::AtomicRMWOp::create(b, LLVM::AtomicBinOp::add, ticket,
                                     b.i64(1), LLVM::AtomicOrdering::monotonic);
  };
  auto loop = scf::WhileOp::create(b, TypeRange{i64}, ValueRange{draw()});
  Block *before = b.createBlock(&loop.getBefore(), {}, {i64}, {b.getLoc()});
  Value more = b.less(before->getArgument(0), total);
  scf::ConditionOp::create(b, more, before->getArguments());
  Block *after = b.createBlock(&loop.getAfter(), {}, {i64}, {b.getLoc()});
  emit(after->getArgument(0));
  scf::YieldOp::create(b, ValueRange{draw()});
  b.setInsertionPointAfter(loop);
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
  auto emitOps = [&](ArrayRef<Value> tile) {
    for (Operation &tileOp : op.getBody().front())
      mega::visitTileOp(tileOp, [&](auto o) { emit(phase, o, tile); });
  };
  if (!op.getTiles())
    return emitOps({});
  SmallVector<Value> sizes;
  Value total = b.i64(1);
  ArrayAttr tiles = *op.getTiles();
  for (Attribute size : tiles) {
    sizes.push_back(emitTileCount(phase, size, op.getBody().front().front()));
    total = b.mul(total, sizes.back());
  }
  auto emitNumber = [&](Value number) {
    SmallVector<Value> tile(sizes.size());
    for (size_t i = sizes.size(); i-- > 1;) {
      tile[i] = arith::RemUIOp::create(b, number, sizes[i]);
      number = arith::DivUIOp::create(b, number, sizes[i]);
    }
    tile[0] = number;
    emitOps(tile);
  };
  if (phase.maxTokens == 1)
    emitRuns(phase, total, emitNumber);
  else
    emitTickets(phase, function.getArgument(5), total, emitNumber);
}

struct LowerPhasesPass : fpmoe::impl::LowerPhasesBase<LowerPhasesPass> {
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
          if (failed(checkProduct(tile, mega::getTarget(module))))
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
};

} // namespace
