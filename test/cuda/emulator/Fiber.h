//===- Fiber.h - threads with stacks of their own ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Fibres: each thread of the GPU has a stack of its own on one thread of the
// host.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TEST_CUDA_EMULATOR_FIBER_H
#define FPMOE_TEST_CUDA_EMULATOR_FIBER_H

#include <cstddef>
#include <cstdint>
#include <vector>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace fpmoe::emulator {

// Where a fibre, or the scheduler, stopped.
struct Context {
#if defined(__x86_64__)
  void *stackPointer = nullptr;
#else
  ucontext_t saved;
#endif
  void *fakeStack = nullptr; // of the address sanitizer
  const void *stack = nullptr;
  size_t stackBytes = 0;
};

// Stops in `from` and goes on in `to`.
void switchContext(Context &from, Context &to);
// To be called first on a new fibre.
void enterFiber();
// The fibre starts in `entry`, which never returns.
void prepareFiber(Context &fiber, char *stack, size_t bytes, void (*entry)());

// Stacks with a guard page below each, kept from launch to launch.
class Stacks {
public:
  static constexpr size_t bytes = 256 << 10;
  ~Stacks();
  char *get(size_t index);
  // Whether the address is in stack `index`.
  bool holds(size_t index, uint64_t address) const {
    return address - reinterpret_cast<uint64_t>(stacks[index]) < bytes;
  }

private:
  std::vector<char *> stacks;
};

} // namespace fpmoe::emulator

#endif
