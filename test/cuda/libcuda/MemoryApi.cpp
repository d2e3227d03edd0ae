//===- MemoryApi.cpp - memory and copies ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Memory, copies, streams and events.
//
//===----------------------------------------------------------------------===//

#include "Driver.h"

#include <algorithm>
#include <cstring>

using namespace fpmoe;
using namespace fpmoe::libcuda;

static Stream &streamOf(Driver &driver, void *stream) {
  return stream ? *static_cast<Stream *>(stream) : driver.defaultStream;
}

static void give(Stream &stream, std::function<CUresult()> work) {
  stream.work.push_back(std::move(work));
  ++stream.given;
}

FPMOE_CUDA cuMemAlloc_v2(CUdeviceptr *to, size_t bytes) {
  FPMOE_ENTER();
  if (bytes == 0)
    return CUDA_ERROR_INVALID_VALUE;
  if (bytes > driver.settings.memoryBytes - driver.usedBytes)
    return CUDA_ERROR_OUT_OF_MEMORY;
  driver.usedBytes += bytes;
  std::string name =
      "device memory " + std::to_string(driver.allocations.size());
  *to = driver.device.memory.allocate(bytes, name);
  driver.allocations[*to] = bytes;
  return CUDA_SUCCESS;
}

FPMOE_CUDA cuMemFree_v2(CUdeviceptr address) {
  FPMOE_ENTER();
  if (!address)
    return CUDA_SUCCESS;
  if (CUresult error = driver.runAll())
    return error;
  auto found = driver.allocations.find(address);
  if (found == driver.allocations.end() ||
      !driver.device.memory.release(address))
    return CUDA_ERROR_INVALID_VALUE;
  driver.usedBytes -= found->second;
  driver.allocations.erase(found);
  return CUDA_SUCCESS;
}

FPMOE_CUDA cuMemGetInfo_v2(size_t *free, size_t *total) {
  FPMOE_ENTER();
  *total = driver.settings.memoryBytes;
  *free = *total - driver.usedBytes;
  return CUDA_SUCCESS;
}

// The host writes it past the emulator: it counts as written.
FPMOE_CUDA cuMemHostAlloc(void **to, size_t bytes, unsigned) {
  FPMOE_ENTER();
  if (bytes == 0)
    return CUDA_ERROR_INVALID_VALUE;
  std::string name = "pinned memory " + std::to_string(driver.pinned.size());
  uint64_t at = driver.device.memory.allocate(bytes, name, 4096);
  driver.device.memory.markWritten(at, bytes);
  driver.device.memory.shareWithHost(at);
  driver.pinned[at] = bytes;
  *to = reinterpret_cast<void *>(at);
  return CUDA_SUCCESS;
}
FPMOE_CUDA cuMemAllocHost_v2(void **to, size_t bytes) {
  return cuMemHostAlloc(to, bytes, 0);
}

FPMOE_CUDA cuMemFreeHost(void *address) {
  FPMOE_ENTER();
  if (CUresult error = driver.runAll())
    return error;
  uint64_t at = reinterpret_cast<uint64_t>(address);
  if (!driver.pinned.erase(at) || !driver.device.memory.release(at))
    return CUDA_ERROR_INVALID_VALUE;
  return CUDA_SUCCESS;
}

FPMOE_CUDA cuMemHostGetDevicePointer_v2(CUdeviceptr *to, void *address,
                                        unsigned) {
  FPMOE_ENTER();
  *to = reinterpret_cast<uint64_t>(address);
  return driver.device.memory.isAllocated(*to, 1) ? CUDA_SUCCESS
                                                  : CUDA_ERROR_INVALID_VALUE;
}

static bool isPinned(Driver &driver, const void *address) {
  return driver.device.memory.contains(reinterpret_cast<uint64_t>(address));
}

static CUresult upload(Driver &driver, Stream &stream, CUdeviceptr to,
                       const void *from, size_t bytes) {
  if (!driver.device.memory.isAllocated(to, bytes))
    return CUDA_ERROR_INVALID_VALUE;
  auto write = [&driver, to, bytes](const void *source) {
    std::memcpy(reinterpret_cast<void *>(to), source, bytes);
    driver.device.memory.markWritten(to, bytes);
    return CUDA_SUCCESS;
  };
  // Pinned memory is read when the copy is carried out, other memory at once.
  if (isPinned(driver, from)) {
    give(stream, [=] { return write(from); });
    return CUDA_SUCCESS;
  }
  const char *begin = static_cast<const char *>(from);
  auto staged = std::make_shared<std::vector<char>>(begin, begin + bytes);
  give(stream, [=] { return write(staged->data()); });
  return CUDA_SUCCESS;
}

static CUresult download(Driver &driver, Stream &stream, void *to,
                         CUdeviceptr from, size_t bytes) {
  if (!driver.device.memory.isAllocated(from, bytes))
    return CUDA_ERROR_INVALID_VALUE;
  give(stream, [=] {
    std::memcpy(to, reinterpret_cast<const void *>(from), bytes);
    return CUDA_SUCCESS;
  });
  return CUDA_SUCCESS;
}

static CUresult move(Driver &driver, Stream &stream, CUdeviceptr to,
                     CUdeviceptr from, size_t bytes) {
  if (!driver.device.memory.isAllocated(to, bytes) ||
      !driver.device.memory.isAllocated(from, bytes))
    return CUDA_ERROR_INVALID_VALUE;
  give(stream, [&driver, to, from, bytes] {
    std::memmove(reinterpret_cast<void *>(to),
                 reinterpret_cast<const void *>(from), bytes);
    driver.device.memory.markWritten(to, bytes);
    return CUDA_SUCCESS;
  });
  return CUDA_SUCCESS;
}

template <typename T>
static CUresult fill(Driver &driver, Stream &stream, CUdeviceptr to, T value,
                     size_t count) {
  if (to % sizeof(T) ||
      !driver.device.memory.isAllocated(to, count * sizeof(T)))
    return CUDA_ERROR_INVALID_VALUE;
  give(stream, [&driver, to, value, count] {
    std::fill_n(reinterpret_cast<T *>(to), count, value);
    driver.device.memory.markWritten(to, count * sizeof(T));
    return CUDA_SUCCESS;
  });
  return CUDA_SUCCESS;
}

// The default stream waits for all others.
static CUresult finish(Driver &driver, CUresult given) {
  return given ? given : driver.runAll();
}

FPMOE_CUDA cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t bytes) {
  FPMOE_ENTER();
  if (CUresult error = driver.runAll())
    return error;
  return finish(driver, upload(driver, driver.defaultStream, to, from, bytes));
}
FPMOE_CUDA cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t bytes) {
  FPMOE_ENTER();
  if (CUresult error = driver.runAll())
    return error;
  return finish(driver,
                download(driver, driver.defaultStream, to, from, bytes));
}
FPMOE_CUDA cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  FPMOE_ENTER();
  if (CUresult error = driver.runAll())
    return error;
  return finish(driver, move(driver, driver.defaultStream, to, from, bytes));
}
FPMOE_CUDA cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes,
                                void *stream) {
  FPMOE_ENTER();
  return upload(driver, streamOf(driver, stream), to, from, bytes);
}
FPMOE_CUDA cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes,
                                void *stream) {
  FPMOE_ENTER();
  return download(driver, streamOf(driver, stream), to, from, bytes);
}
FPMOE_CUDA cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes,
                                void *stream) {
  FPMOE_ENTER();
  return move(driver, streamOf(driver, stream), to, from, bytes);
}
FPMOE_CUDA cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t count) {
  FPMOE_ENTER();
  return finish(driver, fill(driver, driver.defaultStream, to, value, count));
}
FPMOE_CUDA cuMemsetD32_v2(CUdeviceptr to, unsigned value, size_t count) {
  FPMOE_ENTER();
  return finish(driver, fill(driver, driver.defaultStream, to, value, count));
}
FPMOE_CUDA cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count,
                           void *stream) {
  FPMOE_ENTER();
  return fill(driver, streamOf(driver, stream), to, value, count);
}
FPMOE_CUDA cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count,
                            void *stream) {
  FPMOE_ENTER();
  return fill(driver, streamOf(driver, stream), to, value, count);
}

FPMOE_CUDA cuStreamCreate(void **to, unsigned) {
  FPMOE_ENTER();
  driver.streams.push_back(std::make_unique<Stream>());
  *to = driver.streams.back().get();
  return CUDA_SUCCESS;
}
FPMOE_CUDA cuStreamSynchronize(void *stream) {
  FPMOE_ENTER();
  return streamOf(driver, stream).runAll();
}
FPMOE_CUDA cuStreamQuery(void *stream) {
  FPMOE_ENTER();
  return streamOf(driver, stream).work.empty() ? CUDA_SUCCESS
                                               : CUDA_ERROR_NOT_READY;
}
FPMOE_CUDA cuStreamDestroy_v2(void *stream) {
  FPMOE_ENTER();
  // Events may still name it: it stays, with nothing to do.
  return stream ? streamOf(driver, stream).runAll() : CUDA_ERROR_INVALID_HANDLE;
}
FPMOE_CUDA cuStreamWaitEvent(void *stream, void *event, unsigned) {
  FPMOE_ENTER();
  Event at = *static_cast<Event *>(event);
  if (at.stream)
    give(streamOf(driver, stream),
         [at] { return at.stream->run(at.position); });
  return CUDA_SUCCESS;
}

FPMOE_CUDA cuEventCreate(void **to, unsigned) {
  FPMOE_ENTER();
  *to = new Event;
  return CUDA_SUCCESS;
}
FPMOE_CUDA cuEventDestroy_v2(void *event) {
  FPMOE_ENTER();
  delete static_cast<Event *>(event);
  return CUDA_SUCCESS;
}
FPMOE_CUDA cuEventRecord(void *event, void *stream) {
  FPMOE_ENTER();
  Stream &at = streamOf(driver, stream);
  *static_cast<Event *>(event) = {&at, at.given};
  return CUDA_SUCCESS;
}
FPMOE_CUDA cuEventSynchronize(void *event) {
  FPMOE_ENTER();
  Event &at = *static_cast<Event *>(event);
  return at.stream ? at.stream->run(at.position) : CUDA_SUCCESS;
}
FPMOE_CUDA cuEventQuery(void *event) {
  FPMOE_ENTER();
  Event &at = *static_cast<Event *>(event);
  return !at.stream || at.stream->done >= at.position ? CUDA_SUCCESS
                                                      : CUDA_ERROR_NOT_READY;
}
FPMOE_CUDA cuEventElapsedTime(float *milliseconds, void *, void *) {
  FPMOE_ENTER();
  *milliseconds = 1; // the emulator has no time
  return CUDA_SUCCESS;
}
