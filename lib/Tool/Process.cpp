//===- Process.cpp - The process of a tool --------------------------------===//
//
// Part of the fpmoe project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
// Signals come at any time and failures with no memory left: what runs then
// makes system calls only.
//===----------------------------------------------------------------------===//

#include "lib/Tool/Process.h"
#include "lib/Checkpoint/Input.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/WithColor.h"

#include <atomic>
#include <cerrno>
#include <ctime>
#include <exception>
#include <fcntl.h>
#include <new>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace llvm;

static std::atomic<const char *> directoryToRemove{nullptr};
static std::atomic<pid_t> childToKill{0};
static std::atomic<int> numBlocking{0};

void fpmoe::setDirectoryToRemove(const char *path) { directoryToRemove = path; }

/// Removes a directory that has no directories in it. opendir() would allocate.
static void removeDirectory(const char *path) {
  int directory = ::open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory < 0)
    return;
  struct Entry {
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
  };
  alignas(Entry) char buffer[4096];
  long bytes;
  while ((bytes =
              ::syscall(SYS_getdents64, directory, buffer, sizeof(buffer))) > 0)
    for (long at = 0; at < bytes;) {
      auto *entry = reinterpret_cast<const Entry *>(buffer + at);
      ::unlinkat(directory, entry->name, 0);
      at += entry->length;
    }
  ::close(directory);
  ::rmdir(path);
}

static void cleanUp() {
  if (pid_t child = childToKill)
    ::kill(child, SIGKILL);
  sys::RunInterruptHandlers(); // those of sys::RemoveFileOnSignal
  if (const char *path = directoryToRemove)
    removeDirectory(path);
}

/// Prints "error: WHATREASON" with control characters escaped, as far as it
/// fits.
static void printLine(StringRef what, StringRef reason = "") {
  char line[1024];
  size_t length = 0;
  auto add = [&](StringRef text) {
    for (unsigned char c : text) {
      if (length + 6 > sizeof(line))
        return;
      if (c >= 0x20 && c != 0x7F) {
        line[length++] = static_cast<char>(c);
        continue;
      }
      for (char part :
           {'\\', 'x', "0123456789abcdef"[c >> 4], "0123456789abcdef"[c & 15]})
        line[length++] = part;
    }
  };
  add("error: ");
  add(what);
  add(reason.rtrim());
  line[length++] = '\n';
  (void)!::write(STDERR_FILENO, line, length);
}

/// Ends the process. Where several threads fail, the first one speaks.
[[noreturn]] static void die(StringRef what, StringRef reason = "") {
  static std::atomic_flag begun = ATOMIC_FLAG_INIT;
  while (begun.test_and_set())
    ::pause();
  printLine(what, reason);
  cleanUp();
  ::_exit(1);
}

static void onFatalError(void *, const char *reason, bool) {
  die("the compiler cannot go on: ", reason);
}

static void onBadAlloc(void *, const char *, bool) { die("out of memory"); }

static void onTerminate() {
  try {
    if (std::exception_ptr exception = std::current_exception())
      std::rethrow_exception(exception);
  } catch (const std::bad_alloc &) {
    die("out of memory");
  } catch (const std::exception &exception) {
    die("the compiler cannot go on: ", exception.what());
  } catch (...) {
  }
  die("the compiler cannot go on");
}

static bool isFault(int signal) {
  return signal == SIGABRT || signal == SIGBUS || signal == SIGFPE ||
         signal == SIGILL || signal == SIGSEGV;
}

/// Cleans up and dies of the signal, as who waits for the process expects.
static void onSignal(int signal) {
  int saved = errno;
  bool isFatal = isFault(signal);
  // A thread that blocks signals is another one.
  while (!isFatal && numBlocking) {
    timespec moment = {0, 1'000'000};
    ::nanosleep(&moment, nullptr);
  }
  if (isFatal)
    printLine("a fault of the compiler: ", ::sigabbrev_np(signal));
  cleanUp();
  struct sigaction plain = {};
  plain.sa_handler = SIG_DFL;
  ::sigaction(signal, &plain, nullptr);
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  ::raise(signal);
  errno = saved;
}

/// Whether a signal ends a process that does not care for it.
static bool isTerminating(int signal) {
  switch (signal) {
  case SIGKILL:
  case SIGSTOP:
  case SIGTSTP:
  case SIGTTIN:
  case SIGTTOU:
  case SIGCONT:
  case SIGCHLD:
  case SIGURG:
  case SIGWINCH:
    return false;
  default:
    return true;
  }
}

static void handleSignals() {
  // Whoever started the tool may have told it to ignore a signal.
  struct sigaction found[NSIG];
  for (int signal = 1; signal < NSIG; ++signal)
    if (::sigaction(signal, nullptr, &found[signal]) != 0)
      found[signal].sa_handler = SIG_IGN;
  // LLVM takes signals once, with its first file to remove; ours come after it.
  sys::SetInterruptFunction(nullptr);
  struct sigaction ours = {};
  ours.sa_handler = onSignal;
  ours.sa_flags = SA_ONSTACK;
  ::sigfillset(&ours.sa_mask);
  for (int signal = 1; signal < NSIG; ++signal) {
    if (!isTerminating(signal))
      continue;
    bool isIgnored = found[signal].sa_handler == SIG_IGN || signal == SIGPIPE ||
                     signal == SIGXFSZ;
    ::sigaction(signal, isIgnored ? nullptr : &ours, nullptr);
    if (isIgnored)
      ::signal(signal, SIG_IGN);
  }
}

fpmoe::SignalsBlocked::SignalsBlocked() {
  sigset_t ours;
  ::sigemptyset(&ours);
  for (int signal = 1; signal < NSIG; ++signal)
    if (isTerminating(signal) && !isFault(signal))
      ::sigaddset(&ours, signal);
  ::pthread_sigmask(SIG_BLOCK, &ours, &before);
  ++numBlocking;
}

fpmoe::SignalsBlocked::~SignalsBlocked() {
  --numBlocking;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

/// Who reads or writes a stream that was closed gets an error as before.
static void openStandardStreams() {
  for (int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(stream, F_GETFD) < 0 && errno == EBADF)
      (void)::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

/// A checkpoint in many files has all of them open until they are whole.
static void raiseFileLimit() {
  rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void fpmoe::initTool() {
  openStandardStreams();
  raiseFileLimit();
  handleSignals();
  std::set_new_handler([] { die("out of memory"); });
  std::set_terminate(onTerminate);
  install_fatal_error_handler(onFatalError);
  install_bad_alloc_error_handler(onBadAlloc);
}

int fpmoe::reportError(const Twine &message, int code) {
  WithColor::error() << printable(message.str(), StringRef::npos) << "\n";
  errs().clear_error(); // nobody has to read it
  return code;
}

int fpmoe::runChild(ArrayRef<StringRef> arguments, StringRef log,
                    std::string &problem) {
  bool failed = false;
  sys::ProcessInfo child =
      sys::ExecuteNoWait(arguments.front(), arguments, std::nullopt,
                         {StringRef(), log, log}, 0, &problem, &failed);
  if (failed)
    return -1;
  childToKill = child.Pid;
  int status = sys::Wait(child, std::nullopt, &problem).ReturnCode;
  childToKill = 0;
  return status;
}

std::string fpmoe::printableLines(StringRef text) {
  std::string result;
  for (StringRef line : split(text.rtrim('\n'), '\n'))
    result += printable(line, StringRef::npos) + "\n";
  return result;
}

int fpmoe::finishTool(int code) {
  outs().flush();
  if (std::error_code error = outs().error()) {
    outs().clear_error();
    int failed = reportError("the standard output cannot be written: " +
                             error.message());
    code = code ? code : failed;
  }
  errs().clear_error();
  return code;
}
