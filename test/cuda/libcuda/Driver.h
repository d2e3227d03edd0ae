//===- Driver.h - the state of the emulated driver ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The state of the emulated driver, and the few types of its interface: as the
// CUDA driver API has them, whose headers tests cannot rely on.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TEST_CUDA_LIBCUDA_DRIVER_H
#define FPMOE_TEST_CUDA_LIBCUDA_DRIVER_H

#include "test/cuda/emulator/Device.h"
#include <deque>
#include <functional>
#include <mutex>

enum CUresult : int {
  CUDA_SUCCESS = 0,
  CUDA_ERROR_INVALID_VALUE = 1,
  CUDA_ERROR_OUT_OF_MEMORY = 2,
  CUDA_ERROR_NOT_INITIALIZED = 3,
  CUDA_ERROR_DEVICE_UNAVAILABLE = 46,
  CUDA_ERROR_NO_DEVICE = 100,
  CUDA_ERROR_INVALID_DEVICE = 101,
  CUDA_ERROR_INVALID_IMAGE = 200,
  CUDA_ERROR_INVALID_CONTEXT = 201,
  CUDA_ERROR_NO_BINARY_FOR_GPU = 209,
  CUDA_ERROR_INVALID_PTX = 218,
  CUDA_ERROR_FILE_NOT_FOUND = 301,
  CUDA_ERROR_INVALID_HANDLE = 400,
  CUDA_ERROR_NOT_FOUND = 500,
  CUDA_ERROR_NOT_READY = 600,
  CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES = 701,
  CUDA_ERROR_LAUNCH_FAILED = 719,
  CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE = 720,
  CUDA_ERROR_NOT_SUPPORTED = 801,
  CUDA_ERROR_UNKNOWN = 999,
};
using CUdevice = int;
using CUdeviceptr = unsigned long long;

namespace fpmoe::libcuda {

// From the environment; see the README.
struct Settings {
  unsigned capability, multiprocessors, driverVersion;
  uint64_t memoryBytes, sharedBytes, seed;
  emulator::Copies copies;
  std::string images;       // folder
  std::string failFunction; // this one fails ...
  int failCode = 0;         // ... with this code ...
  uint64_t failCall = 0;    // ... at this call; 0: at all
  uint64_t failKernel = 0;  // the kernel that faults, counted from 1
  uint64_t loseDevice = 0;  // the launch at which the device is lost
};

// Work that the host has given and that nothing has waited for: it is carried
// out only then, so that a missing wait is seen.
struct Stream {
  std::deque<std::function<CUresult()>> work;
  uint64_t done = 0, given = 0;
  CUresult run(uint64_t upTo);
  CUresult runAll() { return run(given); }
};

struct Event {
  Stream *stream = nullptr;
  uint64_t position = 0;
};

struct Function {
  const emulator::Kernel *kernel;
  uint64_t dynamicShared = 48 << 10; // the most that a launch may ask for
};

struct Module {
  std::unique_ptr<emulator::Program> program;
  std::deque<Function> functions;
};

class Driver {
public:
  static Driver &get();
  // What a call of this name is to return at once; success: carry it out.
  CUresult enter(const char *function, bool needsContext = true);
  CUresult fail(CUresult error, const std::string &why);
  CUresult runAll();

  const Settings settings;
  emulator::Device device;
  bool initialised = false, hasContext = false;
  CUresult sticky = CUDA_SUCCESS; // a fault of a kernel ends the context
  uint64_t usedBytes = 0, launches = 0, kernels = 0;
  std::map<uint64_t, uint64_t> allocations; // address, bytes
  std::map<uint64_t, uint64_t> pinned;
  Stream defaultStream;
  std::vector<std::unique_ptr<Stream>> streams;
  std::map<std::string, uint64_t> calls;
  std::recursive_mutex mutex;

private:
  Driver();
};

// Reads an image: bitcode or text of LLVM, or what was made of it.
llvm::Expected<std::unique_ptr<emulator::Program>>
loadImage(Driver &driver, const void *image, CUresult &error);

} // namespace fpmoe::libcuda

#define FPMOE_CUDA extern "C" __attribute__((visibility("default"))) CUresult
// The start of each function of the interface.
#define FPMOE_ENTER(...)                                                       \
  Driver &driver = Driver::get();                                              \
  std::lock_guard<std::recursive_mutex> lock(driver.mutex);                    \
  if (CUresult error = driver.enter(__func__, ##__VA_ARGS__))                  \
  return error

#endif
