//===- Errors.h - What formats change of weights ----------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_WEIGHTS_ERRORS_H
#define FPMOE_LIB_WEIGHTS_ERRORS_H

#include "lib/Weights/Sources.h"

#include <functional>
#include <string>
#include <vector>

namespace fpmoe {

/// An instance of a weight that is rounded to a format.
struct WeightError {
  std::string weight;
  std::optional<int64_t> layer;
  std::string format;
  int64_t elements = 0, bytes = 0;
  /// Sums over the elements that were looked at, and over what rounding changed
  /// of them.
  double squares = 0, differences = 0;
  /// sqrt(differences / squares); 0 of zeros.
  double getRelative() const;
};

/// The matrices that have a storage format, in the order of the module, with
/// nothing measured. Packed weights count as they are without their padding.
std::vector<WeightError> listMatrices(mlir::ModuleOp module);

struct ErrorOptions {
  /// Rows of an instance that are looked at, spread over it; 0: all.
  int64_t rows = 0;
  std::function<void(uint64_t done, uint64_t total)> progress;
};

/// The same, and evaluates them before and after they are rounded, on all
/// cores.
llvm::Expected<std::vector<WeightError>>
measureErrors(mlir::ModuleOp module, const Sources &sources,
              const ErrorOptions &options);

/// The instances of each weight put together.
std::vector<WeightError> joinLayers(llvm::ArrayRef<WeightError> errors);

} // namespace fpmoe

#endif
