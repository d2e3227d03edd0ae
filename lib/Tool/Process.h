//===- Process.h - The process of a tool ------------------------*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// However a tool ends, it leaves no temporary file, and says why in one line.
//===----------------------------------------------------------------------===//

#ifndef FPMOE_LIB_TOOL_PROCESS_H
#define FPMOE_LIB_TOOL_PROCESS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/Twine.h"

#include <csignal>
#include <string>

namespace fpmoe {

/// To be called first in main. Closed standard streams are opened, so that no
/// file takes their place. Failures in libraries, of memory, and of threads,
/// which they end the process with, become one line and the exit code 1.
/// Signals that end the process remove temporary files first; a closed pipe and
/// a limit on the size of files are errors where something is written.
void initTool();

/// Prints "error: MESSAGE" in one line, and returns `code`. What files hold may
/// be in the message: control characters are escaped.
int reportError(const llvm::Twine &message, int code = 1);

/// Text of several lines, with the other control characters escaped.
std::string printableLines(llvm::StringRef text);

/// To be called last in main: the exit code of a tool that has done its work,
/// unless the standard output could not be written.
int finishTool(int code = 0);

/// Signals that end the process wait as long as this lives, for what is done
/// whole or not at all.
class SignalsBlocked {
public:
  SignalsBlocked();
  ~SignalsBlocked();

private:
  sigset_t before;
};

/// Has a directory and the files in it removed when a signal or a failure ends
/// the process; null: none. The text must stay where it is.
void setDirectoryToRemove(const char *path);

/// Runs a program, whose output goes to the file `log`. Should this process
/// end, so does that. Returns its exit code; where there is none, or a negative
/// one, `problem` says why.
int runChild(llvm::ArrayRef<llvm::StringRef> arguments, llvm::StringRef log,
             std::string &problem);

} // namespace fpmoe

#endif
