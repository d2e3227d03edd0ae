//===- Diagnostics.h - Diagnostics of MLIR as an error ----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TOOLS_FPMOE_COMPILE_DIAGNOSTICS_H
#define FPMOE_TOOLS_FPMOE_COMPILE_DIAGNOSTICS_H

#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/Error.h"

#include <string>

namespace fpmoe {

/// Keeps what a context reports, as long as it lives.
class Diagnostics {
public:
  explicit Diagnostics(mlir::MLIRContext *context);

  /// An error of what has been reported, or of `what` if nothing has.
  llvm::Error take(llvm::StringRef what);

private:
  std::string text;
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace fpmoe

#endif
