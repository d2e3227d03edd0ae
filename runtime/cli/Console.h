//===- Console.h - standard output, errors and Ctrl-C ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What all commands share in talking to a person or a pipe: output that ends
// quietly when the reader is gone, errors of one form, and Ctrl-C that lets
// the current token finish.
//
//===----------------------------------------------------------------------===//

#ifndef FPMOE_RUNTIME_CLI_CONSOLE_H
#define FPMOE_RUNTIME_CLI_CONSOLE_H

#include "runtime/core/Status.h"

#include <string>

namespace fpmoe {

/// Exit codes.
enum { exitSuccess = 0, exitError = 1, exitUsage = 2, exitInterrupted = 130 };

/// Installs the handlers: Ctrl-C is noted, and a second one ends at once; a
/// closed pipe is an ordinary write error; a lack of memory, or a file that
/// became shorter while it was mapped, is one error. A standard stream that is
/// closed stays an error, instead of becoming the next file that is opened.
void prepareConsole();

/// The text made safe to print: control characters are escaped, since names in
/// a model must not drive the terminal, and invalid UTF-8 is replaced.
std::string printable(const std::string &text);

/// True once Ctrl-C was pressed.
bool interrupted();

/// Writes to standard output; flush makes it visible. Both return false once
/// the output is broken.
bool print(const std::string &text);
bool flush();

/// Prints "note: message" to the standard error.
void note(const std::string &message);

/// Errors are those of others that were started with this process, too, of
/// which another one says them; it does so in the time that this one waits.
void muteErrors(bool areMuted);

/// Prints the help of a command and returns exitSuccess.
int showHelp(const std::string &text);

/// Prints "error: message" and returns exitError. After Ctrl-C, which makes
/// system calls fail, it prints nothing and returns exitInterrupted.
int fail(const std::string &message);
inline int fail(const Status &status) { return fail(status.message()); }

/// Prints "error: message" and returns exitUsage.
int misuse(const Status &status);

/// Flushes, and returns `code`, or exitError with a message when the output
/// could not be written. A reader that closed the pipe is not an error.
int finish(int code);

/// What is written is passed on by another process: even a terminal is none.
void assumeNoTerminal();

/// True when `descriptor` is a terminal that wants colours.
bool isTerminal(int descriptor);
bool wantsColour(const std::string &choice);

} // namespace fpmoe

#endif // FPMOE_RUNTIME_CLI_CONSOLE_H
