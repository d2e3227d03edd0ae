//===- Budget.h - Formats for so many bits a weight -------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_WEIGHTS_BUDGET_H
#define FPMOE_LIB_WEIGHTS_BUDGET_H

#include "lib/Weights/Sources.h"

#include <optional>

namespace fpmoe {

/// The number of "4.75bits"; nothing if the text does not end in "bits", NaN if
/// no number stands before.
std::optional<double> parseBudget(llvm::StringRef text);

/// Gives each matrix of the fused graph int4, uint4 or int8, so that all
/// together have at most `bits` for each weight and the sum of what matrices
/// change of their products is small: of the squared error of each over its
/// squares, once for each layer. Those around the layers count as four for each
/// layer: what they change is not averaged over others. Errors are measured on
/// some rows. Returns the rules, as --weights takes them; fails where int4 has
/// more bits, too.
llvm::Expected<std::string> chooseFormats(mlir::ModuleOp module,
                                          const Sources &sources, double bits);

} // namespace fpmoe

#endif
