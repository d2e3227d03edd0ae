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
#include "lib/Codegen/CPU/WeightsAhead.h"
#include "lib/Codegen/Formats/Format.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "passes/CPU/OutlinedPhases.h"
#include "passes/CPU/Passes.h"

namespace fpmoe {
#define GEN_PASS_DEF_LOWERPHASES
#include "passes/CPU/Passes.h.inc"
} // namespace fpmoe

using namespace mlir;
using namespace fpmoe;

namespace {

/// Whether tiles of scores have as many rows as they take, of one token or of
/// many, and spans hold whole pages of positions.
template <typename OpTy>
LogicalResult checkTiles(OpTy op, mega::TargetAttr target, int64_t rows) {
  int64_t group = op.getHeads() / op.getKvHeads();
  rows = std::max<int64_t>(
      rows, llvm::divideCeil(group, llvm::divideCeil(group, kTileRows)));
  if (!attendsWithTiles(target, op.getCache()) ||
      (dim(op.getScores(), 0) >= rows &&
       op.getSpan() % FPMOE_PAGE_POSITIONS == 0))
    return success();
  return op->emitOpError("has scores ")
         << op.getScores().getType() << " and spans of " << op.getSpan()
         << ", of which tiles of cpu '" << target.getCpu() << "' take " << rows
         << " rows and " << FPMOE_PAGE_POSITIONS
         << " positions at a time; schedule for the same " << mega::kTargetAttr;
}

/// Whether rows are what the formats of the weights multiply on the target, and
/// whether there is scratch to attend with.
LogicalResult checkOp(mega::TileOpInterface op, mega::TargetAttr target) {
  if (auto qkv = dyn_cast<mega::QkvOp>(*op); qkv && qkv.getPairs())
    return op->emitOpError("takes pairs of vectors, and cpu '")
           << target.getCpu() << "' whole heads; schedule for the same "
           << mega::kTargetAttr;
  auto attention = dyn_cast<mega::AttentionOp>(*op);
  auto attendSpan = dyn_cast<mega::AttendSpanOp>(*op);
  if ((attention && !attention.getScores()) ||
      (attendSpan && !attendSpan.getScores()))
    return op->emitOpError("has no scores, which cpu '")
           << target.getCpu() << "' needs; schedule for the same "
           << mega::kTargetAttr;
  if (attention && failed(checkTiles(attention, target, kTileRows)))
    return failure();
  if (attendSpan && failed(checkTiles(attendSpan, target, 1)))
    return failure();
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

Value emitWorkers(PhaseContext &phase) {
  return phase.b.toI64(
      phase.field(offsetof(FpmoeStep, workers), phase.b.getI32Type()));
}

/// Numbers [first, last) of `total` tiles, for each of so many workers: equal
/// runs, so that every worker reads one stream of weights. The last worker has
/// a single tile.
std::pair<Value, Value> emitRun(PhaseContext &phase, Value total,
                                Value workers) {
  KernelBuilder &b = phase.b;
  auto share = [&](Value w) -> Value {
    return arith::DivUIOp::create(b, b.mul(total, w), workers);
  };
  Value first = share(phase.worker);
  return {first, share(b.add(phase.worker, 1))};
}

/// Asks for weights of the first tiles of a run. The last worker adds up what
/// ranks have, for which the others wait: they have its run, too.
void emitAhead(PhaseContext &phase, mega::PhaseOp op) {
  KernelBuilder &b = phase.b;
  Value others = b.sub(emitWorkers(phase), b.i64(1));
  b.ifThen(b.less(phase.worker, others), [&] {
    WeightsAhead weights(phase, op, [&b](Value from, Value bytes) {
      b.loop(b.i64(0), bytes, kCacheLine, [&](Value place) {
        LLVM::Prefetch::create(b, b.at(from, place), /*rw=*/0, /*hint=*/2,
                               /*cache=*/1);
      });
    });
    auto [first, last] = emitRun(phase, b.i64(weights.getTiles()), others);
    b.loop(first, b.min(b.add(first, weights.getRoom()), last), 1,
           [&](Value tile) { weights.emit(tile); });
  });
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

struct LowerPhasesPass : fpmoe::impl::LowerPhasesBase<LowerPhasesPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    mega::TargetAttr target = mega::getTarget(module);
    if (failed(lowerOutlinedPhases(
            module,
            [&](mega::TileOpInterface op) { return checkOp(op, target); },
            emitPhase)))
      signalPassFailure();
  }

private:
  static void emitPhase(PhaseContext &phase, mega::PhaseOp op) {
    if (op.getAhead())
      return emitAhead(phase, op);
    auto emitOps = [&](Tile tile) {
      for (Operation &tileOp : op.getBody().front())
        mega::visitTileOp(tileOp, [&](auto o) { emit(phase, o, tile); });
    };
    auto function = op->getParentOfType<LLVM::LLVMFuncOp>();
    emitTiles(
        phase, op, emitOps, [&](Value total, KernelBuilder::Body emitNumber) {
          if (phase.maxTokens == 1) {
            auto [first, last] = emitRun(phase, total, emitWorkers(phase));
            return phase.b.loop(first, last, 1, emitNumber);
          }
          emitTickets(phase, function.getArgument(5), total, emitNumber);
        });
  }
};

} // namespace
