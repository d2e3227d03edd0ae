//===- TestKernel.h - a kernel in a test ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel in a test: its text, buffers, a run.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TEST_CUDA_EMULATOR_TESTKERNEL_H
#define FPMOE_TEST_CUDA_EMULATOR_TESTKERNEL_H

#include "Device.h"
#include "gtest/gtest.h"
#include <cstring>

namespace fpmoe::emulator {

class TestKernel : public ::testing::Test {
protected:
  template <typename T>
  uint64_t upload(const std::vector<T> &values, const char *name) {
    uint64_t bytes = values.size() * sizeof(T);
    uint64_t at = device.memory.allocate(bytes, name);
    std::memcpy(reinterpret_cast<void *>(at), values.data(), bytes);
    device.memory.markWritten(at, bytes);
    return at;
  }
  template <typename T>
  std::vector<T> download(uint64_t at, size_t count) const {
    std::vector<T> values(count);
    std::memcpy(values.data(), reinterpret_cast<const void *>(at),
                count * sizeof(T));
    return values;
  }

  // The error, or nothing. All arguments are addresses or other 64 bits.
  std::string run(const std::string &text, unsigned threads,
                  std::vector<uint64_t> values) {
    std::string whole = "target triple = \"nvptx64-nvidia-cuda\"\n" + text;
    auto program = device.load(llvm::MemoryBufferRef(whole, "test"));
    if (!program)
      return toString(program.takeError());
    LaunchConfig config;
    config.grid = grid;
    config.block.x = threads;
    config.copies = copies;
    std::vector<void *> arguments;
    for (uint64_t &value : values)
      arguments.push_back(&value);
    const Kernel *kernel = (*program)->find("test");
    if (!kernel)
      return "no kernel 'test'";
    return toString(device.launch(*kernel, config, arguments.data()));
  }

  Device device;
  Dim3 grid;
  Copies copies = Copies::Random;
};

} // namespace fpmoe::emulator

#endif
