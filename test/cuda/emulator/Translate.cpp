//===- Translate.cpp - device IR to host IR ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Hooks.h"
#include "InlineAsm.h"
#include "Translator.h"
#include "Wgmma.h"

#include "llvm/Analysis/ValueTracking.h"
#include "llvm/IR/DebugInfoMetadata.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace fpmoe::emulator;

Translator::Translator(Module &module, Device &device, Program &program)
    : module(module), device(device), program(program),
      builder(module.getContext()), numbers(&module) {}

Error Translator::checkTarget() {
  if (!module.getTargetTriple().isNVPTX() ||
      !module.getTargetTriple().isArch64Bit())
    return createStringError("the module is for '" +
                             module.getTargetTriple().str() +
                             "', not for nvptx64");
  if (!module.getModuleInlineAsm().empty())
    return createStringError("inline assembly of a module is not modelled");
  const DataLayout &layout = module.getDataLayout();
  for (unsigned space : {0, 1, 3, 4, 5, 7})
    if (layout.getPointerSizeInBits(space) != 64)
      return createStringError(
          "pointers of " + Twine(layout.getPointerSizeInBits(space)) +
          " bits in address space " + Twine(space) + " are not modelled");
  return Error::success();
}

// The text as in the given module, without its metadata.
Site &Translator::siteOf(Instruction &instruction) {
  Site &site = device.newSite();
  Function &function = *instruction.getFunction();
  numbers.incorporateFunction(function);
  raw_string_ostream stream(site.text);
  instruction.print(stream, numbers);
  StringRef text = StringRef(site.text).trim();
  text = text.take_front(std::min(text.find(", !"), text.find(" #")));
  site.text =
      text.size() > 160 ? (text.take_front(160) + "...").str() : text.str();
  site.function = function.getName().str();
  if (const DebugLoc &location = instruction.getDebugLoc())
    site.function +=
        (" " + location->getFilename() + ":" + Twine(location.getLine())).str();
  return site;
}

// PTX has the scopes of a block, which are those of a cluster of one block,
// and of the device; that of the system is no wider here.
static Strength strengthOf(LLVMContext &context, SyncScope::ID scope) {
  SmallVector<StringRef> names;
  context.getSyncScopeNames(names);
  return names[scope] == "block" || names[scope] == "cluster" ? StrongBlock
                                                              : StrongDevice;
}

static void setAccess(Site &site, const DataLayout &layout, Type *type,
                      Align alignment) {
  site.bytes = layout.getTypeStoreSize(type);
  site.alignment = alignment.value();
}

static Value *accessedBy(Instruction &instruction) {
  if (auto *load = dyn_cast<LoadInst>(&instruction))
    return load->getPointerOperand();
  if (auto *store = dyn_cast<StoreInst>(&instruction))
    return store->getPointerOperand();
  if (auto *modify = dyn_cast<AtomicRMWInst>(&instruction))
    return modify->getPointerOperand();
  if (auto *exchange = dyn_cast<AtomicCmpXchgInst>(&instruction))
    return exchange->getPointerOperand();
  return nullptr;
}

Error Translator::collect(Instruction &instruction) {
  const DataLayout &layout = module.getDataLayout();
  LLVMContext &context = module.getContext();
  auto order = [](Site &site, AtomicOrdering ordering) {
    site.acquires = isAcquireOrStronger(ordering);
    site.releases = isReleaseOrStronger(ordering);
  };
  if (auto *call = dyn_cast<CallInst>(&instruction))
    return collectCall(*call);
  if (isa<InvokeInst, CallBrInst, VAArgInst, IndirectBrInst>(instruction))
    return createStringError("not modelled: " + siteOf(instruction).text);
  if (auto *fence = dyn_cast<FenceInst>(&instruction)) {
    Site &site = siteOf(instruction);
    order(site, fence->getOrdering());
    site.strength = strengthOf(context, fence->getSyncScopeID());
    accesses.push_back({fence, &site});
    return Error::success();
  }
  const Value *pointer = accessedBy(instruction);
  if (!pointer || isa<AllocaInst>(getUnderlyingObject(pointer)))
    return Error::success();
  Site &site = siteOf(instruction);
  if (auto *load = dyn_cast<LoadInst>(&instruction)) {
    setAccess(site, layout, load->getType(), load->getAlign());
    site.reads = true;
    if (load->isAtomic() || load->isVolatile())
      site.strength = strengthOf(context, load->getSyncScopeID());
    order(site, load->getOrdering());
  } else if (auto *store = dyn_cast<StoreInst>(&instruction)) {
    setAccess(site, layout, store->getValueOperand()->getType(),
              store->getAlign());
    site.writes = true;
    if (store->isAtomic() || store->isVolatile())
      site.strength = strengthOf(context, store->getSyncScopeID());
    order(site, store->getOrdering());
  } else if (auto *modify = dyn_cast<AtomicRMWInst>(&instruction)) {
    // LLVM 22 compiles every ordering to atom.relaxed: a fence has to carry it.
    setAccess(site, layout, modify->getType(), modify->getAlign());
    site.reads = site.writes = true;
    site.strength = strengthOf(context, modify->getSyncScopeID());
  } else if (auto *exchange = dyn_cast<AtomicCmpXchgInst>(&instruction)) {
    setAccess(site, layout, exchange->getNewValOperand()->getType(),
              exchange->getAlign());
    site.reads = site.writes = true;
    site.strength = strengthOf(context, exchange->getSyncScopeID());
    order(site, exchange->getMergedOrdering());
  }
  accesses.push_back({&instruction, &site});
  return Error::success();
}

// Names of intrinsics that the host's code generator knows as well.
static bool isArithmetic(Intrinsic::ID id) {
  switch (id) {
  case Intrinsic::abs:
  case Intrinsic::smin:
  case Intrinsic::smax:
  case Intrinsic::umin:
  case Intrinsic::umax:
  case Intrinsic::ctpop:
  case Intrinsic::ctlz:
  case Intrinsic::cttz:
  case Intrinsic::bswap:
  case Intrinsic::bitreverse:
  case Intrinsic::fshl:
  case Intrinsic::fshr:
  case Intrinsic::sadd_sat:
  case Intrinsic::uadd_sat:
  case Intrinsic::ssub_sat:
  case Intrinsic::usub_sat:
  case Intrinsic::sadd_with_overflow:
  case Intrinsic::uadd_with_overflow:
  case Intrinsic::ssub_with_overflow:
  case Intrinsic::usub_with_overflow:
  case Intrinsic::smul_with_overflow:
  case Intrinsic::umul_with_overflow:
  case Intrinsic::fma:
  case Intrinsic::fmuladd:
  case Intrinsic::sqrt:
  case Intrinsic::fabs:
  case Intrinsic::minnum:
  case Intrinsic::maxnum:
  case Intrinsic::minimum:
  case Intrinsic::maximum:
  case Intrinsic::copysign:
  case Intrinsic::floor:
  case Intrinsic::ceil:
  case Intrinsic::trunc:
  case Intrinsic::rint:
  case Intrinsic::nearbyint:
  case Intrinsic::roundeven:
  case Intrinsic::exp2:
  case Intrinsic::log2:
  case Intrinsic::sin:
  case Intrinsic::cos:
  case Intrinsic::is_fpclass:
  case Intrinsic::fptosi_sat:
  case Intrinsic::fptoui_sat:
  case Intrinsic::vector_reduce_add:
  case Intrinsic::vector_reduce_fadd:
  case Intrinsic::vector_reduce_fmax:
  // Without effect
  case Intrinsic::assume:
  case Intrinsic::expect:
  case Intrinsic::dbg_value:
  case Intrinsic::dbg_declare:
  case Intrinsic::lifetime_start:
  case Intrinsic::lifetime_end:
  case Intrinsic::donothing:
  case Intrinsic::sideeffect:
  case Intrinsic::experimental_noalias_scope_decl:
    return true;
  default:
    return false;
  }
}

Error Translator::useOperation(CallInst &call, StringRef name) {
  const Operation *operation = findOperation(name);
  if (!operation) // an overload is named by its pointers: ".p3", ".p0.p1"
    while (!operation && name.contains('.') &&
           name.rsplit('.').second.starts_with("p")) {
      name = name.rsplit('.').first;
      operation = findOperation(name);
    }
  Site &site = siteOf(call);
  if (!operation)
    return createStringError("not modelled, in kernel code of " +
                             site.function + ": " + site.text);
  site.mnemonic = name.str();
  if (device.options.sm < operation->minSm)
    return createStringError(name + " needs sm_" + Twine(operation->minSm) +
                             ", and the device is sm_" +
                             Twine(device.options.sm));
  if (operation->onlySm && device.options.sm / 10 != operation->onlySm / 10)
    return createStringError(name + " is of sm_" + Twine(operation->onlySm) +
                             "a alone, and the device is sm_" +
                             Twine(device.options.sm));
  site.handler = operation->handler;
  site.parameter = operation->parameter;
  site.operands = call.arg_size();
  operations.push_back({&call, &site});
  return Error::success();
}

Error Translator::collectAsm(CallInst &call) {
  auto assembly = parseAsm(*cast<InlineAsm>(call.getCalledOperand()));
  if (!assembly)
    return assembly.takeError();
  bool isProduct =
      StringRef(assembly->mnemonic).starts_with("wgmma.mma_async.");
  std::string name = "asm." + assembly->mnemonic;
  if (Error error =
          useOperation(call, isProduct ? "asm.wgmma.mma_async" : name))
    return error;
  Site &site = *operations.back().second;
  std::vector<Value *> &sources = asmSources[&call];
  for (const AsmOperand &operand : assembly->sources)
    sources.push_back(operand.immediate ? builder.getInt64(operand.value)
                                        : call.getArgOperand(operand.value));
  site.operands = sources.size();
  site.mnemonic = assembly->mnemonic;
  asmResults[&call].assign(assembly->results.begin(), assembly->results.end());
  if (!isProduct)
    return Error::success();
  auto shape =
      parseWgmma(assembly->mnemonic, assembly->results.size(), sources.size());
  if (!shape)
    return createStringError("not modelled: " + assembly->mnemonic + " with " +
                             Twine(sources.size()) + " operands");
  site.parameter = shape->encode();
  return Error::success();
}

Error Translator::collectCall(CallInst &call) {
  if (call.isInlineAsm())
    return collectAsm(call);
  Function *callee = call.getCalledFunction();
  if (!callee)
    return createStringError("not modelled: " + siteOf(call).text);
  StringRef name = callee->getName();
  if (name.consume_front("llvm.nvvm."))
    return useOperation(call, name);
  if (auto *memory = dyn_cast<MemIntrinsic>(&call)) {
    memoryIntrinsics.push_back({memory, &siteOf(call)});
    return Error::success();
  }
  if (callee->getIntrinsicID() == Intrinsic::trap)
    return useOperation(call, "trap");
  if (callee->isIntrinsic() ? isArithmetic(callee->getIntrinsicID())
                            : !callee->isDeclaration())
    return Error::success();
  return createStringError("not modelled, in kernel code of " +
                           call.getFunction()->getName() + ": " +
                           siteOf(call).text);
}

void Translator::callHook(Constant *hook, ArrayRef<Value *> operands) {
  SmallVector<Type *> types;
  for (Value *operand : operands)
    types.push_back(operand->getType());
  auto *type = FunctionType::get(builder.getVoidTy(), types, false);
  builder.CreateCall(type, hook, operands)->setDoesNotThrow();
}

void Translator::rewriteAccess(Instruction &instruction, Site &site) {
  builder.SetInsertPoint(&instruction);
  if (isa<FenceInst>(instruction)) {
    callHook(address(hooks::fence), {pointerTo(site)});
    return;
  }
  Value *at =
      builder.CreatePtrToInt(accessedBy(instruction), builder.getInt64Ty());
  if (site.strength == Weak) {
    callHook(site.writes ? address(hooks::store) : address(hooks::load),
             {at, pointerTo(site)});
    return;
  }
  callHook(address(hooks::atomicAccess), {at, pointerTo(site)});
  if (!site.reads || !site.writes)
    return;
  builder.SetInsertPoint(std::next(instruction.getIterator()));
  callHook(address(hooks::atomicDone), {at, pointerTo(site)});
}

void Translator::rewriteMemoryIntrinsic(MemIntrinsic &call, Site &site) {
  builder.SetInsertPoint(&call);
  Type *wide = builder.getInt64Ty();
  Value *to = builder.CreatePtrToInt(call.getRawDest(), wide);
  Value *bytes = builder.CreateZExtOrTrunc(call.getLength(), wide);
  if (auto *set = dyn_cast<MemSetInst>(&call))
    callHook(address(hooks::fill),
             {to, builder.CreateZExt(set->getValue(), wide), bytes,
              pointerTo(site)});
  else
    callHook(address(hooks::copy),
             {to,
              builder.CreatePtrToInt(cast<MemTransferInst>(call).getRawSource(),
                                     wide),
              bytes, pointerTo(site)});
  call.eraseFromParent();
}

Error Translator::run() {
  if (Error error = checkTarget())
    return error;
  for (Function &function : module)
    for (Instruction &instruction : instructions(function))
      if (Error error = collect(instruction))
        return error;
  module.setTargetTriple(Triple());
  if (Error error = placeVariables())
    return error;
  placeShared();
  watchRegisters();
  for (auto [instruction, site] : accesses)
    rewriteAccess(*instruction, *site);
  for (auto [call, site] : memoryIntrinsics)
    rewriteMemoryIntrinsic(*call, *site);
  for (auto [call, site] : operations)
    rewriteOperation(*cast<CallInst>(call), *site);
  describeKernels();
  std::string broken;
  raw_string_ostream stream(broken);
  if (verifyModule(module, &stream))
    return createStringError("the emulator broke the module: " + broken);
  return Error::success();
}

Error fpmoe::emulator::translate(Module &module, Device &device,
                                 Program &program) {
  return Translator(module, device, program).run();
}
