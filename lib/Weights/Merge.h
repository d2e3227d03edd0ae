//===- Merge.h - arithmetic of merges, on windows ---------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the merging ops of recipes compute of windows of their operands. All in
// f32 and in the order of the operands, as their descriptions say.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_WEIGHTS_MERGE_H
#define FPMOE_LIB_WEIGHTS_MERGE_H

#include "dialects/FPMoE/FPMoE.h"
#include "lib/Weights/Select.h"

#include <vector>

namespace fpmoe {

/// Windows of operands, all of one length.
using Windows = std::vector<std::vector<float>>;

void mergeWeightedSum(WeightedSumOp op, const Windows &inputs,
                      llvm::MutableArrayRef<float> out);

/// `out` holds the window of the base first, and then the result.
void mergeTaskArithmetic(TaskArithmeticOp op, const Windows &inputs,
                         llvm::MutableArrayRef<float> out);

/// The same. `kept` says for each operand which elements of the whole tensor
/// stay; the windows start at element `first` of it, and become the trimmed
/// differences.
void mergeTies(TiesOp op, llvm::ArrayRef<Selection> kept, int64_t first,
               Windows &inputs, llvm::MutableArrayRef<float> out);

/// How many elements of a tensor a density keeps.
int64_t countKept(TiesForm form, double density, int64_t elements);

} // namespace fpmoe

#endif // FPMOE_LIB_WEIGHTS_MERGE_H
