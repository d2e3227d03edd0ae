//===- Driver.cpp - NVIDIA's driver, opened while running ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The driver stays open until the process ends, as it wants to.
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/Driver.h"
#include "runtime/core/Machine.h"

#include <dlfcn.h>

using namespace fpmoe;
using namespace fpmoe::cuda;

/// The oldest that has all of the functions and reads the PTX of sm_80.
static constexpr int oldestVersion = 11000;

static std::string textOf(int version) {
  return format("CUDA %d.%d", version / 1000, version % 1000 / 10);
}

std::string Driver::versionText() const { return textOf(version); }

Status Driver::check(CUresult result, const std::string &what) const {
  if (result == CUDA_SUCCESS)
    return Status::success();
  const char *name = nullptr, *text = nullptr;
  cuGetErrorName(result, &name);
  cuGetErrorString(result, &text);
  return Status::error(format("%s: %s (%d): %s", what.c_str(),
                              name ? name : "an error without a name", result,
                              text ? text : "the driver does not say more"));
}

Status Driver::open() {
  if (isOpen())
    return Status::success();
  if (!hasLoader())
    return Status::error("a program that was linked with --static cannot open "
                         "NVIDIA's driver; compile it without");
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return Status::error(format("there is no NVIDIA driver: %s", dlerror()));
#define FPMOE_CUDA_FIND(name, symbol, parameters)                              \
  name = reinterpret_cast<decltype(name)>(dlsym(library, symbol));             \
  if (!name)                                                                   \
    return Status::error("the NVIDIA driver is too old: it has no " symbol     \
                         "; update it");
  FPMOE_CUDA_FUNCTIONS(FPMOE_CUDA_FIND)
#undef FPMOE_CUDA_FIND
  CUresult result = cuInit(0);
  if (result == CUDA_ERROR_NO_DEVICE)
    return Status::error("the NVIDIA driver finds no GPU: there is none, or "
                         "CUDA_VISIBLE_DEVICES hides it");
  Status status = check(result, "the NVIDIA driver does not start");
  int found = 0;
  if (!status.failed())
    status = check(cuDriverGetVersion(&found),
                   "the NVIDIA driver does not tell its version");
  if (!status.failed() && found < oldestVersion)
    return Status::error(format(
        "the NVIDIA driver is too old: it runs %s, and %s is needed; update it",
        textOf(found).c_str(), textOf(oldestVersion).c_str()));
  if (!status.failed())
    version = found;
  return status;
}
