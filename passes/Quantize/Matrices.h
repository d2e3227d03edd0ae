//===- Matrices.h - which weights have a format -----------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tells the weights that are read in full by products from the small ones.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_PASSES_QUANTIZE_MATRICES_H
#define FPMOE_PASSES_QUANTIZE_MATRICES_H

#include "dialects/FPMoE/FPMoE.h"

namespace fpmoe {

/// Whether the operand is a matrix that has a storage format: a table of
/// embeddings, or what a linear map, a qkv, experts or a feed-forward network
/// multiply with. Norms, biases, routers, scales and rotary tables are not.
bool isStoredMatrix(mlir::OpOperand &operand);

} // namespace fpmoe

#endif // FPMOE_PASSES_QUANTIZE_MATRICES_H
