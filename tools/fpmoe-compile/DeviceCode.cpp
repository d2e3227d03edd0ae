//===- DeviceCode.cpp - What a level of GPUs runs -------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/fpmoe-compile/DeviceCode.h"
#include "lib/Target/CUDA/Assemble.h"
#include "lib/Target/CUDA/Ptx.h"
#include "lib/Target/CUDA/Target.h"
#include "lib/Tool/Output.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace fpmoe;

static Error makeImages(ArrayRef<std::string> gpus, StringRef ptxArch,
                        DeviceCode &code) {
  std::optional<std::string> ptxas = findPtxas();
  if (!ptxas)
    errs() << "note: there is no ptxas in the PATH, nor in bin of CUDA_HOME: "
              "the program has PTX alone, which the driver compiles when it "
              "starts first\n";
  for (const std::string &gpu : gpus) {
    if (!ptxas)
      break;
    Expected<std::string> cubin = assemblePtx(*ptxas, code.ptx, gpu);
    if (!cubin)
      return cubin.takeError();
    code.images.push_back({gpu, std::move(*cubin)});
  }
  code.images.push_back({("compute_" + ptxArch.drop_front(3)).str(),
                         code.ptx + std::string(1, '\0')});
  return Error::success();
}

/// What there is of it.
static Error dump(StringRef directory, const Targets &targets,
                  const DeviceCode &code) {
  if (Error error = writeText(
          listDumps(directory, Phase::LLVM, targets).front(), code.ir))
    return error;
  if (code.images.empty())
    return Error::success();
  std::vector<std::string> paths = listDumps(directory, Phase::Object, targets);
  if (Error error = writeText(paths.front(), code.ptx))
    return error;
  for (size_t i = 0; i + 1 < code.images.size(); ++i)
    if (Error error = writeText(paths[1 + i], code.images[i].data))
      return error;
  return Error::success();
}

Error fpmoe::checkSharedMemory(const Targets &targets,
                               const LevelDescription &level,
                               mlir::ModuleOp module) {
  int64_t own = 0; // of the code itself
  mlir::DataLayout layout(module);
  for (auto global : module.getOps<mlir::LLVM::GlobalOp>())
    if (global.getAddrSpace() ==
        static_cast<unsigned>(mlir::NVVM::NVVMMemorySpace::Shared))
      own += layout.getTypeSize(global.getType());
  for (const std::string &gpu : targets.gpus) {
    int64_t room = getSharedMemory(gpu);
    if (own + level.privateBytes > room)
      return createStringError(
          "gpu '" + gpu + "' has " + Twine(room) +
          " bytes of shared memory for a block, and the model needs " +
          Twine(own + level.privateBytes) + ": " + Twine(own) +
          " for sums, and " + Twine(level.privateBytes) +
          " for private buffers, of which '" + level.largestPrivate +
          "' takes " + Twine(level.largestPrivateBytes) +
          "; compile for larger ones alone (--gpu), or for the CPU");
  }
  return Error::success();
}

Expected<DeviceCode> fpmoe::makeDeviceCode(const CompileOptions &options,
                                           const Targets &targets,
                                           mlir::ModuleOp module) {
  DeviceCode code;
  if (Error error = getBlockThreads(module).moveInto(code.threads))
    return std::move(error);
  StringRef arch = getForwardArch(targets.gpus.front());
  LLVMContext context;
  Expected<std::unique_ptr<llvm::Module>> kernels =
      translateKernels(module, arch, context);
  if (!kernels)
    return kernels.takeError();
  raw_string_ostream(code.ir) << **kernels;
  if (options.stopAfter >= Phase::Object) {
    if (Error error = emitPtx(**kernels, arch).moveInto(code.ptx))
      return std::move(error);
    if (Error error = makeImages(targets.gpus, arch, code))
      return std::move(error);
  }
  if (!options.dumpDirectory.empty())
    if (Error error = dump(options.dumpDirectory, targets, code))
      return std::move(error);
  return std::move(code);
}
