//===- Ptx.cpp - Code for GPUs, as LLVM IR and PTX ------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CUDA/Ptx.h"
#include "lib/Target/CPU/Optimize.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/InstrTypes.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

using namespace llvm;
using namespace fpmoe;

/// What the runtime launches.
static constexpr StringLiteral kKernels[] = {"fpmoe_decode", "fpmoe_prefill"};
static constexpr int64_t kThreads = 256;

static Expected<std::unique_ptr<TargetMachine>> createMachine(StringRef arch) {
  static bool initialized = [] {
    InitializeAllTargetInfos();
    InitializeAllTargets();
    InitializeAllTargetMCs();
    InitializeAllAsmPrinters();
    return true;
  }();
  (void)initialized;
  std::string error;
  Triple triple("nvptx64-nvidia-cuda");
  const Target *backend = TargetRegistry::lookupTarget(triple, error);
  if (!backend)
    return createStringError("gpu '" + arch + "': " + error);
  return std::unique_ptr<TargetMachine>(backend->createTargetMachine(
      triple, arch, /*Features=*/"", TargetOptions(), std::nullopt,
      std::nullopt, CodeGenOptLevel::Aggressive));
}

Expected<int64_t> fpmoe::getBlockThreads(mlir::ModuleOp module) {
  std::optional<int64_t> threads;
  for (StringRef name : kKernels) {
    auto kernel = module.lookupSymbol<mlir::LLVM::LLVMFuncOp>(name);
    if (!kernel || !kernel->hasAttr("nvvm.kernel"))
      return createStringError("the code for GPUs has no kernel '" + name +
                               "'");
    int64_t count = kThreads;
    for (StringRef attribute : {"nvvm.maxntid", "nvvm.reqntid"})
      if (auto sizes =
              kernel->getAttrOfType<mlir::DenseI32ArrayAttr>(attribute)) {
        count = 1;
        for (int32_t size : sizes.asArrayRef())
          count *= size;
      }
    if (threads && *threads != count)
      return createStringError("the kernels '" + kKernels[0] + "' and '" +
                               name + "' have blocks of " + Twine(*threads) +
                               " and " + Twine(count) +
                               " threads; a level has blocks of one size");
    threads = count;
  }
  return *threads;
}

static void addAttributes(Function &function, StringRef arch) {
  // So that the IR says by itself what it is for.
  function.addFnAttr("target-cpu", arch);
  function.addFnAttr(Attribute::NoUnwind);
  // A barrier may be in it, or in what an assembler reads. LLVM takes the
  // attribute off functions where it sees that there is none.
  function.setConvergent();
  for (Instruction &instruction : instructions(function))
    if (auto *call = dyn_cast<CallBase>(&instruction);
        call && call->isInlineAsm())
      call->setConvergent();
}

Expected<std::unique_ptr<llvm::Module>>
fpmoe::translateKernels(mlir::ModuleOp module, StringRef arch,
                        LLVMContext &context) {
  Expected<std::unique_ptr<TargetMachine>> machine = createMachine(arch);
  if (!machine)
    return machine.takeError();
  std::string problems;
  mlir::ScopedDiagnosticHandler handler(
      module.getContext(), [&](mlir::Diagnostic &diagnostic) {
        problems += (problems.empty() ? "" : "; ") + diagnostic.str();
        return mlir::success();
      });
  std::unique_ptr<llvm::Module> result =
      mlir::translateModuleToLLVMIR(module, context, "cuda");
  if (!result)
    return createStringError("the code for GPUs could not be translated: " +
                             problems);
  result->setTargetTriple((*machine)->getTargetTriple());
  result->setDataLayout((*machine)->createDataLayout());
  for (GlobalValue &value : result->global_values()) {
    auto *function = dyn_cast<Function>(&value);
    if (!value.isDeclaration() &&
        !(function && function->getCallingConv() == CallingConv::PTX_Kernel))
      value.setLinkage(GlobalValue::InternalLinkage);
  }
  for (Function &function : *result)
    if (!function.isDeclaration())
      addAttributes(function, arch);
  optimizeModule(*result, **machine);
  return std::move(result);
}

Expected<std::string> fpmoe::emitPtx(llvm::Module &module, StringRef arch) {
  Expected<std::unique_ptr<TargetMachine>> machine = createMachine(arch);
  if (!machine)
    return machine.takeError();
  SmallString<0> text;
  raw_svector_ostream out(text);
  legacy::PassManager codegen;
  if ((*machine)->addPassesToEmitFile(codegen, out, nullptr,
                                      CodeGenFileType::AssemblyFile))
    return createStringError("gpu '" + arch +
                             "': the backend cannot write PTX");
  codegen.run(module);
  return std::string(text);
}
