//===- Status.cpp - errors as values ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Formats the messages of Status. The buffer grows to what vsnprintf asks for,
// so no message is cut.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Status.h"

#include <cstdarg>
#include <cstdio>

std::string fpmoe::format(const char *pattern, ...) {
  va_list arguments, again;
  va_start(arguments, pattern);
  va_copy(again, arguments);
  int length = vsnprintf(nullptr, 0, pattern, arguments);
  va_end(arguments);
  std::string text(length > 0 ? length : 0, '\0');
  if (length > 0)
    vsnprintf(&text[0], text.size() + 1, pattern, again);
  va_end(again);
  return text;
}
