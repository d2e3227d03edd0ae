//===- Select.cpp - the largest elements of a stream ------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Radix selection over the bits of the magnitudes, which order as integers: one
// pass counts their upper halves, one the lower halves below the upper half in
// question. Where equal elements are cut, a third one finds the last of them.
//
//===----------------------------------------------------------------------===//

#include "lib/Weights/Select.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

using namespace llvm;

namespace fpmoe {

/// Elements read at once.
static constexpr int64_t blockElements = int64_t(1) << 16;
/// Fewer blocks than this are not worth a thread.
static constexpr int64_t blocksPerThread = 8;
static constexpr unsigned maxThreads = 32;

using Histogram = std::vector<int64_t>;
/// Counts the magnitudes of a block into the histogram of a thread.
using CountBlock = function_ref<void(int64_t block, ArrayRef<uint32_t> bits,
                                     Histogram &histogram)>;

/// Calls `count` for all blocks, on many threads; the sum of their histograms.
static Expected<Histogram> countBlocks(int64_t elements, size_t bins,
                                       ReadElements read, CountBlock count) {
  int64_t blocks = (elements + blockElements - 1) / blockElements;
  std::atomic<int64_t> next{0};
  std::mutex mutex; // guards what follows
  Histogram total(bins);
  bool failed = false;
  Error failure = Error::success();
  auto work = [&] {
    Histogram own(bins);
    std::vector<float> values(blockElements);
    std::vector<uint32_t> bits(blockElements);
    while (true) {
      int64_t block = next++;
      if (block >= blocks)
        break;
      int64_t first = block * blockElements;
      size_t size = std::min(blockElements, elements - first);
      if (Error e = read(first, MutableArrayRef(values).take_front(size))) {
        std::lock_guard<std::mutex> lock(mutex);
        // The first failure is told, the others only end their threads.
        if (failed)
          consumeError(std::move(e));
        else
          failure = std::move(e);
        failed = true;
        next = blocks;
        return;
      }
      for (size_t i = 0; i < size; ++i)
        bits[i] = bit_cast<uint32_t>(values[i]) & 0x7fffffffu;
      count(block, ArrayRef(bits).take_front(size), own);
    }
    std::lock_guard<std::mutex> lock(mutex);
    for (size_t i = 0; i < bins; ++i)
      total[i] += own[i];
  };
  int64_t threads =
      std::min<int64_t>({std::thread::hardware_concurrency(), maxThreads,
                         (blocks + blocksPerThread - 1) / blocksPerThread});
  std::vector<std::thread> team;
  for (int64_t i = 1; i < threads; ++i)
    team.emplace_back(work);
  work();
  for (std::thread &thread : team)
    thread.join();
  if (failed)
    return std::move(failure);
  cantFail(std::move(failure));
  return total;
}

/// The bin that holds the `count`-th element from the top; `count` becomes its
/// number among those of the bin.
static uint32_t findBin(const Histogram &histogram, int64_t &count) {
  uint32_t bin = histogram.size() - 1;
  while (count > histogram[bin])
    count -= histogram[bin--];
  return bin;
}

Expected<Selection> selectLargest(int64_t elements, int64_t count,
                                  ReadElements read) {
  if (count >= elements)
    return Selection();
  if (count <= 0)
    return Selection{0xffffffffu, -1};
  Expected<Histogram> upper =
      countBlocks(elements, 1 << 15, read,
                  [](int64_t, ArrayRef<uint32_t> bits, Histogram &histogram) {
                    for (uint32_t value : bits)
                      ++histogram[value >> 16];
                  });
  if (!upper)
    return upper.takeError();
  uint32_t high = findBin(*upper, count);
  Expected<Histogram> lower = countBlocks(
      elements, 1 << 16, read,
      [high](int64_t, ArrayRef<uint32_t> bits, Histogram &histogram) {
        for (uint32_t value : bits)
          if (value >> 16 == high)
            ++histogram[value & 0xffff];
      });
  if (!lower)
    return lower.takeError();
  uint32_t low = findBin(*lower, count);
  Selection selection{high << 16 | low, INT64_MAX};
  if (count == (*lower)[low] || selection.bits == 0)
    return selection;

  // Some of the equal ones are out: of which block is the last that is in?
  int64_t blocks = (elements + blockElements - 1) / blockElements;
  Expected<Histogram> equal = countBlocks(
      elements, blocks, read,
      [&](int64_t block, ArrayRef<uint32_t> bits, Histogram &histogram) {
        histogram[block] = llvm::count(bits, selection.bits);
      });
  if (!equal)
    return equal.takeError();
  int64_t block = 0;
  while (count > (*equal)[block])
    count -= (*equal)[block++];
  std::vector<float> values(
      std::min(blockElements, elements - block * blockElements));
  if (Error e = read(block * blockElements, values))
    return e;
  for (size_t i = 0; i < values.size(); ++i)
    if ((bit_cast<uint32_t>(values[i]) & 0x7fffffffu) == selection.bits &&
        --count == 0)
      selection.last = block * blockElements + static_cast<int64_t>(i);
  return selection;
}

} // namespace fpmoe
