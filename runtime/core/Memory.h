//===- Memory.h - memory from the kernel ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Large zeroed memory that costs nothing until it is touched, and that the
// kernel may back with huge pages.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CORE_MEMORY_H
#define FPMOE_RUNTIME_CORE_MEMORY_H

#include "runtime/core/Status.h"

#include <cstddef>
#include <cstdint>

namespace fpmoe {

constexpr int64_t hugePageBytes = 2 << 20;

/// Zeroed memory that starts at a multiple of a huge page, of its owner alone.
class Memory {
public:
  Memory() = default;
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;
  ~Memory() { release(); }

  /// Replaces what it holds by `bytes` of zeros; `what` names it in the error.
  Status allocate(int64_t bytes, const char *what);
  void release();

  uint8_t *data() const { return start; }
  int64_t size() const { return bytes; }

private:
  uint8_t *start = nullptr;
  int64_t bytes = 0;
  void *mapping = nullptr;
  size_t mappingBytes = 0;
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CORE_MEMORY_H
