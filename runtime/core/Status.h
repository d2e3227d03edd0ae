//===- Status.h - errors as values ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The runtime is compiled without exceptions, so a function that can fail
// returns a Status. The message is a whole sentence for the user, without the
// "error: " that the command line puts before it.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CORE_STATUS_H
#define FPMOE_RUNTIME_CORE_STATUS_H

#include <string>

namespace fpmoe {

/// Returns printf-formatted text.
std::string format(const char *pattern, ...)
    __attribute__((format(printf, 1, 2)));

/// Success, or a message that says what went wrong.
class [[nodiscard]] Status {
public:
  static Status success() { return Status(); }
  static Status error(std::string message) {
    Status status;
    status.isError = true;
    status.text = std::move(message);
    return status;
  }

  bool failed() const { return isError; }
  const std::string &message() const { return text; }

private:
  bool isError = false;
  std::string text;
};

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CORE_STATUS_H
