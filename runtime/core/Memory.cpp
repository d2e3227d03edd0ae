//===- Memory.cpp - memory from the kernel ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Maps anonymous memory without reserving swap for it, because a cache is
// sized for the whole context and mostly stays empty.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Memory.h"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>

using namespace fpmoe;

Status Memory::allocate(int64_t wanted, const char *what) {
  release();
  if (wanted < 0 || wanted > INT64_MAX / 4)
    return Status::error(format("%s needs %lld bytes, more than can be mapped",
                                what, static_cast<long long>(wanted)));
  size_t length = wanted + hugePageBytes;
  void *mapped = mmap(nullptr, length, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED)
    return Status::error(format("cannot allocate %lld bytes for %s: %s",
                                static_cast<long long>(wanted), what,
                                strerror(errno)));
  mapping = mapped;
  mappingBytes = length;
  bytes = wanted;
  start = reinterpret_cast<uint8_t *>(
      (reinterpret_cast<uintptr_t>(mapped) + hugePageBytes - 1) &
      ~uintptr_t(hugePageBytes - 1));
  madvise(start, wanted, MADV_HUGEPAGE); // a wish: fine without
  return Status::success();
}

void Memory::release() {
  if (mapping)
    munmap(mapping, mappingBytes);
  mapping = nullptr;
  start = nullptr;
  bytes = 0;
}
