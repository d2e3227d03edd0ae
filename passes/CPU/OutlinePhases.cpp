//===- OutlinePhases.cpp - A function a phase, and one a program ----------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// The functions of programs go over the layers and call those of phases, which
// still hold the phase itself, and the barrier.
//===----------------------------------------------------------------------===//

#include "fpmoe/runtime/abi.h"
#include "lib/Codegen/Common/KernelBuilder.h"
#include "mlir/IR/IRMapping.h"
#include "passes/CPU/Passes.h"

namespace fpmoe {
#define GEN_PASS_DEF_OUTLINEPHASES
#include "passes/CPU/Passes.h.inc"
} // namespace fpmoe

using namespace mlir;
using namespace fpmoe;

namespace {

constexpr StringLiteral kBarrier = "fpmoe_barrier";

class ProgramOutliner {
public:
  ProgramOutliner(mega::ProgramOp program, SymbolTable &symbols)
      : program(program), symbols(symbols),
        b(program.getLoc(), mega::getTarget(program)) {}

  LogicalResult outline();

private:
  LLVM::LLVMFuncOp beginFunction(const Twine &name, ArrayRef<Type> inputs);
  LogicalResult callPhases(Block &block, Value ordinal, Value layer,
                           const Twine &prefix, Value firstTicket);
  LogicalResult callLayers(mega::LayersOp layers);
  void outlinePhase(mega::PhaseOp phase, StringRef name);
  Value field(size_t offset) {
    return b.load(b.ptrType(), b.at(step, int64_t(offset)), 8);
  }

  mega::ProgramOp program;
  SymbolTable &symbols;
  KernelBuilder b;
  Value step, worker, scratch; ///< of the program's function
};

LLVM::LLVMFuncOp ProgramOutliner::beginFunction(const Twine &name,
                                                ArrayRef<Type> inputs) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(program);
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(b.getContext()), inputs);
  auto function = LLVM::LLVMFuncOp::create(b, name.str(), type);
  function.addEntryBlock(b);
  return function;
}

LogicalResult ProgramOutliner::outline() {
  auto function = beginFunction("fpmoe_" + program.getSymName(),
                                {b.ptrType(), b.getI64Type(), b.ptrType()});
  Block *entry = &function.getBody().front();
  b.setInsertionPointToStart(entry);
  step = entry->getArgument(0);
  worker = entry->getArgument(1);
  scratch = entry->getArgument(2);
  if (failed(callPhases(program.getBody().front(), b.i64(0), b.i64(0),
                        program.getSymName(), b.i64(0))))
    return failure();
  LLVM::ReturnOp::create(b, ValueRange());
  return success();
}

LogicalResult ProgramOutliner::callPhases(Block &block, Value ordinal,
                                          Value layer, const Twine &prefix,
                                          Value firstTicket) {
  int64_t number = 0;
  for (Operation &op : block) {
    if (isa<mega::BarrierOp>(op)) {
      LLVM::CallOp::create(
          b, TypeRange(), SymbolRefAttr::get(b.getContext(), kBarrier),
          ValueRange{field(offsetof(FpmoeStep, team)), worker});
    } else if (auto layers = dyn_cast<mega::LayersOp>(op)) {
      if (failed(callLayers(layers)))
        return failure();
    } else if (auto phase = dyn_cast<mega::PhaseOp>(op)) {
      std::string name = (prefix + "." + phase.getName()).str();
      outlinePhase(phase, name);
      Value ticket = b.at(field(offsetof(FpmoeStep, tickets)),
                          b.mul(b.add(firstTicket, number++), 8));
      LLVM::CallOp::create(
          b, TypeRange(), SymbolRefAttr::get(b.getContext(), name),
          ValueRange{step, worker, scratch, layer, ordinal, ticket});
    }
  }
  return success();
}

LogicalResult ProgramOutliner::callLayers(mega::LayersOp layers) {
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
      auto weight = symbols.lookup<WeightOp>(use.getWeight());
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
  b.loop(0, order.size(), 1, [&](Value layer) {
    Value ticket = b.add(b.mul(layer, program.getNumLayerPhases()),
                         program.getNumTopPhases());
    auto callKind = [&](size_t kind, Value ordinal) {
      if (failed(callPhases(layers.getKinds()[kind].front(), ordinal, layer,
                            program.getSymName() + ".kind" + Twine(kind),
                            ticket)))
        result = failure();
    };
    if (numKinds == 1)
      return callKind(0, layer);
    Value kind = b.loadIndex(tablePointer, b.mul(layer, 2));
    Value ordinal = b.loadIndex(tablePointer, b.add(b.mul(layer, 2), 1));
    for (size_t k = 0; k < numKinds; ++k)
      b.ifThen(b.equal(kind, b.i64(k)), [&] { callKind(k, ordinal); });
  });
  return result;
}

/// The function gets a copy of the phase, and of the memory and the weights
/// that it takes.
void ProgramOutliner::outlinePhase(mega::PhaseOp phase, StringRef name) {
  Type i64 = b.getI64Type(), ptr = b.ptrType();
  auto function = beginFunction(name, {ptr, i64, ptr, i64, i64, ptr});
  function.setLinkage(LLVM::Linkage::Internal);
  function.setNoInline(true);
  function->setAttr("mega.max_tokens", program.getMaxTokensAttr());
  function->setAttr("mega.rows", program.getRowsAttr());
  OpBuilder::InsertionGuard guard(b);
  Block *entry = &function.getBody().front();
  b.setInsertionPointToStart(entry);
  auto index = [&](unsigned argument) -> Value {
    return arith::IndexCastOp::create(b, b.getIndexType(),
                                      entry->getArgument(argument));
  };
  Value layer, ordinal;
  IRMapping mapping;
  for (Operation &tile : phase.getBody().front())
    for (Value operand : tile.getOperands()) {
      if (mapping.contains(operand))
        continue;
      if (isa<BlockArgument>(operand)) {
        if (!layer)
          layer = index(3);
        mapping.map(operand, layer);
        continue;
      }
      Operation *source = operand.getDefiningOp();
      if (auto weight = dyn_cast<mega::WeightOp>(source);
          weight && weight.getLayer()) {
        // A weight has an instance for each layer of its kind.
        if (!ordinal)
          ordinal = index(4);
        IRMapping own;
        own.map(weight.getLayer(), ordinal);
        mapping.map(operand, b.clone(*source, own)->getResult(0));
        continue;
      }
      b.clone(*source, mapping);
    }
  b.clone(*phase, mapping);
  LLVM::ReturnOp::create(b, ValueRange());
}

struct OutlinePhasesPass : fpmoe::impl::OutlinePhasesBase<OutlinePhasesPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    SmallVector<mega::ProgramOp> programs(module.getOps<mega::ProgramOp>());
    KernelBuilder b(module.getLoc(), mega::getTarget(module));
    b.setInsertionPointToStart(module.getBody());
    auto type = LLVM::LLVMFunctionType::get(
        LLVM::LLVMVoidType::get(&getContext()), {b.ptrType(), b.getI64Type()});
    LLVM::LLVMFuncOp::create(b, kBarrier, type);
    for (mega::ProgramOp program : programs) {
      if (failed(ProgramOutliner(program, symbols).outline()))
        return signalPassFailure();
      program.erase();
    }
  }
};

} // namespace
