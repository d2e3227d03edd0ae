//===- Globals.cpp - variables of a module ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Variables of a module: shared ones become offsets in the block's window, the
// others get addresses on the device.
//
//===----------------------------------------------------------------------===//

#include "Translator.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/ReplaceConstant.h"
#include <cstring>

using namespace llvm;
using namespace fpmoe::emulator;

static constexpr unsigned sharedSpace = 3;

static Error initialise(char *to, const Constant *value,
                        const DataLayout &layout, StringRef name) {
  uint64_t bytes = layout.getTypeStoreSize(value->getType());
  if (value->isNullValue() || isa<UndefValue>(value)) {
    std::memset(to, 0, bytes);
    return Error::success();
  }
  if (auto *data = dyn_cast<ConstantDataSequential>(value)) {
    std::memcpy(to, data->getRawDataValues().data(), bytes);
    return Error::success();
  }
  if (auto *integer = dyn_cast<ConstantInt>(value)) {
    std::memcpy(to, integer->getValue().getRawData(), bytes);
    return Error::success();
  }
  if (auto *number = dyn_cast<ConstantFP>(value)) {
    APInt bits = number->getValueAPF().bitcastToAPInt();
    std::memcpy(to, bits.getRawData(), bytes);
    return Error::success();
  }
  if (!isa<ConstantAggregate>(value))
    return createStringError("the initial value of variable '" + name +
                             "' has an address in it: not modelled");
  auto *structure = dyn_cast<StructType>(value->getType());
  for (unsigned i = 0; i < value->getNumOperands(); ++i) {
    auto *element = cast<Constant>(value->getOperand(i));
    uint64_t offset = structure
                          ? layout.getStructLayout(structure)
                                ->getElementOffset(i)
                                .getFixedValue()
                          : i * layout.getTypeAllocSize(element->getType());
    if (Error error = initialise(to + offset, element, layout, name))
      return error;
  }
  return Error::success();
}

Error Translator::placeVariables() {
  const DataLayout &layout = module.getDataLayout();
  for (GlobalVariable &variable : make_early_inc_range(module.globals())) {
    if (variable.getAddressSpace() == sharedSpace)
      continue;
    StringRef name = variable.getName();
    if (name.starts_with("llvm.")) {
      variable.eraseFromParent();
      continue;
    }
    if (!variable.hasInitializer())
      return createStringError("variable '" + name +
                               "' is of another module: not modelled");
    uint64_t bytes = layout.getTypeAllocSize(variable.getValueType());
    uint64_t at = device.memory.allocate(
        bytes, ("variable '" + name + "'").str(),
        std::max<uint64_t>(256, variable.getAlign().valueOrOne().value()));
    if (Error error = initialise(reinterpret_cast<char *>(at),
                                 variable.getInitializer(), layout, name))
      return error;
    device.memory.markWritten(at, bytes);
    program.variables[name.str()] = {at, bytes};
    variable.replaceAllUsesWith(
        ConstantExpr::getIntToPtr(builder.getInt64(at), variable.getType()));
    variable.eraseFromParent();
  }
  return Error::success();
}

// Static variables first, dynamic memory behind them.
void Translator::placeShared() {
  SmallVector<GlobalVariable *> variables;
  for (GlobalVariable &variable : module.globals())
    if (variable.getAddressSpace() == sharedSpace)
      variables.push_back(&variable);
  stable_sort(variables, [](GlobalVariable *a, GlobalVariable *b) {
    return a->isDeclaration() < b->isDeclaration();
  });
  SmallVector<Constant *> constants(variables.begin(), variables.end());
  convertUsersOfConstantsToInstructions(constants);
  const Operation &operation = *findOperation("shared.base");
  for (GlobalVariable *variable : variables) {
    sharedBytes =
        alignTo(sharedBytes, variable->getAlign().valueOrOne().value());
    std::map<Function *, Value *> bases;
    for (Use &use : make_early_inc_range(variable->uses())) {
      Function *function = cast<Instruction>(use.getUser())->getFunction();
      Value *&base = bases[function];
      if (!base) {
        Site &site = device.newSite();
        site.handler = operation.handler;
        Value *slot = slots(*function, 1);
        builder.SetInsertPoint(
            std::next(cast<Instruction>(slot)->getIterator()));
        callHook(address(site.handler), {pointerTo(site), slot, slot});
        Value *start = builder.CreateLoad(builder.getInt64Ty(), slot);
        start = builder.CreateAdd(start, builder.getInt64(sharedBytes));
        base = builder.CreateIntToPtr(start, variable->getType());
      }
      use.set(base);
    }
    sharedBytes +=
        module.getDataLayout().getTypeAllocSize(variable->getValueType());
    variable->eraseFromParent();
  }
}
