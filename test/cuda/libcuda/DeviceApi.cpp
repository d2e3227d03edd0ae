//===- DeviceApi.cpp - devices and contexts ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Devices, contexts, the names of errors.
//
//===----------------------------------------------------------------------===//

#include "Driver.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

using namespace fpmoe;
using namespace fpmoe::libcuda;

FPMOE_CUDA cuInit(unsigned flags) {
  FPMOE_ENTER(false);
  if (flags)
    return CUDA_ERROR_INVALID_VALUE;
  driver.initialised = true;
  return CUDA_SUCCESS;
}

// Needs no cuInit.
FPMOE_CUDA cuDriverGetVersion(int *version) {
  *version = Driver::get().settings.driverVersion;
  return CUDA_SUCCESS;
}

FPMOE_CUDA cuDeviceGetCount(int *count) {
  FPMOE_ENTER(false);
  *count = 1;
  return CUDA_SUCCESS;
}

FPMOE_CUDA cuDeviceGet(CUdevice *device, int index) {
  FPMOE_ENTER(false);
  if (index != 0)
    return CUDA_ERROR_INVALID_DEVICE;
  *device = index;
  return CUDA_SUCCESS;
}

FPMOE_CUDA cuDeviceGetName(char *name, int bytes, CUdevice) {
  FPMOE_ENTER(false);
  std::snprintf(name, bytes, "fpmoe emulator sm_%u",
                driver.settings.capability);
  return CUDA_SUCCESS;
}

FPMOE_CUDA cuDeviceTotalMem_v2(size_t *bytes, CUdevice) {
  FPMOE_ENTER(false);
  *bytes = driver.settings.memoryBytes;
  return CUDA_SUCCESS;
}

FPMOE_CUDA cuDeviceGetAttribute(int *value, int attribute, CUdevice) {
  FPMOE_ENTER(false);
  const Settings &settings = driver.settings;
  switch (attribute) {
  case 1: // max threads per block
    *value = 1024;
    return CUDA_SUCCESS;
  case 8: // max shared memory per block, without opting in
    *value = 48 << 10;
    return CUDA_SUCCESS;
  case 10: // warp size
    *value = 32;
    return CUDA_SUCCESS;
  case 13: // clock rate, kHz
    *value = 1000000;
    return CUDA_SUCCESS;
  case 16: // multiprocessors
    *value = settings.multiprocessors;
    return CUDA_SUCCESS;
  case 19: // can map host memory
  case 41: // unified addressing
  case 95: // cooperative launch
    *value = 1;
    return CUDA_SUCCESS;
  case 38: // L2 cache, bytes
    *value = 50 << 20;
    return CUDA_SUCCESS;
  case 39: // max threads per multiprocessor
    *value = 2048;
    return CUDA_SUCCESS;
  case 75:
    *value = settings.capability / 10;
    return CUDA_SUCCESS;
  case 76:
    *value = settings.capability % 10;
    return CUDA_SUCCESS;
  case 81: // max shared memory per multiprocessor
    *value = settings.sharedBytes + 1024;
    return CUDA_SUCCESS;
  case 97: // max shared memory per block, opted in
    *value = settings.sharedBytes;
    return CUDA_SUCCESS;
  case 111: // reserved shared memory per block
    *value = 1024;
    return CUDA_SUCCESS;
  default:
    return driver.fail(CUDA_ERROR_NOT_SUPPORTED, "device attribute " +
                                                     std::to_string(attribute) +
                                                     " is not modelled");
  }
}

static void *const context = reinterpret_cast<void *>(0x1000);

FPMOE_CUDA cuDevicePrimaryCtxRetain(void **to, CUdevice) {
  FPMOE_ENTER(false);
  *to = context;
  return CUDA_SUCCESS;
}
FPMOE_CUDA cuDevicePrimaryCtxRelease_v2(CUdevice) {
  FPMOE_ENTER(false);
  return CUDA_SUCCESS;
}
FPMOE_CUDA cuDevicePrimaryCtxSetFlags_v2(CUdevice, unsigned) {
  FPMOE_ENTER(false);
  return CUDA_SUCCESS;
}
FPMOE_CUDA cuCtxCreate_v2(void **to, unsigned, CUdevice) {
  FPMOE_ENTER(false);
  *to = context;
  driver.hasContext = true;
  return CUDA_SUCCESS;
}
FPMOE_CUDA cuCtxDestroy_v2(void *) {
  FPMOE_ENTER();
  driver.hasContext = false;
  return CUDA_SUCCESS;
}
FPMOE_CUDA cuCtxSetCurrent(void *to) {
  FPMOE_ENTER(false);
  driver.hasContext = to != nullptr;
  return CUDA_SUCCESS;
}
FPMOE_CUDA cuCtxPushCurrent_v2(void *) {
  FPMOE_ENTER(false);
  driver.hasContext = true;
  return CUDA_SUCCESS;
}
FPMOE_CUDA cuCtxPopCurrent_v2(void **to) {
  FPMOE_ENTER();
  driver.hasContext = false;
  if (to)
    *to = context;
  return CUDA_SUCCESS;
}
FPMOE_CUDA cuCtxGetCurrent(void **to) {
  FPMOE_ENTER(false);
  *to = driver.hasContext ? context : nullptr;
  return CUDA_SUCCESS;
}
FPMOE_CUDA cuCtxGetDevice(CUdevice *device) {
  FPMOE_ENTER();
  *device = 0;
  return CUDA_SUCCESS;
}
FPMOE_CUDA cuCtxSynchronize() {
  FPMOE_ENTER();
  return driver.runAll();
}

namespace {
struct Name {
  CUresult error;
  const char *name, *text;
};
} // namespace
static const Name names[] = {
    {CUDA_SUCCESS, "CUDA_SUCCESS", "no error"},
    {CUDA_ERROR_INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {CUDA_ERROR_OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {CUDA_ERROR_NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED",
     "initialization error"},
    {CUDA_ERROR_DEVICE_UNAVAILABLE, "CUDA_ERROR_DEVICE_UNAVAILABLE",
     "CUDA-capable device(s) is/are busy or unavailable"},
    {CUDA_ERROR_NO_DEVICE, "CUDA_ERROR_NO_DEVICE",
     "no CUDA-capable device is detected"},
    {CUDA_ERROR_INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE",
     "invalid device ordinal"},
    {CUDA_ERROR_INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE",
     "device kernel image is invalid"},
    {CUDA_ERROR_INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT",
     "invalid device context"},
    {CUDA_ERROR_NO_BINARY_FOR_GPU, "CUDA_ERROR_NO_BINARY_FOR_GPU",
     "no kernel image is available for execution on the device"},
    {CUDA_ERROR_INVALID_PTX, "CUDA_ERROR_INVALID_PTX",
     "a PTX JIT compilation failed"},
    {CUDA_ERROR_FILE_NOT_FOUND, "CUDA_ERROR_FILE_NOT_FOUND", "file not found"},
    {CUDA_ERROR_INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE",
     "invalid resource handle"},
    {CUDA_ERROR_NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {CUDA_ERROR_NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
    {CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES",
     "too many resources requested for launch"},
    {CUDA_ERROR_LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED",
     "unspecified launch failure"},
    {CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE,
     "CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE",
     "too many blocks in cooperative launch"},
    {CUDA_ERROR_NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED",
     "operation not supported"},
    {CUDA_ERROR_UNKNOWN, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

static CUresult describe(CUresult error, const char **to,
                         const char *Name::*what) {
  const Name *found =
      std::find_if(std::begin(names), std::end(names),
                   [&](const Name &name) { return name.error == error; });
  *to = found == std::end(names) ? nullptr : found->*what;
  return *to ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
FPMOE_CUDA cuGetErrorName(CUresult error, const char **name) {
  return describe(error, name, &Name::name);
}
FPMOE_CUDA cuGetErrorString(CUresult error, const char **text) {
  return describe(error, text, &Name::text);
}
