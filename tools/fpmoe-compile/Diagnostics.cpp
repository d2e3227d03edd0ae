//===- Diagnostics.cpp - Diagnostics of MLIR as an error ------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/fpmoe-compile/Diagnostics.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace fpmoe;

Diagnostics::Diagnostics(mlir::MLIRContext *context)
    : handler(context, [this](mlir::Diagnostic &diagnostic) {
        raw_string_ostream os(text);
        if (!text.empty())
          os << "; ";
        if (auto file =
                dyn_cast<mlir::FileLineColLoc>(diagnostic.getLocation()))
          os << file.getFilename().getValue() << ":" << file.getLine() << ":"
             << file.getColumn() << ": ";
        os << diagnostic;
        return mlir::success();
      }) {}

Error Diagnostics::take(StringRef what) {
  return createStringError(text.empty() ? what : text);
}
