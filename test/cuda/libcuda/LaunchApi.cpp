//===- LaunchApi.cpp - launches, streams, events ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Modules, functions, launches.
//
//===----------------------------------------------------------------------===//

#include "Driver.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

using namespace fpmoe;
using namespace fpmoe::libcuda;

FPMOE_CUDA cuModuleLoadDataEx(void **to, const void *image, unsigned count,
                              const int *options, void **values) {
  FPMOE_ENTER();
  CUresult error;
  auto program = loadImage(driver, image, error);
  if (program) {
    auto *module = new Module;
    module->program = std::move(*program);
    *to = module;
    return CUDA_SUCCESS;
  }
  std::string why = toString(program.takeError());
  // CU_JIT_ERROR_LOG_BUFFER and its size.
  char *log = nullptr;
  size_t bytes = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (options[i] == 5)
      log = static_cast<char *>(values[i]);
    if (options[i] == 6)
      bytes = reinterpret_cast<size_t>(values[i]);
  }
  if (!log || !bytes)
    return driver.fail(error, why);
  std::snprintf(log, bytes, "%s", why.c_str());
  return error;
}
FPMOE_CUDA cuModuleLoadData(void **to, const void *image) {
  return cuModuleLoadDataEx(to, image, 0, nullptr, nullptr);
}

FPMOE_CUDA cuModuleUnload(void *module) {
  FPMOE_ENTER();
  if (CUresult error = driver.runAll())
    return error;
  delete static_cast<Module *>(module);
  return CUDA_SUCCESS;
}

FPMOE_CUDA cuModuleGetFunction(void **to, void *module, const char *name) {
  FPMOE_ENTER();
  auto &from = *static_cast<Module *>(module);
  const emulator::Kernel *kernel = from.program->find(name);
  if (!kernel)
    return CUDA_ERROR_NOT_FOUND;
  from.functions.push_back({kernel});
  *to = &from.functions.back();
  return CUDA_SUCCESS;
}

FPMOE_CUDA cuModuleGetGlobal_v2(CUdeviceptr *address, size_t *bytes,
                                void *module, const char *name) {
  FPMOE_ENTER();
  auto [at, size] = static_cast<Module *>(module)->program->findVariable(name);
  if (!at)
    return CUDA_ERROR_NOT_FOUND;
  if (address)
    *address = at;
  if (bytes)
    *bytes = size;
  return CUDA_SUCCESS;
}

FPMOE_CUDA cuFuncSetAttribute(void *function, int attribute, int value) {
  FPMOE_ENTER();
  auto &of = *static_cast<Function *>(function);
  if (attribute == 9) // the preferred carve-out is a hint
    return CUDA_SUCCESS;
  if (attribute != 8 || value < 0 ||
      of.kernel->staticSharedBytes + value > driver.settings.sharedBytes)
    return CUDA_ERROR_INVALID_VALUE;
  of.dynamicShared = value;
  return CUDA_SUCCESS;
}

FPMOE_CUDA cuFuncGetAttribute(int *value, int attribute, void *function) {
  FPMOE_ENTER();
  const auto &of = *static_cast<Function *>(function);
  switch (attribute) {
  case 0: // max threads per block
    *value = of.kernel->maxThreads;
    return CUDA_SUCCESS;
  case 1: // static shared memory
    *value = of.kernel->staticSharedBytes;
    return CUDA_SUCCESS;
  case 3: // local memory
    *value = 0;
    return CUDA_SUCCESS;
  case 4: // registers, of which the emulator knows nothing
    *value = 32;
    return CUDA_SUCCESS;
  case 8:
    *value = of.dynamicShared;
    return CUDA_SUCCESS;
  default:
    return driver.fail(CUDA_ERROR_NOT_SUPPORTED, "function attribute " +
                                                     std::to_string(attribute) +
                                                     " is not modelled");
  }
}

// By shared memory and threads; registers are not modelled.
static int blocksPerMultiprocessor(const Driver &driver,
                                   const Function &function, uint64_t threads,
                                   uint64_t shared) {
  uint64_t each = function.kernel->staticSharedBytes + shared;
  if (threads == 0 || threads > function.kernel->maxThreads ||
      each > driver.settings.sharedBytes)
    return 0;
  uint64_t byThreads = 2048 / ((threads + 31) / 32 * 32);
  uint64_t byShared = (driver.settings.sharedBytes + 1024) / (each + 1024);
  return std::min<uint64_t>({byThreads, byShared, 32});
}

FPMOE_CUDA cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks,
                                                       void *function,
                                                       int threads,
                                                       size_t shared) {
  FPMOE_ENTER();
  *blocks = blocksPerMultiprocessor(driver, *static_cast<Function *>(function),
                                    threads, shared);
  return CUDA_SUCCESS;
}

static CUresult runKernel(Driver &driver, const emulator::Kernel &kernel,
                          emulator::LaunchConfig config,
                          std::vector<std::vector<char>> &values) {
  uint64_t number = ++driver.kernels;
  config.seed = driver.settings.seed + number;
  config.copies = driver.settings.copies;
  if (number == driver.settings.failKernel)
    return driver.fail(CUDA_ERROR_LAUNCH_FAILED,
                       "kernel '" + kernel.name + "' faults, as asked for");
  std::vector<void *> arguments;
  for (std::vector<char> &value : values)
    arguments.push_back(value.data());
  if (llvm::Error error =
          driver.device.launch(kernel, config, arguments.data()))
    return driver.fail(CUDA_ERROR_LAUNCH_FAILED, toString(std::move(error)));
  return CUDA_SUCCESS;
}

static CUresult launch(Driver &driver, void *handle,
                       const emulator::LaunchConfig &config, void *stream,
                       void **arguments, bool cooperative) {
  auto &function = *static_cast<Function *>(handle);
  const emulator::Kernel &kernel = *function.kernel;
  if (++driver.launches == driver.settings.loseDevice)
    return driver.sticky = CUDA_ERROR_DEVICE_UNAVAILABLE;
  uint64_t threads = config.block.count();
  if (threads == 0 || config.grid.count() == 0 ||
      (!arguments && !kernel.argumentBytes.empty()))
    return CUDA_ERROR_INVALID_VALUE;
  if (config.sharedBytes > function.dynamicShared)
    return CUDA_ERROR_INVALID_VALUE;
  uint64_t resident =
      blocksPerMultiprocessor(driver, function, threads, config.sharedBytes);
  if (resident == 0)
    return CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
  if (cooperative &&
      config.grid.count() > resident * driver.settings.multiprocessors)
    return CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE;
  // Arguments are copied when the launch is given.
  std::vector<std::vector<char>> values;
  for (size_t i = 0; i < kernel.argumentBytes.size(); ++i) {
    const char *from = static_cast<const char *>(arguments[i]);
    values.emplace_back(from, from + kernel.argumentBytes[i]);
  }
  Stream &to = stream ? *static_cast<Stream *>(stream) : driver.defaultStream;
  to.work.push_back([&driver, &kernel, config, values]() mutable {
    return runKernel(driver, kernel, config, values);
  });
  ++to.given;
  return CUDA_SUCCESS;
}

FPMOE_CUDA cuLaunchKernel(void *function, unsigned gridX, unsigned gridY,
                          unsigned gridZ, unsigned blockX, unsigned blockY,
                          unsigned blockZ, unsigned shared, void *stream,
                          void **arguments, void **extra) {
  FPMOE_ENTER();
  if (extra)
    return CUDA_ERROR_NOT_SUPPORTED;
  return launch(driver, function,
                {{gridX, gridY, gridZ}, {blockX, blockY, blockZ}, shared},
                stream, arguments, false);
}

FPMOE_CUDA cuLaunchCooperativeKernel(void *function, unsigned gridX,
                                     unsigned gridY, unsigned gridZ,
                                     unsigned blockX, unsigned blockY,
                                     unsigned blockZ, unsigned shared,
                                     void *stream, void **arguments) {
  FPMOE_ENTER();
  return launch(driver, function,
                {{gridX, gridY, gridZ}, {blockX, blockY, blockZ}, shared},
                stream, arguments, true);
}

namespace {
// As in cuda.h.
struct LaunchAttribute {
  int id;
  char padding[4];
  union {
    char bytes[64];
    int cooperative;
  } value;
};
struct LaunchConfiguration {
  unsigned gridX, gridY, gridZ, blockX, blockY, blockZ, shared;
  void *stream;
  LaunchAttribute *attributes;
  unsigned attributeCount;
};
static_assert(sizeof(LaunchAttribute) == 72);
} // namespace

FPMOE_CUDA cuLaunchKernelEx(const LaunchConfiguration *config, void *function,
                            void **arguments, void **extra) {
  FPMOE_ENTER();
  bool cooperative = false;
  for (unsigned i = 0; i < config->attributeCount; ++i) {
    const LaunchAttribute &attribute = config->attributes[i];
    if (attribute.id == 2) // CU_LAUNCH_ATTRIBUTE_COOPERATIVE
      cooperative = attribute.value.cooperative;
    else if (attribute.id != 0)
      return driver.fail(CUDA_ERROR_NOT_SUPPORTED,
                         "launch attribute " + std::to_string(attribute.id) +
                             " is not modelled");
  }
  if (extra)
    return CUDA_ERROR_NOT_SUPPORTED;
  return launch(driver, function,
                {{config->gridX, config->gridY, config->gridZ},
                 {config->blockX, config->blockY, config->blockZ},
                 config->shared},
                config->stream, arguments, cooperative);
}
