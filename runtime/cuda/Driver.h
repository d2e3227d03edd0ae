//===- Driver.h - NVIDIA's driver, opened while running ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The functions of the CUDA driver API that are used, found in libcuda.so.1 by
// name: a program that has code for GPUs starts where there is no driver.
// Declared here as the CUDA Driver API documents them, whose headers few have.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CUDA_DRIVER_H
#define FPMOE_RUNTIME_CUDA_DRIVER_H

#include "runtime/core/Status.h"

#include <cstddef>
#include <cstdint>

namespace fpmoe::cuda {

// Types of the driver API, by their names there.
using CUdevice = int;
using CUdeviceptr = unsigned long long;
using CUcontext = struct CUctx_st *;
using CUmodule = struct CUmod_st *;
using CUfunction = struct CUfunc_st *;
using CUstream = struct CUstream_st *;
using CUevent = struct CUevent_st *;

/// Of CUresult, what is told apart.
enum CUresult : int {
  CUDA_SUCCESS = 0,
  CUDA_ERROR_OUT_OF_MEMORY = 2,
  CUDA_ERROR_NO_DEVICE = 100,
  CUDA_ERROR_INVALID_IMAGE = 200,
  CUDA_ERROR_NO_BINARY_FOR_GPU = 209,
  CUDA_ERROR_INVALID_PTX = 218,
  CUDA_ERROR_JIT_COMPILER_NOT_FOUND = 221,
  CUDA_ERROR_UNSUPPORTED_PTX_VERSION = 222,
};

/// Of CUdevice_attribute.
enum CUdevice_attribute : int {
  CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT = 16,
  CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE = 38,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR = 75,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR = 76,
  CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH = 95,
  CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN = 97,
};

/// Of CUfunction_attribute.
enum CUfunction_attribute : int {
  CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES = 1,
  CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES = 8,
};

/// Of CUjit_option.
enum CUjit_option : int {
  CU_JIT_ERROR_LOG_BUFFER = 5,
  CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES = 6,
};

constexpr unsigned CU_STREAM_NON_BLOCKING = 1;
constexpr unsigned CU_EVENT_DISABLE_TIMING = 2;

// Name, name in the library, parameters.
#define FPMOE_CUDA_FUNCTIONS(X)                                                \
  X(cuInit, "cuInit", (unsigned flags))                                        \
  X(cuDriverGetVersion, "cuDriverGetVersion", (int *version))                  \
  X(cuGetErrorName, "cuGetErrorName", (CUresult error, const char **name))     \
  X(cuGetErrorString, "cuGetErrorString", (CUresult error, const char **text)) \
  X(cuDeviceGetCount, "cuDeviceGetCount", (int *count))                        \
  X(cuDeviceGet, "cuDeviceGet", (CUdevice * device, int number))               \
  X(cuDeviceGetName, "cuDeviceGetName",                                        \
    (char *name, int bytes, CUdevice device))                                  \
  X(cuDeviceTotalMem, "cuDeviceTotalMem_v2",                                   \
    (size_t * bytes, CUdevice device))                                         \
  X(cuDeviceGetAttribute, "cuDeviceGetAttribute",                              \
    (int *value, CUdevice_attribute attribute, CUdevice device))               \
  X(cuDevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain",                      \
    (CUcontext * context, CUdevice device))                                    \
  X(cuDevicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2",                 \
    (CUdevice device))                                                         \
  X(cuCtxPushCurrent, "cuCtxPushCurrent_v2", (CUcontext context))              \
  X(cuCtxPopCurrent, "cuCtxPopCurrent_v2", (CUcontext * context))              \
  X(cuModuleLoadDataEx, "cuModuleLoadDataEx",                                  \
    (CUmodule * module, const void *image, unsigned count,                     \
     CUjit_option *options, void **values))                                    \
  X(cuModuleUnload, "cuModuleUnload", (CUmodule module))                       \
  X(cuModuleGetFunction, "cuModuleGetFunction",                                \
    (CUfunction * function, CUmodule module, const char *name))                \
  X(cuFuncGetAttribute, "cuFuncGetAttribute",                                  \
    (int *value, CUfunction_attribute attribute, CUfunction function))         \
  X(cuFuncSetAttribute, "cuFuncSetAttribute",                                  \
    (CUfunction function, CUfunction_attribute attribute, int value))          \
  X(cuOccupancyMaxActiveBlocksPerMultiprocessor,                               \
    "cuOccupancyMaxActiveBlocksPerMultiprocessor",                             \
    (int *blocks, CUfunction function, int threads, size_t sharedBytes))       \
  X(cuMemGetInfo, "cuMemGetInfo_v2", (size_t * free, size_t * total))          \
  X(cuMemAlloc, "cuMemAlloc_v2", (CUdeviceptr * to, size_t bytes))             \
  X(cuMemFree, "cuMemFree_v2", (CUdeviceptr at))                               \
  X(cuMemHostAlloc, "cuMemHostAlloc",                                          \
    (void **to, size_t bytes, unsigned flags))                                 \
  X(cuMemFreeHost, "cuMemFreeHost", (void *at))                                \
  X(cuMemcpyHtoDAsync, "cuMemcpyHtoDAsync_v2",                                 \
    (CUdeviceptr to, const void *from, size_t bytes, CUstream stream))         \
  X(cuMemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2",                                 \
    (void *to, CUdeviceptr from, size_t bytes, CUstream stream))               \
  X(cuMemsetD8Async, "cuMemsetD8Async",                                        \
    (CUdeviceptr to, unsigned char value, size_t count, CUstream stream))      \
  X(cuStreamCreate, "cuStreamCreate", (CUstream * stream, unsigned flags))     \
  X(cuStreamDestroy, "cuStreamDestroy_v2", (CUstream stream))                  \
  X(cuStreamSynchronize, "cuStreamSynchronize", (CUstream stream))             \
  X(cuEventCreate, "cuEventCreate", (CUevent * event, unsigned flags))         \
  X(cuEventDestroy, "cuEventDestroy_v2", (CUevent event))                      \
  X(cuEventRecord, "cuEventRecord", (CUevent event, CUstream stream))          \
  X(cuEventSynchronize, "cuEventSynchronize", (CUevent event))                 \
  X(cuLaunchCooperativeKernel, "cuLaunchCooperativeKernel",                    \
    (CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ,      \
     unsigned blockX, unsigned blockY, unsigned blockZ, unsigned sharedBytes,  \
     CUstream stream, void **arguments))

class Driver {
public:
  /// Opens and starts the driver, once. The error says what is missing.
  Status open();
  bool isOpen() const { return version > 0; }

  /// "CUDA 12.8": the newest version of CUDA that the driver runs.
  std::string versionText() const;
  /// "what: CUDA_ERROR_...: the driver's words", or success.
  Status check(CUresult result, const std::string &what) const;

#define FPMOE_CUDA_MEMBER(name, symbol, parameters)                            \
  CUresult(*name) parameters = nullptr;
  FPMOE_CUDA_FUNCTIONS(FPMOE_CUDA_MEMBER)
#undef FPMOE_CUDA_MEMBER

private:
  int version = 0; ///< 12080
};

} // namespace fpmoe::cuda

#endif // FPMOE_RUNTIME_CUDA_DRIVER_H
