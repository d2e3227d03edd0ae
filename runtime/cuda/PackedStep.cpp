//===- PackedStep.cpp - a step in one piece of memory ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Once to count the bytes, and once to write them.
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/PackedStep.h"

#include <cstring>

using namespace fpmoe;

namespace {
class Packer {
public:
  Packer(uint8_t *to, uint64_t at) : to(to), at(at) {}

  /// Makes room for some elements; returns where the device has them, and sets
  /// where the host writes them: null where it only counts.
  template <typename T> T *reserve(int64_t count, T *&host) {
    constexpr int64_t line = 64;
    used = (used + line - 1) / line * line;
    host = to ? reinterpret_cast<T *>(to + used) : nullptr;
    uint64_t address = at + used;
    used += count * sizeof(T);
    return reinterpret_cast<T *>(address);
  }

  template <typename T> T *copy(const T *from, int64_t count) {
    T *host;
    T *device = reserve(count, host);
    if (host && count > 0)
      std::memcpy(host, from, count * sizeof(T));
    return device;
  }

  int64_t used = 0;

private:
  uint8_t *to;
  uint64_t at;
};
} // namespace

/// Rows of a sequence lie together and have one pointer, there as here.
static const int32_t *const *packPages(const FpmoeStep &step, Packer &packer) {
  const int32_t **host;
  const int32_t **device = packer.reserve(step.count, host);
  for (int64_t first = 0, end = 0; first < step.count; first = end) {
    const int32_t *pages = step.pages[first];
    while (end < step.count && step.pages[end] == pages)
      ++end;
    const int32_t *copied =
        packer.copy(pages, step.positions[end - 1] / FPMOE_PAGE_POSITIONS + 1);
    for (int64_t row = first; host && row < end; ++row)
      host[row] = copied;
  }
  return device;
}

int64_t cuda::packStep(const FpmoeStep &step, int64_t tickets, uint8_t *to,
                       uint64_t at) {
  Packer packer(to, at);
  FpmoeStep *host;
  packer.reserve(1, host);
  FpmoeStep s = step;
  int64_t *zeros;
  s.tickets = packer.reserve(tickets, zeros);
  if (zeros)
    std::memset(zeros, 0, tickets * sizeof(int64_t));
  s.tokens = packer.copy(step.tokens, step.count);
  s.positions = packer.copy(step.positions, step.count);
  s.pages = packPages(step, packer);
  s.query_blocks = packer.copy(step.query_blocks, step.query_block_count);
  s.logits_rows = packer.copy(step.logits_rows, step.logits_count);
  s.segments = packer.copy(step.segments, step.segment_count);
  if (step.forced)
    s.forced = packer.copy(step.forced, step.count);
  if (step.languages)
    s.languages = packer.copy(step.languages, step.count);
  if (host)
    *host = s;
  return packer.used;
}
