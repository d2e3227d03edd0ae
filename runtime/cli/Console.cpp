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
#include "runtime/tokenizer/Utf8.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <new>
#include <string_view>
#include <unistd.h>

using namespace fpmoe;

static volatile sig_atomic_t interruptions = 0;
static int outputError = 0;
static bool areErrorsMuted = false;
static bool mayBeTerminal = true;

static void onInterrupt(int) { interruptions = 1; }

/// Ends the process from where nothing but system calls is safe. Threads that
/// meet the same fault wait for its end: it is told once.
[[noreturn]] static void failAtOnce(std::string_view text) {
  static std::atomic_flag failing = ATOMIC_FLAG_INIT;
  while (failing.test_and_set())
    pause();
  ssize_t ignored = write(STDERR_FILENO, text.data(), text.size());
  (void)ignored;
  _exit(exitError);
}

/// A mapped file that shrinks under the program, or a broken disk.
static void onBusError(int) {
  failAtOnce("error: the program or its weights can no longer be read: the "
             "file was cut short, or the disk failed\n");
}

static void onOutOfMemory() {
  failAtOnce("error: out of memory: this process may not have more; see "
             "'ulimit -v' and the memory that is free\n");
}

/// Opens what is there on any system in the place of a closed stream, so that
/// using the stream fails as it did.
static void reserveStreams() {
  for (int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(stream, F_GETFD) != -1 || errno != EBADF)
      continue;
    // The lowest number that is free, which is this one.
    if (stream != STDIN_FILENO || open("/dev/null", O_WRONLY) != stream)
      (void)open("/", O_RDONLY | O_DIRECTORY);
  }
}

void fpmoe::prepareConsole() {
  std::set_new_handler(onOutOfMemory);
  reserveStreams();
  struct sigaction action = {};
  action.sa_handler = onInterrupt;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  action.sa_handler = onBusError;
  action.sa_flags = 0; // other threads can meet it before the process ends
  sigaction(SIGBUS, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

std::string fpmoe::printable(const std::string &text) {
  std::string valid, shown;
  appendLossy(text, /*final=*/true, valid);
  for (size_t at = 0; at < valid.size();) {
    size_t size = characterSize(valid[at]);
    uint32_t character = decodeCharacter(std::string_view(valid).substr(at));
    // Some terminals obey U+0080 to U+009F as well.
    if (character < 0x20 || (character >= 0x7f && character < 0xa0))
      shown += format("\\x%02x", character);
    else
      shown.append(valid, at, size);
    at += size;
  }
  return shown;
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
  if (interrupted())
    return exitInterrupted;
  if (areErrorsMuted)
    sleep(2); // mpirun may end all others when the first one ends
  else
    fprintf(stderr, "error: %s\n", printable(message).c_str());
  return exitError;
}

void fpmoe::muteErrors(bool areMuted) { areErrorsMuted = areMuted; }

int fpmoe::misuse(const Status &status) {
  fail(status);
  return exitUsage;
}

void fpmoe::note(const std::string &message) {
  fprintf(stderr, "note: %s\n", printable(message).c_str());
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

void fpmoe::assumeNoTerminal() { mayBeTerminal = false; }

bool fpmoe::isTerminal(int descriptor) {
  return mayBeTerminal && isatty(descriptor) == 1;
}

bool fpmoe::wantsColour(const std::string &choice) {
  if (choice != "auto")
    return choice == "always";
  const char *refused = getenv("NO_COLOR");
  const char *terminal = getenv("TERM");
  return isTerminal(STDOUT_FILENO) && !(refused && *refused) &&
         !(terminal && !strcmp(terminal, "dumb"));
}
