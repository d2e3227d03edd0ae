//===- Object.cpp - From the LLVM dialect to an object file ---------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CPU/Object.h"
#include "lib/Target/CPU/Optimize.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/Linker/Linker.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

using namespace llvm;
using namespace fpmoe;

static Expected<std::unique_ptr<TargetMachine>>
createMachine(const CpuTarget &target) {
  static bool initialized = [] {
    InitializeAllTargetInfos();
    InitializeAllTargets();
    InitializeAllTargetMCs();
    InitializeAllAsmPrinters();
    return true;
  }();
  (void)initialized;
  std::string error;
  Triple triple(target.triple);
  const Target *backend = TargetRegistry::lookupTarget(triple, error);
  if (!backend)
    return createStringError("cpu '" + target.name + "': " + error);
  return std::unique_ptr<TargetMachine>(backend->createTargetMachine(
      triple, target.cpu, target.features, TargetOptions(), Reloc::PIC_,
      std::nullopt, CodeGenOptLevel::Aggressive));
}

std::string fpmoe::getLevelSymbol(StringRef name, StringRef level,
                                  size_t numLevels) {
  return name.str() + (numLevels == 1 ? "" : "." + level.str());
}

/// The code of one of `numLevels` levels.
static Expected<std::unique_ptr<llvm::Module>>
translateLevel(LevelModule level, size_t numLevels, StringRef name,
               LLVMContext &context) {
  const CpuTarget &target = level.target;
  Expected<std::unique_ptr<TargetMachine>> machine = createMachine(target);
  if (!machine)
    return machine.takeError();
  std::unique_ptr<llvm::Module> result =
      mlir::translateModuleToLLVMIR(level.module, context, name);
  if (!result)
    return createStringError("the LLVM dialect could not be translated");
  result->setTargetTriple(Triple(target.triple));
  result->setDataLayout((*machine)->createDataLayout());
  result->setPICLevel(PICLevel::BigPIC);
  for (GlobalValue &value : result->global_values())
    if (!value.isDeclaration())
      value.setName(getLevelSymbol(value.getName(), target.name, numLevels));
  for (Function &function : *result) {
    if (function.isDeclaration())
      continue;
    // The level must be on each function: linking and inlining look there.
    function.addFnAttr("target-cpu", target.cpu);
    if (!target.features.empty())
      function.addFnAttr("target-features", target.features);
    function.addFnAttr(Attribute::NoUnwind);
  }
  return std::move(result);
}

Expected<std::unique_ptr<llvm::Module>>
fpmoe::translateToLLVM(ArrayRef<LevelModule> levels,
                       const ProgramDescription &description,
                       LLVMContext &context) {
  std::unique_ptr<llvm::Module> result;
  for (const LevelModule &level : levels) {
    if (level.target.isGpu)
      continue; // its code is the images of the description
    Expected<std::unique_ptr<llvm::Module>> code =
        translateLevel(level, levels.size(), description.name, context);
    if (!code)
      return code.takeError();
    if (!result)
      result = std::move(*code);
    else if (Linker::linkModules(*result, std::move(*code)))
      return createStringError("the code of the level " + level.target.name +
                               " could not be added to that of the others");
  }
  if (!result) {
    const CpuTarget &host = levels.back().target;
    Expected<std::unique_ptr<TargetMachine>> machine = createMachine(host);
    if (!machine)
      return machine.takeError();
    result = std::make_unique<llvm::Module>(description.name, context);
    result->setTargetTriple(Triple(host.triple));
    result->setDataLayout((*machine)->createDataLayout());
    result->setPICLevel(PICLevel::BigPIC);
  }
  addDescriptor(*result, description);
  return std::move(result);
}

Error fpmoe::emitObject(llvm::Module &module, const CpuTarget &target,
                        raw_pwrite_stream &out, bool assembly) {
  Expected<std::unique_ptr<TargetMachine>> machine = createMachine(target);
  if (!machine)
    return machine.takeError();
  optimizeModule(module, **machine);
  legacy::PassManager codegen;
  if ((*machine)->addPassesToEmitFile(codegen, out, nullptr,
                                      assembly ? CodeGenFileType::AssemblyFile
                                               : CodeGenFileType::ObjectFile))
    return createStringError("cpu '" + target.name +
                             "': the backend cannot write this file");
  codegen.run(module);
  return Error::success();
}
