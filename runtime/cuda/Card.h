//===- Card.h - what a GPU is, and which code runs on it ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the driver tells of a GPU before anything is started on it, and whether
// a level runs there.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CUDA_CARD_H
#define FPMOE_RUNTIME_CUDA_CARD_H

#include "runtime/core/Gpus.h"
#include "runtime/cuda/Driver.h"

#include <vector>

namespace fpmoe::cuda {

struct Card {
  GpuInfo info;
  CUdevice device = 0;
  int major = 0, minor = 0; ///< of the compute capability
  int64_t sharedBytes = 0;  ///< most dynamic shared memory of a block
  int64_t cacheBytes = 0;   ///< of the second level
  bool isCooperative = false;

  /// "GPU 0 (NVIDIA H100 80GB HBM3)"
  std::string title() const;
};

/// Asks the driver for card number `number`.
Status readCard(const Driver &driver, int32_t number, Card &card);

/// The images that run on a card, the best one first: cubins of its major
/// version and no later minor one, then PTX of no later version; with an "a",
/// of this version alone, with an "f", of this major one.
std::vector<const FpmoeCudaImage *> matchingImages(const FpmoeCuda &code,
                                                   int major, int minor);

/// Why the level does not run on the card.
Status checkLevel(const Card &card, const FpmoeLevel &level);

} // namespace fpmoe::cuda

#endif // FPMOE_RUNTIME_CUDA_CARD_H
