//===- Kernels.cpp - entries of kernels ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Calls of operations, and the entries of kernels.
//
//===----------------------------------------------------------------------===//

#include "Translator.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/AttributeMask.h"

using namespace llvm;
using namespace fpmoe::emulator;

Value *Translator::toSlot(Value *value) {
  Type *wide = builder.getInt64Ty(), *type = value->getType();
  if (type->isPointerTy())
    return builder.CreatePtrToInt(value, wide);
  if (!type->isIntegerTy())
    value = builder.CreateBitCast(
        value, builder.getIntNTy(type->getPrimitiveSizeInBits()));
  return builder.CreateZExt(value, wide);
}

Value *Translator::fromSlot(Value *slot, Type *type) {
  if (type->isPointerTy())
    return builder.CreateIntToPtr(slot, type);
  Value *bits = builder.CreateTrunc(
      slot, builder.getIntNTy(type->getPrimitiveSizeInBits()));
  return type->isIntegerTy() ? bits : builder.CreateBitCast(bits, type);
}

Value *Translator::slots(Function &function, unsigned count) {
  auto &[frame, size] = frames[&function];
  if (!frame) {
    builder.SetInsertPoint(function.getEntryBlock().begin());
    frame = builder.CreateAlloca(builder.getInt64Ty(), builder.getInt32(1));
  }
  size = std::max(size, count);
  frame->setOperand(0, builder.getInt32(size));
  return frame;
}

Value *Translator::argumentOf(CallInst &call, unsigned index) {
  auto found = asmSources.find(&call);
  return found != asmSources.end() ? found->second[index]
                                   : call.getArgOperand(index);
}

void Translator::rewriteOperation(CallInst &call, Site &site) {
  auto *structure = dyn_cast<StructType>(call.getType());
  unsigned results =
      structure ? structure->getNumElements() : !call.getType()->isVoidTy();
  Value *frame = slots(*call.getFunction(), site.operands + results);
  builder.SetInsertPoint(&call);
  Type *wide = builder.getInt64Ty();
  auto slot = [&](unsigned index) {
    return builder.CreateConstGEP1_32(wide, frame, index);
  };
  for (unsigned i = 0; i < site.operands; ++i)
    builder.CreateStore(toSlot(argumentOf(call, i)), slot(i));
  callHook(pointerTo(reinterpret_cast<uint64_t>(site.handler)),
           {pointerTo(site), slot(0), slot(site.operands)});
  // The results of an assembly come in the order of its text.
  std::vector<unsigned> places(results);
  for (unsigned i = 0; i < results; ++i)
    places[i] = i;
  if (auto found = asmResults.find(&call); found != asmResults.end())
    for (auto [place, result] : enumerate(found->second))
      places[result] = place;
  auto read = [&](unsigned index, Type *type) {
    Value *at = slot(site.operands + places[index]);
    return fromSlot(builder.CreateLoad(wide, at), type);
  };
  Value *result = nullptr;
  if (structure) {
    result = PoisonValue::get(structure);
    for (unsigned i = 0; i < results; ++i)
      result = builder.CreateInsertValue(
          result, read(i, structure->getElementType(i)), i);
  } else if (results) {
    result = read(0, call.getType());
  }
  if (result)
    call.replaceAllUsesWith(result);
  call.eraseFromParent();
}

std::string fpmoe::emulator::entryName(const Kernel &kernel) {
  return "fpmoe.entry." + kernel.name;
}

// "256" or "16,4": how many threads an attribute of a kernel means.
static uint64_t threadCount(const Function &function, StringRef attribute) {
  if (!function.hasFnAttribute(attribute))
    return 0;
  SmallVector<StringRef> parts;
  function.getFnAttribute(attribute).getValueAsString().split(parts, ',');
  uint64_t count = 1;
  for (StringRef part : parts) {
    uint64_t size = 1;
    part.trim().getAsInteger(10, size);
    count *= size;
  }
  return count;
}

// The entry reads the arguments from memory, as a driver gives them.
void Translator::makeEntry(Function &function) {
  auto *type =
      FunctionType::get(builder.getVoidTy(), {builder.getPtrTy()}, false);
  const Kernel &kernel = program.kernels.back();
  Function *entry = Function::Create(type, GlobalValue::ExternalLinkage,
                                     entryName(kernel), module);
  builder.SetInsertPoint(BasicBlock::Create(module.getContext(), "", entry));
  SmallVector<Value *> arguments;
  for (Argument &argument : function.args()) {
    Value *from = builder.CreateLoad(
        builder.getPtrTy(),
        builder.CreateConstGEP1_32(builder.getPtrTy(), entry->getArg(0),
                                   argument.getArgNo()));
    if (!argument.hasByValAttr()) {
      arguments.push_back(builder.CreateLoad(argument.getType(), from));
      continue;
    }
    Type *pointee = argument.getParamByValType();
    AllocaInst *copy = builder.CreateAlloca(pointee);
    builder.CreateMemCpy(copy, copy->getAlign(), from, Align(1),
                         module.getDataLayout().getTypeAllocSize(pointee));
    arguments.push_back(builder.CreateAddrSpaceCast(copy, argument.getType()));
  }
  for (unsigned i = 0; i < function.arg_size(); ++i)
    function.removeParamAttrs(i,
                              AttributeMask().addAttribute(Attribute::ByVal));
  builder.CreateCall(&function, arguments);
  builder.CreateRetVoid();
}

void Translator::describeKernels() {
  SmallVector<Function *> kernels;
  for (Function &function : module) {
    if (function.getCallingConv() == CallingConv::PTX_Kernel)
      kernels.push_back(&function);
    function.setCallingConv(CallingConv::C);
    function.removeFnAttr("target-cpu");
    function.removeFnAttr("target-features");
    for (User *user : function.users())
      if (auto *call = dyn_cast<CallInst>(user))
        call->setCallingConv(CallingConv::C);
  }
  for (Function *function : kernels) {
    Kernel &kernel = program.kernels.emplace_back();
    kernel.name = function->getName().str();
    kernel.staticSharedBytes = sharedBytes;
    if (uint64_t most = threadCount(*function, "nvvm.maxntid"))
      kernel.maxThreads = most;
    kernel.requiredThreads = threadCount(*function, "nvvm.reqntid");
    for (Argument &argument : function->args())
      kernel.argumentBytes.push_back(module.getDataLayout().getTypeStoreSize(
          argument.hasByValAttr() ? argument.getParamByValType()
                                  : argument.getType()));
    makeEntry(*function);
  }
}
