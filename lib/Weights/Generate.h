//===- Generate.h - weights that no checkpoint holds ------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each function gives elements [first, first + out.size()) of the row-major
// result, in f32.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_WEIGHTS_GENERATE_H
#define FPMOE_LIB_WEIGHTS_GENERATE_H

#include "dialects/FPMoE/FPMoE.h"

#include "llvm/ADT/ArrayRef.h"

namespace fpmoe {

/// Element i is made of 64 hashed bits. The sum of their four 16-bit fields
/// stands for a normal distribution: right in mean, deviation and symmetry,
/// and cut off at 3.5 deviations.
void generateRandom(RandomOp op, int64_t layer, int64_t first,
                    llvm::MutableArrayRef<float> out);

/// All steps in f32, in the order of transformers.
void generateRopeTable(RopeTableOp op, int64_t first,
                       llvm::MutableArrayRef<float> out);
void generateRopeFrequencies(RopeFrequenciesOp op, int64_t first,
                             llvm::MutableArrayRef<float> out);

} // namespace fpmoe

#endif // FPMOE_LIB_WEIGHTS_GENERATE_H
