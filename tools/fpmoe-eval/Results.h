//===- Results.h - logits and routes in files -------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads and writes what fpmoe-eval takes and gives, and compares it. Logits
// are raw little-endian f32, a row for each token; ids and routes are text.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_TOOLS_FPMOE_EVAL_RESULTS_H
#define FPMOE_TOOLS_FPMOE_EVAL_RESULTS_H

#include "lib/Reference/Interpreter.h"

#include "llvm/Support/raw_ostream.h"

namespace fpmoe {

/// Token ids, separated by white space.
llvm::Expected<std::vector<int32_t>> readIds(const std::string &path);

/// Languages of tokens, which may be -1 (none).
llvm::Expected<std::vector<int32_t>> readLanguages(const std::string &path);

/// Raw f32, in whole rows of `columns`.
llvm::Expected<Rows> readLogits(const std::string &path, int64_t columns);
/// Leaves no file behind if it fails.
llvm::Error writeLogits(const std::string &path, const Rows &logits);

/// Prints the largest difference over the largest expected logit, and whether
/// that is within the tolerance, which is returned. Infinities and NaNs differ
/// from everything. The matrices have the same shape.
bool compareLogits(const Rows &got, const Rows &expected, double tolerance,
                   llvm::raw_ostream &out);

/// A line for each layer and token: layer, token, and by turns the experts,
/// best first, with their weights. The routes must be sorted.
void printRoutes(llvm::ArrayRef<Route> routes, llvm::raw_ostream &out);
/// What printRoutes() prints; lines that start with '#' are comments.
llvm::Expected<std::vector<Route>> readRoutes(const std::string &path);

/// Prints how many routes differ: in the experts, or in a weight by more than
/// the tolerance. Returns whether none does.
bool compareRoutes(llvm::ArrayRef<Route> got, llvm::ArrayRef<Route> expected,
                   double tolerance, llvm::raw_ostream &out);

} // namespace fpmoe

#endif // FPMOE_TOOLS_FPMOE_EVAL_RESULTS_H
