//===- TracePage.h - the web page of trace ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The page is one file without outside resources: a head, the data as JSON,
// and a tail with the script that draws them.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CLI_TRACEPAGE_H
#define FPMOE_RUNTIME_CLI_TRACEPAGE_H

namespace fpmoe {

/// What stands before and after the JSON data.
extern const char tracePageHead[];
extern const char tracePageTail[];

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CLI_TRACEPAGE_H
