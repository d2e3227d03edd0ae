//===- Pattern.h - regular expressions of configurations --------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matches names against expressions that files were written with for Python.
// Effort is bounded, since the files are not trusted.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_ASSEMBLY_PATTERN_H
#define FPMOE_LIB_ASSEMBLY_PATTERN_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <memory>

namespace fpmoe {

class Pattern {
public:
  /// Fails with what is wrong and where in the expression.
  static llvm::Expected<Pattern> compile(llvm::StringRef expression);

  /// Whether all of `text` matches, as `re.fullmatch`. Fails if it takes too
  /// long to tell.
  llvm::Expected<bool> matches(llvm::StringRef text) const;

private:
  std::shared_ptr<void> code;
};

} // namespace fpmoe

#endif // FPMOE_LIB_ASSEMBLY_PATTERN_H
