//===- Device.cpp - the emulated GPU ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Device.h"
#include "Launch.h"
#include "Translate.h"

#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IRReader/IRReader.h"
#include "llvm/Linker/Linker.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Host.h"
#include <cmath>

using namespace llvm;
using namespace fpmoe::emulator;

const Kernel *Program::find(StringRef name) const {
  for (const Kernel &kernel : kernels)
    if (kernel.name == name)
      return &kernel;
  return nullptr;
}

std::pair<uint64_t, uint64_t> Program::findVariable(StringRef name) const {
  auto found = variables.find(name.str());
  return found == variables.end() ? std::pair<uint64_t, uint64_t>{}
                                  : found->second;
}

namespace {
struct CompiledProgram : Program {
  std::unique_ptr<orc::LLJIT> jit;
};
} // namespace

Device::Device(DeviceOptions options) : options(options), races(memory) {
  InitializeNativeTarget();
  InitializeNativeTargetAsmPrinter();
  newSite(); // 0 is no site
}

Site &Device::newSite() {
  sites.push_back(std::make_unique<Site>());
  sites.back()->id = sites.size() - 1;
  return *sites.back();
}

// Rounding to bf16 to nearest even, which not every C library has.
static const char *const helperFunctions = R"(
define bfloat @__truncsfbf2(float %x) {
  %bits = bitcast float %x to i32
  %nan = fcmp uno float %x, %x
  %high = lshr i32 %bits, 16
  %odd = and i32 %high, 1
  %half = add i32 %odd, 32767
  %sum = add i32 %bits, %half
  %shifted = lshr i32 %sum, 16
  %rounded = select i1 %nan, i32 32767, i32 %shifted
  %short = trunc i32 %rounded to i16
  %result = bitcast i16 %short to bfloat
  ret bfloat %result
}
define bfloat @__truncdfbf2(double %x) {
  %single = fptrunc double %x to float
  %result = call bfloat @__truncsfbf2(float %single)
  ret bfloat %result
}
)";

static void optimise(Module &module, TargetMachine &machine) {
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager graph;
  ModuleAnalysisManager modules;
  PipelineTuningOptions tuning;
  tuning.LoopVectorization = tuning.SLPVectorization = false;
  tuning.LoopUnrolling = false;
  PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graph, modules);
  builder.buildPerModuleDefaultPipeline(OptimizationLevel::O1)
      .run(module, modules);
}

static Expected<std::unique_ptr<Module>> readModule(MemoryBufferRef image,
                                                    LLVMContext &context) {
  SMDiagnostic diagnostic;
  std::unique_ptr<Module> module = parseIR(image, diagnostic, context);
  if (module)
    return module;
  std::string message;
  raw_string_ostream stream(message);
  diagnostic.print("", stream, /*ShowColors=*/false);
  return createStringError(StringRef(message).trim());
}

Expected<std::unique_ptr<Program>> Device::load(MemoryBufferRef image) {
  auto context = std::make_unique<LLVMContext>();
  auto module = readModule(image, *context);
  if (!module)
    return module.takeError();
  auto program = std::make_unique<CompiledProgram>();
  if (Error error = translate(**module, *this, *program))
    return std::move(error);
  if (sites.size() > Epoch::maxSite)
    return createStringError("more instructions than the race detector can "
                             "tell apart");
  auto host = orc::JITTargetMachineBuilder::detectHost();
  if (!host)
    return host.takeError();
  auto machine = host->createTargetMachine();
  if (!machine)
    return machine.takeError();
  auto helpers =
      readModule(MemoryBufferRef(helperFunctions, "helpers"), *context);
  if (!helpers)
    return helpers.takeError();
  for (Module *each : {module->get(), helpers->get()}) {
    each->setTargetTriple((*machine)->getTargetTriple());
    each->setDataLayout((*machine)->createDataLayout());
  }
  if (Linker::linkModules(**module, std::move(*helpers)))
    return createStringError("the emulator's own functions do not link");
  optimise(**module, **machine);
  auto jit =
      orc::LLJITBuilder().setJITTargetMachineBuilder(std::move(*host)).create();
  if (!jit)
    return jit.takeError();
  program->jit = std::move(*jit);
  if (Error error = program->jit->addIRModule(
          orc::ThreadSafeModule(std::move(*module), std::move(context))))
    return std::move(error);
  for (Kernel &kernel : program->kernels) {
    auto entry = program->jit->lookup(entryName(kernel));
    if (!entry)
      return entry.takeError();
    kernel.entry = entry->toPtr<void (*)(void **)>();
  }
  return std::unique_ptr<Program>(std::move(program));
}

Error Device::launch(const Kernel &kernel, const LaunchConfig &config,
                     void **arguments) {
  uint64_t threads = config.block.count();
  if (threads == 0 || config.grid.count() == 0)
    return createStringError("kernel '" + kernel.name +
                             "': an empty grid or block");
  if (threads > kernel.maxThreads)
    return createStringError("kernel '" + kernel.name + "' is for at most " +
                             Twine(kernel.maxThreads) +
                             " threads of a block, not for " + Twine(threads));
  if (kernel.requiredThreads && threads != kernel.requiredThreads)
    return createStringError("kernel '" + kernel.name + "' is for " +
                             Twine(kernel.requiredThreads) +
                             " threads of a block, not for " + Twine(threads));
  uint64_t shared = kernel.staticSharedBytes + config.sharedBytes;
  if (shared > options.maxSharedBytes)
    return createStringError("kernel '" + kernel.name + "' has " +
                             Twine(shared) +
                             " bytes of shared memory, and a block may have " +
                             Twine(options.maxSharedBytes));
  return Launch(*this, kernel, config, arguments).run();
}
