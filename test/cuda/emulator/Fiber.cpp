//===- Fiber.cpp - threads with stacks of their own ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fiber.h"

#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FPMOE_SANITIZED_FIBERS
#endif
#endif
#ifdef FPMOE_SANITIZED_FIBERS
#include <sanitizer/common_interface_defs.h>
#endif

using namespace fpmoe::emulator;

static constexpr size_t guardBytes = 4096;

Stacks::~Stacks() {
  for (char *stack : stacks)
    munmap(stack - guardBytes, bytes + guardBytes);
}

char *Stacks::get(size_t index) {
  while (stacks.size() <= index) {
    void *at = mmap(nullptr, bytes + guardBytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
      std::perror("emulator: cannot make the stack of a thread");
      std::exit(1);
    }
    mprotect(at, guardBytes, PROT_NONE);
    stacks.push_back(static_cast<char *>(at) + guardBytes);
  }
  return stacks[index];
}

#if defined(__x86_64__)
// The registers that the System V ABI has a callee keep; rbx, rbp, r12 to r15.
extern "C" void fpmoeEmulatorSwitch(void **from, void *to);
__asm__(".text\n"
        ".type fpmoeEmulatorSwitch,@function\n"
        "fpmoeEmulatorSwitch:\n"
        "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n"
        "  pushq %r13\n  pushq %r14\n  pushq %r15\n"
        "  movq %rsp, (%rdi)\n"
        "  movq %rsi, %rsp\n"
        "  popq %r15\n  popq %r14\n  popq %r13\n"
        "  popq %r12\n  popq %rbx\n  popq %rbp\n"
        "  ret\n"
        ".size fpmoeEmulatorSwitch, .-fpmoeEmulatorSwitch\n");
#endif

static Context *left; // for the address sanitizer: where enterFiber came from

void fpmoe::emulator::switchContext(Context &from, Context &to) {
#ifdef FPMOE_SANITIZED_FIBERS
  left = &from;
  __sanitizer_start_switch_fiber(&from.fakeStack, to.stack, to.stackBytes);
#endif
#if defined(__x86_64__)
  fpmoeEmulatorSwitch(&from.stackPointer, to.stackPointer);
#else
  swapcontext(&from.saved, &to.saved);
#endif
#ifdef FPMOE_SANITIZED_FIBERS
  __sanitizer_finish_switch_fiber(from.fakeStack, &left->stack,
                                  &left->stackBytes);
#endif
}

void fpmoe::emulator::enterFiber() {
#ifdef FPMOE_SANITIZED_FIBERS
  __sanitizer_finish_switch_fiber(nullptr, &left->stack, &left->stackBytes);
#endif
  (void)left;
}

void fpmoe::emulator::prepareFiber(Context &fiber, char *stack, size_t bytes,
                                   void (*entry)()) {
  fiber.stack = stack;
  fiber.stackBytes = bytes;
#if defined(__x86_64__)
  // As after a call: the return address, below it the six registers.
  void **top = reinterpret_cast<void **>(stack + bytes - 64);
  top[0] = reinterpret_cast<void *>(entry);
  top[1] = nullptr;
  for (int i = 1; i <= 6; ++i)
    top[-i] = nullptr;
  fiber.stackPointer = top - 6;
#else
  getcontext(&fiber.saved);
  fiber.saved.uc_stack.ss_sp = stack;
  fiber.saved.uc_stack.ss_size = bytes;
  makecontext(&fiber.saved, entry, 0);
#endif
}
