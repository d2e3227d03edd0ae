//===- MegaToVector.cpp - Emits the functions of all programs -------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// One function a phase, and one a program that calls them. What tiles do is
// emitted by lib/Kernels.
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Groups.h"
#include "lib/Kernels/Limits.h"
#include "lib/Kernels/ProgramLayout.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "passes/CPU/Passes.h"
#include "llvm/ADT/TypeSwitch.h"

namespace fpmoe {
#define GEN_PASS_DEF_MEGATOVECTOR
#include "passes/CPU/Passes.h.inc"
} // namespace fpmoe

using namespace mlir;
using namespace fpmoe;

namespace {

constexpr StringLiteral kBarrier = "fpmoe_barrier";

class ProgramEmitter {
public:
  ProgramEmitter(mega::ProgramOp program, const ProgramInfo &shared,
                 const KernelBuilder::Products &products)
      : program(program), layout(program), info(shared),
        b(program.getLoc(), program->getContext(), products) {
    info.maxTokens = program.getMaxTokens();
    info.rows = program.getRows();
    info.bufferOffsets = layout.offsets;
  }

  LogicalResult emit();

private:
  LLVM::LLVMFuncOp beginFunction(const Twine &name, ArrayRef<Type> inputs);
  LogicalResult emitBlock(Block &block, Value ordinal, Value layer,
                          const Twine &prefix, Value firstTicket);
  LogicalResult emitLayers(mega::LayersOp layers);
  LogicalResult emitPhase(mega::PhaseOp phase, const Twine &name);
  void emitTile(PhaseContext &phase, Operation &op, ArrayRef<Value> tile);
  Value tileCount(PhaseContext &phase, Attribute size, Operation &firstOp);
  void callBarrier();

  mega::ProgramOp program;
  ProgramLayout layout;
  ProgramInfo info;
  KernelBuilder b;
  Value step, worker, scratch; ///< of the program's function
};

LLVM::LLVMFuncOp ProgramEmitter::beginFunction(const Twine &name,
                                               ArrayRef<Type> inputs) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(program);
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(b.getContext()), inputs);
  auto function = LLVM::LLVMFuncOp::create(b, name.str(), type);
  function.addEntryBlock(b);
  return function;
}

LogicalResult ProgramEmitter::emit() {
  WalkResult places = program.walk([&](mega::WeightOp use) -> WalkResult {
    if (info.weights.lookup(use.getWeightAttr().getAttr()).getOffset())
      return WalkResult::advance();
    return use.emitOpError("has no place; run fpmoe-assign-places first");
  });
  if (places.wasInterrupted())
    return failure();
  auto function = beginFunction("fpmoe_" + program.getSymName(),
                                {b.ptrType(), b.getI64Type(), b.ptrType()});
  Block *entry = &function.getBody().front();
  b.setInsertionPointToStart(entry);
  step = entry->getArgument(0);
  worker = entry->getArgument(1);
  scratch = entry->getArgument(2);
  if (failed(emitBlock(program.getBody().front(), b.i64(0), b.i64(0),
                       program.getSymName(), b.i64(0))))
    return failure();
  LLVM::ReturnOp::create(b, ValueRange());
  return success();
}

void ProgramEmitter::callBarrier() {
  Value team =
      b.load(b.ptrType(), b.at(step, int64_t(offsetof(FpmoeStep, team))), 8);
  LLVM::CallOp::create(b, TypeRange(),
                       SymbolRefAttr::get(b.getContext(), kBarrier),
                       ValueRange{team, worker});
}

LogicalResult ProgramEmitter::emitBlock(Block &block, Value ordinal,
                                        Value layer, const Twine &prefix,
                                        Value firstTicket) {
  int64_t number = 0;
  for (Operation &op : block) {
    if (isa<mega::BarrierOp>(op)) {
      callBarrier();
    } else if (auto layers = dyn_cast<mega::LayersOp>(op)) {
      if (failed(emitLayers(layers)))
        return failure();
    } else if (auto phase = dyn_cast<mega::PhaseOp>(op)) {
      std::string name = (prefix + "." + phase.getName()).str();
      if (failed(emitPhase(phase, name)))
        return failure();
      Value tickets = b.load(
          b.ptrType(), b.at(step, int64_t(offsetof(FpmoeStep, tickets))), 8);
      Value ticket = b.at(tickets, b.mul(b.add(firstTicket, number++), 8));
      LLVM::CallOp::create(
          b, TypeRange(), SymbolRefAttr::get(b.getContext(), name),
          ValueRange{step, worker, scratch, layer, ordinal, ticket});
    }
  }
  return success();
}

LogicalResult ProgramEmitter::emitLayers(mega::LayersOp layers) {
  ArrayRef<int64_t> order = layers.getOrder();
  size_t numKinds = layers.getKinds().size();
  // Every weight of a kind has an instance for exactly the layers of that kind.
  SmallVector<int32_t> table; // kind and ordinal of each layer
  SmallVector<SmallVector<int64_t>> layersOfKind(numKinds);
  for (auto [layer, kind] : llvm::enumerate(order)) {
    table.push_back(kind);
    table.push_back(layersOfKind[kind].size());
    layersOfKind[kind].push_back(layer);
  }
  for (auto [region, expected] : llvm::zip(layers.getKinds(), layersOfKind))
    for (auto use : region.getOps<mega::WeightOp>()) {
      WeightOp weight = info.weights.lookup(use.getWeightAttr().getAttr());
      if (use.getLayer() && *weight.getLayers() != ArrayRef(expected))
        return use.emitOpError("has other layers than the body it is used in");
    }

  Value tablePointer;
  if (numKinds > 1) {
    std::string name = (program.getSymName() + ".kinds").str();
    auto type = LLVM::LLVMArrayType::get(b.getI32Type(), table.size());
    OpBuilder global(program);
    LLVM::GlobalOp::create(global, program.getLoc(), type, /*isConstant=*/true,
                           LLVM::Linkage::Internal, name,
                           b.getI32TensorAttr(table));
    tablePointer = LLVM::AddressOfOp::create(b, b.ptrType(), name);
  }
  LogicalResult result = success();
  b.loop(b.i64(0), b.i64(order.size()), 1, [&](Value layer) {
    Value ticket = b.add(b.mul(layer, layout.layerPhases), layout.topPhases);
    auto emitKind = [&](size_t kind, Value ordinal) {
      if (failed(emitBlock(layers.getKinds()[kind].front(), ordinal, layer,
                           program.getSymName() + ".kind" + Twine(kind),
                           ticket)))
        result = failure();
    };
    if (numKinds == 1)
      return emitKind(0, layer);
    Value kind = b.loadIndex(tablePointer, b.mul(layer, 2));
    Value ordinal = b.loadIndex(tablePointer, b.add(b.mul(layer, 2), 1));
    for (size_t k = 0; k < numKinds; ++k)
      b.ifThen(b.equal(kind, b.i64(k)), [&] { emitKind(k, ordinal); });
  });
  return result;
}

Value ProgramEmitter::tileCount(PhaseContext &phase, Attribute size,
                                Operation &firstOp) {
  if (auto number = dyn_cast<IntegerAttr>(size))
    return b.i64(number.getInt());
  StringRef name = cast<StringAttr>(size).getValue();
  if (name == "tokens")
    return phase.count;
  if (name == "blocks")
    return phase.blocks();
  if (name == "logits")
    return b.ceilDiv(b.sub(phase.count, phase.logitsFrom()), info.rows);
  if (name == "spans") {
    int64_t span = firstOp.getAttrOfType<IntegerAttr>("span").getInt();
    return b.ceilDiv(phase.blocks(), span);
  }
  assert(name == "slots");
  auto gather = cast<mega::GatherOp>(firstOp);
  int64_t slots = dim(gather.getOperand(), 0);
  int64_t groups = dim(gather.getGroups(), 0) - slots * (1 + 2 * info.rows) - 1;
  GroupTable table(phase, gather.getGroups(), groups);
  return b.loadIndex(table.first, b.i64(groups));
}

void ProgramEmitter::emitTile(PhaseContext &phase, Operation &op,
                              ArrayRef<Value> tile) {
  llvm::TypeSwitch<Operation *>(&op)
      .Case([&](mega::EmbedOp o) { emitEmbed(phase, o, tile); })
      .Case([&](mega::NormOp o) { emitNorm(phase, o, tile); })
      .Case([&](mega::HeadsOp o) { emitHeads(phase, o, tile); })
      .Case([&](mega::LowRankOp o) { emitLowRank(phase, o, tile); })
      .Case([&](mega::QkvOp o) { emitQkv(phase, o, tile); })
      .Case([&](mega::AttentionOp o) { emitAttention(phase, o, tile); })
      .Case([&](mega::LinearOp o) { emitLinear(phase, o, tile); })
      .Case([&](mega::KeepRowsOp o) { emitKeepRows(phase, o, tile); })
      .Case([&](mega::RouteOp o) { emitRoute(phase, o, tile); })
      .Case([&](mega::SegmentScoresOp o) { emitSegmentScores(phase, o, tile); })
      .Case([&](mega::SegmentChooseOp o) { emitSegmentChoose(phase, o); })
      .Case([&](mega::GroupOp o) { emitGroup(phase, o); })
      .Case([&](mega::GatherOp o) { emitGather(phase, o, tile); })
      .Case([&](mega::ExpertUpOp o) { emitExpertUp(phase, o, tile); })
      .Case([&](mega::ExpertDownOp o) { emitExpertDown(phase, o, tile); });
}

LogicalResult ProgramEmitter::emitPhase(mega::PhaseOp op, const Twine &name) {
  for (Operation &tile : op.getBody().front())
    if (auto route = dyn_cast<mega::RouteOp>(tile))
      if (route.getRouting() &&
          !isa<TokenChoiceAttr, FixedChoiceAttr, TwoLevelAttr>(
              *route.getRouting()))
        return route.emitOpError("cannot be compiled with routing ")
               << *route.getRouting();
  Type i64 = b.getI64Type(), ptr = b.ptrType();
  auto function = beginFunction(name, {ptr, i64, ptr, i64, i64, ptr});
  function.setLinkage(LLVM::Linkage::Internal);
  function.setNoInline(true);
  OpBuilder::InsertionGuard guard(b);
  Block *entry = &function.getBody().front();
  b.setInsertionPointToStart(entry);
  Value fnStep = entry->getArgument(0), fnWorker = entry->getArgument(1);
  PhaseContext phase{b,
                     info,
                     fnStep,
                     fnWorker,
                     entry->getArgument(2),
                     entry->getArgument(3),
                     entry->getArgument(4),
                     Value()};
  phase.count = phase.i64Field(offsetof(FpmoeStep, count));
  auto emitOps = [&](ArrayRef<Value> tile) {
    for (Operation &tileOp : op.getBody().front())
      emitTile(phase, tileOp, tile);
  };
  if (!op.getTiles()) {
    emitOps({});
    LLVM::ReturnOp::create(b, ValueRange());
    return success();
  }

  SmallVector<Value> sizes;
  Value total = b.i64(1);
  ArrayAttr tiles = *op.getTiles();
  for (Attribute size : tiles) {
    sizes.push_back(tileCount(phase, size, op.getBody().front().front()));
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
  if (info.maxTokens == 1) {
    // Equal runs of tiles: every worker reads one stream of weights.
    Value workers =
        b.toI64(phase.field(offsetof(FpmoeStep, workers), b.getI32Type()));
    auto share = [&](Value w) -> Value {
      return arith::DivUIOp::create(b, b.mul(total, w), workers);
    };
    // In this order, whatever compiler built this.
    Value first = share(fnWorker);
    Value last = share(b.add(fnWorker, 1));
    b.loop(first, last, 1, emitNumber);
  } else {
    Value ticket = entry->getArgument(5);
    auto draw = [&]() -> Value {
      return LLVM::AtomicRMWOp::create(b, LLVM::AtomicBinOp::add, ticket,
                                       b.i64(1),
                                       LLVM::AtomicOrdering::monotonic);
    };
    auto loop = scf::WhileOp::create(b, TypeRange{i64}, ValueRange{draw()});
    Block *before = b.createBlock(&loop.getBefore(), {}, {i64}, {b.getLoc()});
    Value more = b.less(before->getArgument(0), total);
    scf::ConditionOp::create(b, more, before->getArguments());
    Block *after = b.createBlock(&loop.getAfter(), {}, {i64}, {b.getLoc()});
    emitNumber(after->getArgument(0));
    scf::YieldOp::create(b, ValueRange{draw()});
    b.setInsertionPointAfter(loop);
  }
  LLVM::ReturnOp::create(b, ValueRange());
  return success();
}

struct MegaToVectorPass : fpmoe::impl::MegaToVectorBase<MegaToVectorPass> {
  using MegaToVectorBase::MegaToVectorBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<mega::ProgramOp> programs(module.getOps<mega::ProgramOp>());
    ProgramInfo info;
    info.routeTokens = 1;
    info.routeColumns = 0;
    info.bf16 = false;
    for (auto weight : module.getOps<WeightOp>()) {
      info.weights[weight.getSymNameAttr()] = weight;
      if (weight.getResultValue().getDefiningOp<PackOp>())
        info.bf16 = weight.getTensorType().getElementType().isBF16();
    }
    for (mega::ProgramOp program : programs) {
      info.routeTokens =
          std::max<int64_t>(info.routeTokens, program.getMaxTokens());
      program.walk([&](mega::RouteOp route) {
        info.routeColumns = std::max(info.routeColumns, route.getNumRecorded());
      });
    }
    declareBarrier(module);
    for (mega::ProgramOp program : programs)
      if (failed(ProgramEmitter(program, info, products()).emit()))
        return signalPassFailure();
    emitLimits(module, info.bf16);
    for (mega::ProgramOp program : programs)
      program.erase();
    for (auto weight : llvm::make_early_inc_range(module.getOps<WeightOp>()))
      weight.erase();
    module->removeAttr(kModelAttr);
  }

  KernelBuilder::Products products() { return {sums, halves, prefetch, tiles}; }

  void declareBarrier(ModuleOp module) {
    KernelBuilder b(module.getLoc(), &getContext(), products());
    b.setInsertionPointToStart(module.getBody());
    auto type = LLVM::LLVMFunctionType::get(
        LLVM::LLVMVoidType::get(&getContext()), {b.ptrType(), b.getI64Type()});
    LLVM::LLVMFuncOp::create(b, kBarrier, type);
  }

  void emitLimits(ModuleOp module, bool bf16) {
    KernelBuilder b(module.getLoc(), &getContext(), products());
    auto emit = [&](StringRef name, ArrayRef<Type> inputs,
                    function_ref<Value(Block *)> body) {
      b.setInsertionPointToEnd(module.getBody());
      auto function = LLVM::LLVMFuncOp::create(
          b, name, LLVM::LLVMFunctionType::get(b.getI64Type(), inputs));
      b.setInsertionPointToStart(function.addEntryBlock(b));
      LLVM::ReturnOp::create(b, body(&function.getBody().front()));
    };
    emit("fpmoe_dot_peak", {b.getI64Type()}, [&](Block *entry) {
      return emitDotPeak(b, bf16, entry->getArgument(0));
    });
    emit("fpmoe_read_peak", {b.ptrType(), b.getI64Type()}, [&](Block *entry) {
      return emitReadPeak(b, entry->getArgument(0), entry->getArgument(1));
    });
  }
};

} // namespace
