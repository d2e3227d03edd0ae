//===- Page.h - the page that the server shows ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_SERVE_PAGE_H
#define FPMOE_RUNTIME_SERVE_PAGE_H

#include <string>

namespace fpmoe {

/// A page of one file, without anything from elsewhere: an editor that the
/// model goes on in, and where its tokens have the colours of their experts.
std::string pageText();

} // namespace fpmoe

#endif // FPMOE_RUNTIME_SERVE_PAGE_H
