//===- StorageRules.h - Which matrix has which format -----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_PASSES_QUANTIZE_STORAGERULES_H
#define FPMOE_PASSES_QUANTIZE_STORAGERULES_H

#include "llvm/Support/Error.h"
#include "llvm/Support/GlobPattern.h"

#include <string>
#include <vector>

namespace fpmoe {

/// A text such as "int4,*down_proj=int8,embed_tokens=bf16": formats of matrices
/// by their names, and that of all others in front.
struct StorageRules {
  struct Rule {
    std::string text; ///< as it was given
    llvm::GlobPattern pattern;
    std::string format;
  };
  std::string fallback; ///< empty: that of the checkpoint
  std::vector<Rule> rules;

  /// The message names what is wrong with the text.
  static llvm::Expected<StorageRules> parse(llvm::StringRef text);
  /// The first rule that matches a name; null if none does.
  const Rule *find(llvm::StringRef name) const;
};

} // namespace fpmoe

#endif
