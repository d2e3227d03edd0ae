//===- Translator.h - the state of a translation ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The state of one translation; see Translate.h.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TEST_CUDA_EMULATOR_TRANSLATOR_H
#define FPMOE_TEST_CUDA_EMULATOR_TRANSLATOR_H

#include "Operations.h"
#include "Translate.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/ModuleSlotTracker.h"

namespace fpmoe::emulator {

class Translator {
public:
  Translator(llvm::Module &module, Device &device, Program &program);
  llvm::Error run();

private:
  llvm::Error checkTarget();
  llvm::Error collect(llvm::Instruction &instruction);
  llvm::Error collectCall(llvm::CallInst &call);
  llvm::Error collectAsm(llvm::CallInst &call);
  Site &siteOf(llvm::Instruction &instruction);
  llvm::Error useOperation(llvm::CallInst &call, llvm::StringRef name);

  // Globals.cpp
  llvm::Error placeVariables();
  void placeShared();

  // Registers.cpp
  void watchRegisters();

  void rewriteAccess(llvm::Instruction &instruction, Site &site);
  void rewriteMemoryIntrinsic(llvm::MemIntrinsic &call, Site &site);
  void rewriteOperation(llvm::CallInst &call, Site &site);
  llvm::Value *argumentOf(llvm::CallInst &call, unsigned index);
  llvm::Value *toSlot(llvm::Value *value);
  llvm::Value *fromSlot(llvm::Value *slot, llvm::Type *type);
  // Room for operands and results, in the function's frame.
  llvm::Value *slots(llvm::Function &function, unsigned count);
  void describeKernels();
  void makeEntry(llvm::Function &function);

  template <typename Function> llvm::Constant *address(Function *function) {
    return pointerTo(reinterpret_cast<uint64_t>(function));
  }
  llvm::Constant *pointerTo(uint64_t address) {
    return llvm::ConstantExpr::getIntToPtr(builder.getInt64(address),
                                           builder.getPtrTy());
  }
  llvm::Constant *pointerTo(const Site &site) {
    return pointerTo(reinterpret_cast<uint64_t>(&site));
  }
  void callHook(llvm::Constant *hook, llvm::ArrayRef<llvm::Value *> operands);

  llvm::Module &module;
  Device &device;
  Program &program;
  llvm::IRBuilder<> builder;
  llvm::ModuleSlotTracker numbers;
  uint64_t sharedBytes = 0;
  std::vector<std::pair<llvm::Instruction *, Site *>> accesses, operations;
  std::vector<std::pair<llvm::MemIntrinsic *, Site *>> memoryIntrinsics;
  // Operands of an operation that are no plain arguments of the call.
  std::map<llvm::CallInst *, std::vector<llvm::Value *>> asmSources;
  std::map<llvm::CallInst *, std::vector<unsigned>> asmResults;
  std::map<llvm::Function *, std::pair<llvm::AllocaInst *, unsigned>> frames;
};

} // namespace fpmoe::emulator

#endif
