//===- Console.cpp - standard output, errors and Ctrl-C ---*- C++ -*-===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The first write error is kept and reported once, at the end. Nothing here
// allocates in a signal handler.
//
//===----------------------------------------------------------------------===//

#include "runtime/cli/Console.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

using namespace fpmoe;

static volatile sig_atomic_t interruptions = 0;
static int outputError = 0;

static void onInterrupt(int) { interruptions = 1; }

/// A mapped file that shrinks under the program, or a broken disk.
static void onBusError(int) {
  static const char text[] = "error: the weights can no longer be read: their "
                             "file was cut short, or the disk failed\n";
  ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);
  (void)ignored;
  _exit(exitError);
}

void fpmoe::prepareConsole() {
  struct sigaction action = {};
  action.sa_handler = onInterrupt;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  action.sa_handler = onBusError;
  sigaction(SIGBUS, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

bool fpmoe::interrupted() { return interruptions; }

bool fpmoe::print(const std::string &text) {
  if (!outputError && fwrite(text.data(), 1, text.size(), stdout) < text.size())
    outputError = errno ? errno : EIO;
  return !outputError;
}

bool fpmoe::flush() {
  if (!outputError && fflush(stdout))
    outputError = errno ? errno : EIO;
  return !outputError;
}

int fpmoe::fail(const std::string &message) {
  flush();
  fprintf(stderr, "error: %s\n", message.c_str());
  return exitError;
}

int fpmoe::misuse(const Status &status) {
  fail(status);
  return exitUsage;
}

int fpmoe::showHelp(const std::string &text) {
  print(text);
  return exitSuccess;
}

int fpmoe::finish(int code) {
  flush();
  if (!outputError || outputError == EPIPE)
    return code;
  return fail(
      format("cannot write to the standard output: %s", strerror(outputError)));
}

bool fpmoe::isTerminal(int descriptor) { return isatty(descriptor) == 1; }

bool fpmoe::wantsColour(const std::string &choice) {
  if (choice != "auto")
    return choice == "always";
  const char *refused = getenv("NO_COLOR");
  const char *terminal = getenv("TERM");
  return isTerminal(STDOUT_FILENO) && !(refused && *refused) &&
         !(terminal && !strcmp(terminal, "dumb"));
}
