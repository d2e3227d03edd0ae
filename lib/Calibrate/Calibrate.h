//===- Calibrate.h - Weights of 4 bits made for a text ----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_CALIBRATE_CALIBRATE_H
#define FPMOE_LIB_CALIBRATE_CALIBRATE_H

#include "lib/Weights/Sources.h"

#include <functional>
#include <vector>

namespace fpmoe {

/// Whether the module of the quantize phase has what calibrate() makes.
bool hasCalibratedWeights(mlir::ModuleOp module);

struct CalibrateOptions {
  /// Called with elements of weights done so far and in all.
  std::function<void(uint64_t done, uint64_t total)> progress;
};

/// Runs the module of the quantize phase over texts of one length, whole
/// segments where it routes by them (findSegment), all of them through one
/// layer after the other, and makes the integers of every weight of 4 bits for
/// the rows that it multiplies there (Gptq.h); later layers get what these make
/// of the text. What multiplies none, as an expert that no token takes, is
/// rounded as without a text. Memory is bounded by the activations of the
/// texts, a square of the widest input, and some rows of a weight.
llvm::Expected<std::shared_ptr<const GroupFile>>
calibrate(mlir::ModuleOp module, const Sources &sources,
          llvm::ArrayRef<std::vector<int32_t>> texts,
          const CalibrateOptions &options = {});

} // namespace fpmoe

#endif
