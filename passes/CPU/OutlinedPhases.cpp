//===- OutlinedPhases.cpp - What lowering phases takes --------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/OutlinedPhases.h"

using namespace mlir;
using namespace fpmoe;

using CheckTileOp = function_ref<LogicalResult(mega::TileOpInterface)>;

static LogicalResult checkOp(Operation *op, SymbolTable &symbols,
                             CheckTileOp check) {
  if (auto phase = dyn_cast<mega::PhaseOp>(op)) {
    auto function = phase->getParentOfType<LLVM::LLVMFuncOp>();
    if (!function || !function->hasAttr("mega.rows"))
      return phase.emitOpError("stands in no function of its own; run "
                               "mega-outline-phases first");
    for (auto tile : phase.getBody().getOps<mega::TileOpInterface>())
      if (failed(check(tile)))
        return failure();
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
  return success();
}

/// Emits the code of a phase, which its function then consists of.
static void lowerPhase(mega::PhaseOp op, SymbolTable &symbols,
                       function_ref<void(PhaseContext &, mega::PhaseOp)> emit) {
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
  emit(phase, op);
  op.erase();
  function->removeAttr("mega.max_tokens");
  function->removeAttr("mega.rows");
}

LogicalResult fpmoe::lowerOutlinedPhases(
    ModuleOp module, CheckTileOp check,
    function_ref<void(PhaseContext &, mega::PhaseOp)> emit) {
  SymbolTable symbols(module);
  SmallVector<mega::PhaseOp> phases;
  WalkResult walk = module.walk([&](Operation *op) -> WalkResult {
    if (auto phase = dyn_cast<mega::PhaseOp>(op))
      phases.push_back(phase);
    return checkOp(op, symbols, check);
  });
  if (walk.wasInterrupted())
    return failure();
  for (mega::PhaseOp phase : phases)
    lowerPhase(phase, symbols, emit);
  module.walk([](Operation *op) {
    if (isa<mega::BufferOp, mega::InputOp, mega::WeightOp>(op) &&
        op->use_empty())
      op->erase();
  });
  for (auto weight : llvm::make_early_inc_range(module.getOps<WeightOp>()))
    weight.erase();
  module->removeAttr(kModelAttr);
  return success();
}

void fpmoe::emitTiles(
    PhaseContext &phase, mega::PhaseOp op, function_ref<void(Tile)> emitOps,
    function_ref<void(Value total, KernelBuilder::Body emitNumber)> deal) {
  KernelBuilder &b = phase.b;
  if (!op.getTiles())
    return emitOps({});
  SmallVector<Value> sizes;
  Value total = b.i64(1);
  ArrayAttr tiles = *op.getTiles();
  for (Attribute size : tiles) {
    sizes.push_back(emitTileCount(phase, size, op.getBody().front().front()));
    total = b.mul(total, sizes.back());
  }
  deal(total, [&](Value number) {
    SmallVector<Value> tile(sizes.size());
    for (size_t i = sizes.size(); i-- > 1;) {
      tile[i] = arith::RemUIOp::create(b, number, sizes[i]);
      number = arith::DivUIOp::create(b, number, sizes[i]);
    }
    tile[0] = number;
    emitOps(tile);
  });
}
