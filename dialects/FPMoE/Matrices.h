//===- Matrices.h - What ops multiply by ------------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_DIALECTS_FPMOE_MATRICES_H
#define FPMOE_DIALECTS_FPMOE_MATRICES_H

#include "dialects/FPMoE/FPMoE.h"

namespace fpmoe {

/// Rows of a first low-rank factor; 0 of null.
/// The sum of the ranks of `[R, K]`, or of shards `[S, R, k]`; 0 of null.
int64_t rankOf(mlir::Value lowRank);

} // namespace fpmoe

#endif
