//===- Device.h - the emulated GPU ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The emulated GPU: its memory, the programs loaded to it, launches.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TEST_CUDA_EMULATOR_DEVICE_H
#define FPMOE_TEST_CUDA_EMULATOR_DEVICE_H

#include "Fiber.h"
#include "Memory.h"
#include "Races.h"
#include "Site.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBufferRef.h"
#include <memory>

namespace fpmoe::emulator {

struct Dim3 {
  unsigned x = 1, y = 1, z = 1;
  uint64_t count() const { return uint64_t(x) * y * z; }
};

// When asynchronous copies are carried out: at once, when nothing else is left
// to do, or at any time between.
enum class Copies { Eager, Lazy, Random };

struct DeviceOptions {
  unsigned sm = 90; // compute capability, of the kind 90a
  bool checkRaces = true;
  bool checkUnwritten = true;          // reads of memory that was never written
  uint64_t maxSharedBytes = 227 << 10; // of a block
};

struct LaunchConfig {
  Dim3 grid, block;
  uint64_t sharedBytes = 0; // dynamic
  uint64_t seed = 1;
  Copies copies = Copies::Eager;
};

struct Kernel {
  std::string name;
  void (*entry)(void **arguments) = nullptr;
  uint64_t staticSharedBytes = 0;
  std::vector<uint64_t> argumentBytes;
  uint64_t maxThreads = 1024;   // of a block
  uint64_t requiredThreads = 0; // 0: any number
};

class Program {
public:
  virtual ~Program() = default;
  // Null if there is none of this name.
  const Kernel *find(llvm::StringRef name) const;
  // A variable of device memory: address and bytes; zero if there is none.
  std::pair<uint64_t, uint64_t> findVariable(llvm::StringRef name) const;

  std::vector<Kernel> kernels;
  std::map<std::string, std::pair<uint64_t, uint64_t>> variables;
};

class Device {
public:
  explicit Device(DeviceOptions options = {});

  // From LLVM IR for nvptx64, text or bitcode.
  llvm::Expected<std::unique_ptr<Program>> load(llvm::MemoryBufferRef image);
  // `arguments` has a pointer to each; the first fault ends the launch.
  llvm::Error launch(const Kernel &kernel, const LaunchConfig &config,
                     void **arguments);

  const DeviceOptions options;
  Memory memory;
  Races races;
  Stacks stacks;
  // Of all programs: shadow memory has their numbers.
  std::vector<std::unique_ptr<Site>> sites;
  Site &newSite();
};

} // namespace fpmoe::emulator

#endif
