//===- EscapedErrors.h - Errors that drive no terminal ----------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// For a tool whose messages are printed by a library, as they are.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_TOOL_ESCAPEDERRORS_H
#define FPMOE_LIB_TOOL_ESCAPEDERRORS_H

namespace fpmoe {

/// Has control characters escaped in all lines that this process writes to the
/// standard error from now on. To be called before there are threads.
void escapeErrors();

} // namespace fpmoe

#endif
