//===- EscapedErrors.cpp - Errors that drive no terminal ------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// A child takes the lines from a pipe, so that those of a failure, after which
// nothing else runs here, get through as well.
//===----------------------------------------------------------------------===//

#include "lib/Tool/EscapedErrors.h"
#include "lib/Checkpoint/Input.h"
#include "lib/Tool/Process.h"
#include "llvm/Support/raw_ostream.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace llvm;

static pid_t child;
static int terminal; ///< or wherever the standard error goes

/// Prints all lines of the pipe. Whatever ends the tool ends them.
[[noreturn]] static void printLines(int pipe) {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  ::close(STDIN_FILENO);
  ::close(STDOUT_FILENO);
  std::string text;
  char buffer[4096];
  for (ssize_t count; (count = ::read(pipe, buffer, sizeof(buffer))) > 0;) {
    text.append(buffer, count);
    size_t begin = 0, end;
    for (; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
      errs() << fpmoe::printable(StringRef(text).slice(begin, end),
                                 StringRef::npos)
             << "\n";
    text.erase(0, begin);
  }
  if (!text.empty())
    errs() << fpmoe::printable(text, StringRef::npos) << "\n";
  ::_exit(0);
}

/// The last line is there before the tool is gone.
static void waitForLines() {
  ::dup2(terminal, STDERR_FILENO);
  ::waitpid(child, nullptr, 0);
}

void fpmoe::escapeErrors() {
  int ends[2];
  terminal = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
  if (terminal < 0 || ::pipe2(ends, O_CLOEXEC) != 0 || (child = ::fork()) < 0)
    std::exit(reportError(Twine("no process can be made that prints errors: ") +
                          std::strerror(errno)));
  if (child == 0) {
    ::close(ends[1]);
    printLines(ends[0]);
  }
  ::close(ends[0]);
  ::dup2(ends[1], STDERR_FILENO);
  ::close(ends[1]);
  std::atexit(waitForLines);
}
