//===- ProgramLayout.h - Memory and tickets of a program --------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_KERNELS_PROGRAMLAYOUT_H
#define FPMOE_LIB_KERNELS_PROGRAMLAYOUT_H

#include "dialects/Mega/Mega.h"

namespace fpmoe {

/// Where a program's buffers are, and how much scratch it needs.
struct ProgramLayout {
  explicit ProgramLayout(mega::ProgramOp program);

  llvm::DenseMap<mlir::Value, int64_t> offsets; ///< bytes, per space
  int64_t sharedBytes = 0, privateBytes = 0;
  /// Bytes of cache for one position, over all layers.
  int64_t cacheBytesPerPosition = 0;
  /// Tickets of a step: one a phase, for each layer.
  int64_t topPhases = 0, layerPhases = 0, layers = 0;
  int64_t tickets() const { return topPhases + layerPhases * layers; }
};

} // namespace fpmoe

#endif
