//===- Report.h - What storage formats change, on a page --------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TOOLS_FPMOE_COMPILE_REPORT_H
#define FPMOE_TOOLS_FPMOE_COMPILE_REPORT_H

#include "lib/Weights/Errors.h"

namespace fpmoe {

/// JSON: `weights`, a list of name, layer (where it has one), format, elements,
/// bytes and relative_error; `bits_per_weight` of all of them.
std::string makeJsonReport(llvm::StringRef model,
                           llvm::ArrayRef<WeightError> errors);

/// A picture in SVG: the relative error of each weight, a line for each kind of
/// weight over the layers.
std::string makeSvgReport(llvm::StringRef model,
                          llvm::ArrayRef<WeightError> errors);

} // namespace fpmoe

#endif
