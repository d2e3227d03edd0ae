//===- Device.cpp - a GPU with the code of a level ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What destructors are told by the driver is not: it stands in their way if the
// device is lost, and whoever was using it has told so.
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/Device.h"

#include <algorithm>

using namespace fpmoe;
using namespace fpmoe::cuda;

/// What to do where a device does not do.
static const char elsewhere[] =
    "choose another GPU with FPMOE_DEVICE, or the CPU with FPMOE_CPU";

Device::Current::Current(const Device &device)
    : device(device),
      problem(device.check(device.driver.cuCtxPushCurrent(device.context),
                           "cannot be used")) {}

Device::Current::~Current() {
  CUcontext popped;
  if (!problem.failed())
    (void)device.driver.cuCtxPopCurrent(&popped);
}

Status Device::check(CUresult result, const char *what) const {
  return result == CUDA_SUCCESS
             ? Status::success()
             : driver.check(result, card.title() + " " + what);
}

Status Device::open(const Driver &driver, const Card &card,
                    const FpmoeLevel &level, std::shared_ptr<Device> &result) {
  std::shared_ptr<Device> made(new Device(driver, card));
  Status status =
      made->check(driver.cuDevicePrimaryCtxRetain(&made->context, card.device),
                  "cannot be started");
  if (status.failed()) {
    made->context = nullptr;
    return status;
  }
  Current current(*made);
  status = current.status();
  if (!status.failed())
    status = made->load(level);
  if (!status.failed())
    status = made->getKernel(level, "fpmoe_decode", made->decode);
  if (!status.failed())
    status = made->getKernel(level, "fpmoe_prefill", made->prefill);
  if (!status.failed())
    result = std::move(made);
  return status;
}

Device::~Device() {
  if (!context)
    return;
  if (module) {
    Current current(*this);
    (void)driver.cuModuleUnload(module);
  }
  (void)driver.cuDevicePrimaryCtxRelease(card.device);
}

/// A driver can be too old for code that the card runs: then older code serves.
Status Device::load(const FpmoeLevel &level) {
  Status status = Status::success();
  for (const FpmoeCudaImage *each :
       matchingImages(*level.cuda, card.major, card.minor)) {
    char log[1024] = "";
    CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER,
                              CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
    void *values[] = {log, reinterpret_cast<void *>(sizeof(log))};
    CUresult loaded =
        driver.cuModuleLoadDataEx(&module, each->data, 2, options, values);
    if (loaded == CUDA_SUCCESS) {
      image = each->arch;
      return Status::success();
    }
    module = nullptr;
    status = check(loaded,
                   format("does not take the code for %s", each->arch).c_str());
    std::string why = log;
    why = why.substr(0, why.find('\n'));
    status = Status::error(format(
        "%s%s%s; update the driver, which runs %s, or choose the CPU with "
        "FPMOE_CPU",
        status.message().c_str(), why.empty() ? "" : ", ", why.c_str(),
        driver.versionText().c_str()));
  }
  return status;
}

/// Checks that a block fits a multiprocessor, so that all of them run together.
Status Device::getKernel(const FpmoeLevel &level, const char *name,
                         CUfunction &kernel) {
  auto say = [&](const char *what) {
    return format("does not take the kernel %s: %s", name, what);
  };
  Status status = check(driver.cuModuleGetFunction(&kernel, module, name),
                        say("it is not in the code").c_str());
  int own = 0;
  if (!status.failed())
    status = check(driver.cuFuncGetAttribute(
                       &own, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, kernel),
                   say("its shared memory is not known").c_str());
  if (status.failed())
    return status;
  int64_t needed = own + level.private_bytes;
  if (needed > card.sharedBytes)
    return Status::error(format(
        "%s gives a block %lld bytes of shared memory, and %s needs %lld; %s",
        card.title().c_str(), static_cast<long long>(card.sharedBytes), name,
        static_cast<long long>(needed), elsewhere));
  int shared = static_cast<int>(level.private_bytes);
  status = check(
      driver.cuFuncSetAttribute(
          kernel, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, shared),
      say(format("%d bytes of shared memory are refused", shared).c_str())
          .c_str());
  int blocks = 0, threads = static_cast<int>(level.cuda->threads);
  if (!status.failed())
    status = check(driver.cuOccupancyMaxActiveBlocksPerMultiprocessor(
                       &blocks, kernel, threads, shared),
                   say("its occupancy is not known").c_str());
  if (!status.failed() && blocks < 1)
    return Status::error(format(
        "%s has no room on a multiprocessor for a block of %s, of %d threads "
        "and %lld bytes of shared memory; %s",
        card.title().c_str(), name, threads, static_cast<long long>(needed),
        elsewhere));
  return status;
}

Status Buffer::allocate(const Device &on, int64_t wanted, const char *what) {
  release();
  // The driver takes no 0, and rounds up anyway.
  int64_t size = std::max<int64_t>(wanted, 64);
  CUresult result = on.driver.cuMemAlloc(&address, size);
  if (result == CUDA_ERROR_OUT_OF_MEMORY) {
    size_t free = 0, total = 0;
    if (on.driver.cuMemGetInfo(&free, &total) == CUDA_SUCCESS)
      return Status::error(format(
          "%s has no room for %s: %lld bytes are needed, %zu of %zu are free; "
          "end what else runs there, %s",
          on.card.title().c_str(), what, static_cast<long long>(size), free,
          total, elsewhere));
  }
  Status status =
      on.check(result, format("gives no memory for %s, of %lld bytes", what,
                              static_cast<long long>(size))
                           .c_str());
  if (status.failed())
    return status;
  device = &on;
  bytes = wanted;
  return status;
}

void Buffer::release() {
  if (device)
    (void)device->driver.cuMemFree(address);
  device = nullptr;
  address = 0;
  bytes = 0;
}

Status PinnedBuffer::allocate(const Device &on, int64_t wanted,
                              const char *what) {
  release();
  int64_t size = std::max<int64_t>(wanted, 64);
  void *made = nullptr;
  Status status =
      on.check(on.driver.cuMemHostAlloc(&made, size, 0),
               format("cannot share %lld bytes of this machine's memory for %s",
                      static_cast<long long>(size), what)
                   .c_str());
  if (status.failed())
    return status;
  start = static_cast<uint8_t *>(made);
  device = &on;
  bytes = wanted;
  return status;
}

void PinnedBuffer::release() {
  if (device)
    (void)device->driver.cuMemFreeHost(start);
  device = nullptr;
  start = nullptr;
  bytes = 0;
}
