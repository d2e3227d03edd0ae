//===- GenerateMany.h - texts that follow many prompts ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_SERVE_GENERATEMANY_H
#define FPMOE_RUNTIME_SERVE_GENERATEMANY_H

#include "runtime/cli/Generation.h"

namespace fpmoe {

/// Continues the prompts of a file of JSON lines, several at a time, and writes
/// a line for each to the standard output, in their order. `request` has what
/// they have in common. Returns an exit code.
int generateMany(const std::string &path, int64_t sequences, Request &request,
                 Engine &engine);

} // namespace fpmoe

#endif // FPMOE_RUNTIME_SERVE_GENERATEMANY_H
