//===- Device.h - a GPU with the code of a level ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A GPU on which something is started: its context, which it shares with
// whatever else of the process uses this GPU, the code of the level, memory.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CUDA_DEVICE_H
#define FPMOE_RUNTIME_CUDA_DEVICE_H

#include "runtime/cuda/Card.h"

#include <memory>

namespace fpmoe::cuda {

class Device {
public:
  /// Loads the first image of the level that the driver takes.
  static Status open(const Driver &driver, const Card &card,
                     const FpmoeLevel &level, std::shared_ptr<Device> &device);
  ~Device();

  /// Has the calling thread work on the device as long as it lives. Whatever
  /// else is called here, and all of Buffer and PinnedBuffer, needs one.
  class Current {
  public:
    explicit Current(const Device &device);
    ~Current();
    const Status &status() const { return problem; }

  private:
    const Device &device;
    Status problem;
  };

  /// An error names the device; success otherwise.
  Status check(CUresult result, const char *what) const;

  const Driver &driver;
  const Card card;
  /// Of what was loaded: "sm_90a".
  std::string image;
  CUfunction decode = nullptr, prefill = nullptr;

private:
  Device(const Driver &driver, const Card &card) : driver(driver), card(card) {}
  Status load(const FpmoeLevel &level);
  Status getKernel(const FpmoeLevel &level, const char *name,
                   CUfunction &kernel);

  CUcontext context = nullptr;
  CUmodule module = nullptr;
};

/// Memory of a device, at a multiple of 256 bytes.
class Buffer {
public:
  Buffer() = default;
  Buffer(const Buffer &) = delete;
  Buffer &operator=(const Buffer &) = delete;
  ~Buffer() { release(); }

  /// Replaces what it holds; `what` names it in the error.
  Status allocate(const Device &device, int64_t bytes, const char *what);
  void release();

  CUdeviceptr at() const { return address; }
  int64_t size() const { return bytes; } ///< as asked for
  /// As a field of FpmoeStep has it. The host cannot read there.
  template <typename T> T *as() const { return reinterpret_cast<T *>(address); }

private:
  const Device *device = nullptr;
  CUdeviceptr address = 0;
  int64_t bytes = 0;
};

/// Memory of the host that a device reads and writes while the host does other
/// things.
class PinnedBuffer {
public:
  PinnedBuffer() = default;
  PinnedBuffer(const PinnedBuffer &) = delete;
  PinnedBuffer &operator=(const PinnedBuffer &) = delete;
  ~PinnedBuffer() { release(); }

  Status allocate(const Device &device, int64_t bytes, const char *what);
  void release();

  uint8_t *data() const { return start; }
  int64_t size() const { return bytes; } ///< as asked for

private:
  const Device *device = nullptr;
  uint8_t *start = nullptr;
  int64_t bytes = 0;
};

} // namespace fpmoe::cuda

#endif // FPMOE_RUNTIME_CUDA_DEVICE_H
