//===- DeviceWeights.cpp - the weights on a GPU ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The mapped file goes through two pinned buffers: the team fills one while the
// device reads the other.
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/DeviceWeights.h"

#include <algorithm>
#include <cstring>

using namespace fpmoe;
using namespace fpmoe::cuda;

/// Of a pinned buffer: enough that starting a copy does not count.
static constexpr int64_t chunkBytes = 16 << 20;

namespace {
class Uploader {
public:
  Uploader(const Device &device, Team &team) : device(device), team(team) {}
  ~Uploader();

  Status open(int64_t bytes);
  Status copy(const uint8_t *from, int64_t bytes, CUdeviceptr to);

private:
  const Device &device;
  Team &team;
  CUstream stream = nullptr;
  struct Half {
    PinnedBuffer memory;
    CUevent isRead = nullptr;
  } halves[2];
};
} // namespace

Status Uploader::open(int64_t bytes) {
  const Driver &driver = device.driver;
  const char *what = "cannot copy the weights";
  Status status = device.check(
      driver.cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), what);
  for (Half &half : halves) {
    if (!status.failed())
      status = half.memory.allocate(device, std::min(bytes, chunkBytes),
                                    "copying the weights");
    if (!status.failed())
      status = device.check(
          driver.cuEventCreate(&half.isRead, CU_EVENT_DISABLE_TIMING), what);
  }
  return status;
}

Uploader::~Uploader() {
  const Driver &driver = device.driver;
  // What a copy reads has to stay until it has.
  if (stream)
    (void)driver.cuStreamSynchronize(stream);
  for (Half &half : halves)
    if (half.isRead)
      (void)driver.cuEventDestroy(half.isRead);
  if (stream)
    (void)driver.cuStreamDestroy(stream);
}

Status Uploader::copy(const uint8_t *from, int64_t bytes, CUdeviceptr to) {
  const Driver &driver = device.driver;
  const char *what = "did not take the weights";
  int64_t workers = team.size();
  for (int64_t done = 0, number = 0; done < bytes; ++number) {
    Half &half = halves[number % 2];
    int64_t now = std::min(bytes - done, half.memory.size());
    // An event that was never recorded is over.
    Status status = device.check(driver.cuEventSynchronize(half.isRead), what);
    if (status.failed())
      return status;
    team.run([&](int64_t worker) {
      int64_t first = now * worker / workers,
              end = now * (worker + 1) / workers;
      std::memcpy(half.memory.data() + first, from + done + first, end - first);
    });
    status = device.check(
        driver.cuMemcpyHtoDAsync(to + done, half.memory.data(), now, stream),
        what);
    if (!status.failed())
      status = device.check(driver.cuEventRecord(half.isRead, stream), what);
    if (status.failed())
      return status;
    done += now;
  }
  return device.check(driver.cuStreamSynchronize(stream), what);
}

Status cuda::uploadWeights(const Device &device, Team &team,
                           const Weights &weights, Buffer &to) {
  Status status = to.allocate(device, weights.size(), "the weights");
  Uploader uploader(device, team);
  if (!status.failed())
    status = uploader.open(weights.size());
  if (!status.failed())
    status = uploader.copy(weights.data(), weights.size(), to.at());
  return status;
}
